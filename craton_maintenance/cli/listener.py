"""``listener``, ``session listeners``, ``window listeners``: which projects would hear."""

import argparse
from typing import Any

from craton_maintenance.cli import base, columns
from craton_maintenance.cli.client import Json

#: What ``--silent`` leaves.
_SILENT = ("maybe", "no", "unknown")


class _Listeners(base.Lister):
    """Projects, and whether Aodh tells them. What is asked about is the subclass's."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--silent", action="store_true", help="only projects that do not hear for certain"
        )
        parser.add_argument("--long", action="store_true", help="more columns")

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        found = self.ask(parsed_args)
        self._tell(found["aodh"])
        shown = [x for x in found["projects"] if not parsed_args.silent or x["listens"] in _SILENT]
        heads = ["Project", "Servers", "Listens", "Alarms", "Last Answer"]
        rows = [
            [
                x["project_id"],
                x["servers_count"],
                x["listens"],
                columns.Alarms(x["alarms"]),
                columns.Time(x["answered_at"]),
            ]
            for x in shown
        ]
        if parsed_args.long:
            heads += ["Operators", "Hears", "May Hear"]
            for row, x in zip(rows, shown, strict=True):
                row += [x["operators"], columns.Names(x["hears"]), columns.Names(x["may_hear"])]
        return heads, rows

    def ask(self, parsed_args: argparse.Namespace) -> Json:
        raise NotImplementedError

    def _tell(self, looks: list[Json]) -> None:
        """Say what is not known."""
        if not looks:
            self.app.stderr.write("No cloud is configured: nobody knows who listens.\n")
        for look in looks:
            if look["status"] != "read":
                self.app.stderr.write(
                    f"{look['region']}: Aodh {look['status']}: {look['words']}\n"
                )


class List(_Listeners):
    """List which projects with servers have alarms on what they may be told."""

    example = "%(prog)s --silent"

    def ask(self, parsed_args: argparse.Namespace) -> Json:
        return self.client.listeners()


class OfSession(_Listeners):
    """List which of the projects concerned have alarms on the notices of a session."""

    example = "%(prog)s 5b1f3c58-52b1-4b3e-9a0e-3c1f0f6f7d11 --silent"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("session", metavar="ID", help="id of the session")

    def ask(self, parsed_args: argparse.Namespace) -> Json:
        return self.client.session_listeners(parsed_args.session)


class OfWindow(_Listeners):
    """List which of the projects concerned have alarms on what they are told of a window."""

    example = "%(prog)s 2c1d5bd6-4d44-4a5e-9f43-4d4f9f6a8a10 --silent"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("window", metavar="ID", help="id of the window")

    def ask(self, parsed_args: argparse.Namespace) -> Json:
        return self.client.window_listeners(parsed_args.window)
