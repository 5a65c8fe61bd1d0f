"""``flow``: the catalogue of flows."""

import argparse
from typing import Any

from craton_maintenance.cli import base, columns


class List(base.Lister):
    """List the flows that you may choose."""

    example = "%(prog)s"

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return (
            ("Name", "For", "Action", "Description", "Interrupts", "Steps"),
            [
                (
                    flow["name"],
                    flow["for"],
                    columns.Text(flow.get("action")),
                    flow["description"],
                    columns.Text(flow.get("interrupts")),
                    columns.Words(flow.get("steps") or _plugins(flow)),
                )
                for flow in self.client.flows()
            ],
        )


def _plugins(flow: dict[str, Any]) -> list[str]:
    return [action["plugin"] for action in flow.get("actions", ())]
