"""``nova-host``: what Nova knows, what Craton knows, and where they differ."""

import argparse
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
        heads: tuple[str, ...] = ("Region", "Name", "In Nova", "In Craton", "Differences")
        rows: list[tuple[Any, ...]] = [
            (
                host["region"],
                host["name"],
                host["nova"] is not None,
                host["craton"] is not None,
                columns.Differences(host["differences"]),
            )
            for host in hosts
        ]
        if parsed_args.long:
            heads += ("Nova", "Craton")
            known = (
                (columns.Payload(x["nova"] or {}), columns.Payload(x["craton"] or {}))
                for x in hosts
            )
            rows = [(*row, *both) for row, both in zip(rows, known, strict=True)]
        return heads, rows

    def _tell(self, syncs: list[dict[str, Any]]) -> None:
        """Say how far the list can be trusted."""
        if not syncs:
            self.app.stderr.write("Nothing was ever read from Nova.\n")
        for sync in syncs:
            if sync["error"] or not sync["complete"]:
                what = sync["error"] or "not all of Nova answered"
                self.app.stderr.write(f"{sync['region']}: last read from Nova: {what}\n")
