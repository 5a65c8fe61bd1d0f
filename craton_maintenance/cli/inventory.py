"""``inventory sync``: synchronise with Nova now."""

import argparse
import dataclasses
from typing import Any

from cliff.lister import Lister
from keystoneauth1 import exceptions as keystone_exceptions
from novaclient import exceptions as nova_exceptions
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance.db import migrate
from craton_maintenance.db.database import NotFit
from craton_maintenance.inventory import sync
from craton_maintenance.nova.credentials import NoCloud, regions
from craton_maintenance.service import Service

_COLUMNS = (
    "Region",
    "Complete",
    *(
        field.name.replace("_", " ").capitalize()
        for field in dataclasses.fields(sync.Report)
        if field.name != "gaps"
    ),
)


class Sync(Lister):
    """Synchronise the inventory with Nova, once, and show what was found and changed.

    Works on the database directly, with the credentials of clouds.yaml or the OS_*
    variables.  Repeating it changes nothing.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--config-file", action="append", default=[], metavar="FILE")
        parser.add_argument("--database", metavar="URL", help="instead of the configured one")
        parser.add_argument("--region", help="only this region")
        parser.add_argument(
            "--create",
            action="store_true",
            default=None,
            help="make Craton's rows for hosts that Nova has and Craton has not",
        )
        return parser

    def take_action(self, args: argparse.Namespace) -> tuple[tuple[str, ...], list[Any]]:
        try:
            overrides = {("database", "connection"): args.database} if args.database else {}
            service = Service(configuration.load(args.config_file, overrides))
            migrate.check(service.database)
            wanted = [
                region for region in regions(service.conf) if args.region in (None, region.name)
            ]
            if not wanted:
                raise NoCloud(
                    f"no region {args.region!r} is configured"
                    if args.region
                    else "no cloud is configured: set OS_CLOUD or OS_AUTH_URL, or [nova] regions"
                )
            return _COLUMNS, [self._row(service, region, args.create) for region in wanted]
        except (NotFit, NoCloud, cfg.Error) as error:
            raise RuntimeError(str(error)) from None
        except (keystone_exceptions.ClientException, nova_exceptions.ClientException) as error:
            raise RuntimeError(f"Nova can't be read: {error}") from None

    def _row(self, service: Service, region: Any, create: bool | None) -> list[Any]:
        report = sync.Sync(service, region, create).run()
        for gap in report.gaps:
            self.app.stderr.write(f"{region.name}: {gap}\n")
        counts = dataclasses.asdict(report)
        counts.pop("gaps")
        return [region.name, "no" if report.gaps else "yes", *counts.values()]
