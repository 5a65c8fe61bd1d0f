"""``nova-host``: what Nova knows, what Craton knows, and where they differ."""

import argparse
from collections.abc import Mapping
from typing import Any

from craton_maintenance.cli import base, columns


class List(base.Lister):
    """List the hosts that Nova or Craton know."""

    example = "%(prog)s --differences"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--differences", action="store_true", help="only hosts that differ, and in what"
        )
        parser.add_argument("--region", metavar="NAME", help="only hosts of this region")
        parser.add_argument("--name", metavar="NAME", help="only hosts of this name")
        parser.add_argument("--long", action="store_true", help="all that both know")

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        query = {
            "limit": 100,
            "differences": parsed_args.differences or None,
            "region": parsed_args.region,
            "name": parsed_args.name,
        }
        hosts, syncs = self.client.nova_hosts({k: v for k, v in query.items() if v is not None})
        self._tell(syncs)
        heads = ["Region", "Name", "Status", "State", "Zone", "Craton ID", "Differences"]
        rows = [_row(host) for host in hosts]
        if parsed_args.long:
            heads += ["Nova", "Craton"]
            for row, host in zip(rows, hosts, strict=True):
                row += [columns.Payload(host["nova"] or {}), columns.Payload(host["craton"] or {})]
        return heads, rows

    def _tell(self, syncs: list[dict[str, Any]]) -> None:
        """Say how far the list can be trusted."""
        if not syncs:
            self.app.stderr.write("Nothing was ever read from Nova.\n")
        for sync in syncs:
            if sync["error"] or not sync["complete"]:
                what = sync["error"] or "not all of Nova answered"
                self.app.stderr.write(f"{sync['region']}: last read from Nova: {what}\n")


def _row(host: Mapping[str, Any]) -> list[Any]:
    nova, craton = host["nova"] or {}, host["craton"] or {}
    return [
        host["region"],
        host["name"],
        columns.Text(nova.get("status")),
        columns.Text(nova.get("state")),
        columns.Text(nova.get("availability_zone")),
        columns.Text(craton.get("id")),
        columns.Differences(host["differences"]),
    ]
