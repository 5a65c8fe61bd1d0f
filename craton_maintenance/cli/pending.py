"""``pending``: what lies before a project."""

import argparse
from typing import Any

from craton_maintenance.cli import base, columns


class Show(base.ShowOne):
    """Show the maintenance that is pending for a project.

    ``seq`` is the number of the last event that went into it: what comes after is
    had by ``event list --since SEQ``.
    """

    example = "%(prog)s"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--project", metavar="ID", help="another project's (operators)")

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        found = self.client.pending(parsed_args.project)
        windows = found["maintenance_windows"]
        return ("seq", "notices", "maintenance_windows"), (
            found["seq"],
            columns.Asked(found["notices"]),
            columns.Windows(windows),
        )
