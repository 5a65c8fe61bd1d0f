"""``serve``: API, engine and relay in one process."""

import argparse
from typing import Any

from cliff.command import Command
from keystoneauth1.session import Session
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance import simcloud
from craton_maintenance.api.app import create_app
from craton_maintenance.api.server import Server
from craton_maintenance.cli import processes
from craton_maintenance.db import migrate
from craton_maintenance.db.database import NotFit
from craton_maintenance.engine.engine import Engine
from craton_maintenance.nova.credentials import NoCloud, Region, regions
from craton_maintenance.service import Service

_DEMO = ""


class Serve(Command):
    """Run everything in one process: API, engine and event delivery.

    Without a Craton this is all there is: the inventory is embedded and filled from
    Nova.  Credentials for Nova come from clouds.yaml and the OS_* variables.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--config-file", action="append", default=[], metavar="FILE")
        parser.add_argument(
            "--listen", metavar="HOST:PORT", type=_address, help="default 127.0.0.1:7790"
        )
        parser.add_argument("--database", metavar="URL", help="default: an SQLite file here")
        parser.add_argument("--transport-url", metavar="URL", help="message bus; default: none")
        parser.add_argument("--auth", choices=("none", "local", "keystone"))
        parser.add_argument(
            "--simulate",
            nargs="?",
            const=_DEMO,
            metavar="FLEET.yaml",
            help="use a simulated cloud; without a file, a small one to look at",
        )
        return parser

    def take_action(self, args: argparse.Namespace) -> int:
        try:
            processes.run_until_signal(*_parts(args, self.app.stdout))
        except (NotFit, NoCloud, simcloud.FleetError, cfg.Error, OSError) as error:
            raise RuntimeError(str(error)) from None
        return 0


def _parts(args: argparse.Namespace, out: Any) -> tuple[list[Any], Any]:
    conf = _configuration(args)
    processes.setup(conf)
    parts: list[Any] = []
    if args.simulate is None:
        known = regions(conf)
    else:
        fleet = (
            simcloud.demo_fleet()
            if args.simulate == _DEMO
            else simcloud.Fleet.from_yaml(args.simulate)
        )
        cloud = simcloud.SimCloudServer(simcloud.Cloud(fleet))
        parts.append(cloud)
        known = [simulated(cloud)]
    service = Service(conf)
    service.regions = lambda: known
    migrate.upgrade(service.database)
    server = Server(create_app(service), conf)
    may_create = conf.inventory.create or not migrate.has_craton(service.database)
    parts += [server, Engine(service, known, may_create)]

    def ready() -> None:
        out.write(f"serving {service.public_url}\n")
        if args.simulate is not None:
            out.write(f"simulated cloud at {cloud.auth_url} (users' password: secret)\n")
            out.write(f"its projects: {_projects(cloud.cloud)}\n")
        elif not known:
            out.write("no cloud is configured (OS_CLOUD, OS_AUTH_URL, [nova] regions)\n")
        out.flush()

    return parts, ready


def _projects(cloud: simcloud.Cloud) -> str:
    """Some with servers, with the ids that replies and constraints need."""
    owners = sorted(
        (cloud.projects[one].name, one) for one in cloud.by_project if cloud.by_project[one]
    )
    return ", ".join(f"{name} {project_id}" for name, project_id in owners[:5])


def simulated(cloud: simcloud.SimCloudServer) -> Region:
    """The region of a simulated cloud, as its service user."""

    def session() -> Session:
        return cloud.session("maintenance")

    return Region("RegionOne", session, "RegionOne", "public")


def _configuration(args: argparse.Namespace) -> cfg.ConfigOpts:
    overrides: dict[tuple[str, str], object] = {}
    if args.listen:
        overrides["api", "host"], overrides["api", "port"] = args.listen
    if args.database:
        overrides["database", "connection"] = args.database
    if args.auth:
        overrides["api", "auth"] = args.auth
    conf = configuration.load(args.config_file, overrides)
    if args.transport_url:
        conf.set_override("transport_url", args.transport_url)
    return conf


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)
