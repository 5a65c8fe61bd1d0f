"""``event``: the history of what happened, and what happens."""

import argparse
import itertools
from collections.abc import Iterator
from typing import Any

from cliff.columns import FormattableColumn

from craton_maintenance.cli import base, columns, stream
from craton_maintenance.cli.client import Json

#: Events asked for at a time.
_PAGE = 500
#: Seconds that a request of ``--follow`` waits, unless ``--wait`` says otherwise.
_FOLLOW_WAIT = 30


class List(base.Lister):
    """List events: those of your project, or of others for operators.

    With --follow, events are shown as they happen, one a line (-f json: one JSON
    object a line), until interrupted.  None is lost or repeated when the connection
    breaks; to go on later, give the number of the last one to --since.
    """

    example = "%(prog)s --since 41 --follow -f json --long"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--since",
            metavar="N",
            type=_number,
            default=0,
            help="only those after number N; default: from the beginning",
        )
        parser.add_argument(
            "--wait",
            metavar="SECONDS",
            type=_number,
            help="wait so long for an event where there is none",
        )
        parser.add_argument("--follow", action="store_true", help="show events as they happen")
        parser.add_argument("--limit", metavar="N", type=_number, help="not more than N")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--project", metavar="ID", help="another project's (operators)")
        whose.add_argument(
            "--all-projects",
            action="store_true",
            help="everybody's, numbered by position (operators)",
        )
        parser.add_argument(
            "--long", action="store_true", help="more columns, and all that is said"
        )

    def run(self, parsed_args: argparse.Namespace) -> int:
        if not parsed_args.follow:
            return super().run(parsed_args)
        return self._follow(parsed_args)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return _head(parsed_args), [_row(x, parsed_args) for x in self._read(parsed_args)]

    def _read(self, args: argparse.Namespace) -> Iterator[Json]:
        """Events up to now; only where there is none yet is one waited for."""
        since, wait, left = args.since, args.wait or 0, args.limit
        while left is None or left > 0:
            page = _PAGE if left is None else min(left, _PAGE)
            found = self.client.events(since, wait, page, args.project, args.all_projects)
            yield from found.events
            if len(found.events) < page:
                return
            since, wait = found.next, 0
            left = None if left is None else left - len(found.events)

    def _follow(self, args: argparse.Namespace) -> int:
        head = _head(args)
        shown, selector = self._generate_columns_and_selector(args, head)
        events = self.client.follow(
            args.since,
            _FOLLOW_WAIT if args.wait is None else max(args.wait, 1),
            args.project,
            args.all_projects,
        )
        if args.limit is not None:
            events = itertools.islice(events, args.limit)
        rows = (_row(event, args) for event in events)
        if selector:
            rows = (tuple(self._compress_iterable(row, selector)) for row in rows)
        stream.write(args.formatter, shown, rows, self.app.stdout)
        return 0


def _head(args: argparse.Namespace) -> tuple[str, ...]:
    number = ("Position", "Project") if args.all_projects else ("Seq",)
    more = ("ID", "Payload", "Servers") if args.long else ("Servers",)
    return (*number, "Time", "Event", "State", "About", "Window", *more)


def _row(event: Json, args: argparse.Namespace) -> tuple[Any, ...]:
    payload = event["payload"]
    number = (event["position"], event["project_id"]) if args.all_projects else (event["seq"],)
    servers_count = payload.get("servers_count", len(event.get("servers") or ()) or None)
    more: tuple[Any, ...] = (columns.Text(servers_count),)
    if args.long:
        servers: FormattableColumn[Any] = columns.Names(event.get("servers", []))
        more = (event["id"], columns.Payload(payload), servers)
    return (
        *number,
        columns.Time(event["time"]),
        event["event_type"],
        columns.Text(payload.get("state")),
        # a host of a session, a project that has answered, an object of Craton's
        columns.Text(payload.get("host") or payload.get("from_project") or payload.get("name")),
        columns.Text(payload.get("window_id")),
        *more,
    )


def _number(value: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of 0 or more")
    return int(value)
