"""``window``: set, look at, change and end maintenance windows."""

import argparse
import datetime as dt
from collections.abc import Mapping
from typing import Any

from craton_maintenance.cli import base, columns, options, times
from craton_maintenance.cli.client import ApiError
from craton_maintenance.domain import times as text
from craton_maintenance.domain.window import FINAL, State

#: Fields of a window, in the order of reading, and what makes them readable.
_FIELDS: dict[str, Any] = {
    "id": None,
    "state": None,
    "start": columns.Time,
    "end": columns.End,
    "scope": columns.Scope,
    "announcement": None,
    "reason": None,
    "impact": None,
    "expected_interruption": columns.Text,
    "retire": None,
    "target_host": columns.Host,
    "allow_overlap": None,
    "approved": None,
    "workflow": columns.Text,
    "session": columns.SessionRef,
    "hosts_count": None,
    "servers_count": None,
    "projects_count": None,
    "hosts": columns.Names,
    "servers": columns.Names,
    "projects": columns.Projects,
    "started_at": columns.Time,
    "finished_at": columns.Time,
    "cancelled_at": columns.Time,
    "created_by": None,
    "created_at": columns.Time,
    "updated_at": columns.Time,
    "revision": None,
    "links": columns.Links,
}

#: Columns of a list: heading and field; for operators, and for projects, who see less.
_SHORT = {"ID": "id", "State": "state", "Start": "start", "End": "end"}
_OPERATOR = {**_SHORT, "Scope": "scope", "Hosts": "hosts_count", "Servers": "servers_count"}
_OPERATOR_LONG = {
    **_OPERATOR,
    "Projects": "projects_count",
    "Impact": "impact",
    "Retire": "retire",
    "Announcement": "announcement",
    "Reason": "reason",
    "Created By": "created_by",
    "Revision": "revision",
}
_PROJECT = {
    **_SHORT,
    "Impact": "impact",
    "Servers": "servers_count",
    "Announcement": "announcement",
}
_PROJECT_LONG = {
    **_PROJECT,
    "Server IDs": "servers",
    "Interruption": "expected_interruption",
    "Retire": "retire",
    "Revision": "revision",
}
_SORT_KEYS = ("start", "end", "created_at")


def fields(window: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """A window for ShowOne; a field that this version does not know comes last."""
    names = [*(x for x in _FIELDS if x in window), *(x for x in window if x not in _FIELDS)]
    return tuple(names), tuple(_value(window, name) for name in names)


def _value(window: Mapping[str, Any], name: str) -> Any:
    readable = _FIELDS.get(name)
    return readable(window[name]) if readable else window[name]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Set(base.ShowOne):
    """Set a maintenance window."""

    example = (
        "%(prog)s --host compute-01 --start +2h --duration 90m "
        "--impact OUTAGE --reason 'firmware' --announcement 'planned maintenance'"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        options.add_scope(parser, "What the window is for")
        options.add_facts(parser)
        options.add_work(parser)
        parser.add_argument(
            "--idempotency-key",
            metavar="KEY",
            help="repeated with the same key, the command sets no second window",
        )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        scope = options.scope(parsed_args)
        if not scope:
            raise base.UsageError(
                "say what the window is for: --host, --label, --cell, --region, --cloud, "
                "--aggregate or --zone"
            )
        body = {"scope": scope, **options.facts(parsed_args, _now()), **options.work(parsed_args)}
        options.check_retirement(body)
        if "workflow" not in body and ("metadata" in body or "actions" in body):
            raise base.UsageError(
                "--metadata, --action and --host-flow are for a session: say --workflow"
            )
        if parsed_args.start == dt.timedelta():
            # the service's now: its clock counts, not ours
            del body["start"]
        return fields(self.client.create_window(body, parsed_args.idempotency_key))


class List(base.Lister):
    """List maintenance windows, by default those that are scheduled or open."""

    example = "%(prog)s --host compute-01 --starts-before +7d --long"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--all", action="store_true", help="also those that are over")
        which.add_argument(
            "--state",
            action="append",
            choices=[state.value for state in State],
            help="only those in this state; may be repeated",
        )
        parser.add_argument("--host", metavar="NAME", help="only those that cover this host")
        parser.add_argument("--region", metavar="NAME", help="only those that cover this region")
        parser.add_argument(
            "--project", metavar="ID", help="only those that concern this project (operators)"
        )
        parser.add_argument("--retire", action="store_true", help="only retirements")
        parser.add_argument(
            "--starts-before", metavar="TIME", type=times.when, help="only those that start before"
        )
        parser.add_argument(
            "--ends-after", metavar="TIME", type=times.when, help="only those that end after"
        )
        parser.add_argument(
            "--sort", choices=_SORT_KEYS, default="start", help="order; default: start"
        )
        parser.add_argument("--reverse", action="store_true", help="last first")
        parser.add_argument("--limit", metavar="N", type=_positive, help="not more than N")
        parser.add_argument("--long", action="store_true", help="more columns")

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        windows = list(self.client.windows(_query(parsed_args, _now()), parsed_args.limit))
        if not windows and parsed_args.formatter == "table":
            some = " that is scheduled or open; --all shows those that are over, too"
            some = "" if parsed_args.all or parsed_args.state else some
            self.app.stderr.write(f"There is no maintenance window{some}.\n")
        if windows and "scope" not in windows[0]:
            shown = _PROJECT_LONG if parsed_args.long else _PROJECT
        else:
            shown = _OPERATOR_LONG if parsed_args.long else _OPERATOR
        return tuple(shown), [tuple(_value(x, name) for name in shown.values()) for x in windows]


def _query(args: argparse.Namespace, now: dt.datetime) -> dict[str, Any]:
    """The filters of a list, as the API has them."""
    states = [x.value for x in State if x not in FINAL] if not args.all else None
    query = {
        "state": args.state or states,
        "host": args.host,
        "region": args.region,
        "project_id": args.project,
        "retire": args.retire or None,
        "starts_before": args.starts_before,
        "ends_after": args.ends_after,
        "sort_keys": [args.sort, "id"],
        "sort_dir": "desc" if args.reverse else "asc",
        "limit": min(max(args.limit or 100, 10), 100),
    }
    for key in ("starts_before", "ends_after"):
        if query[key] is not None:
            query[key] = text.text(times.moment(query[key], now))
    return {key: value for key, value in query.items() if value is not None}


def _positive(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise argparse.ArgumentTypeError(f"{value!r} is not a number above 0")
    return int(value)


class _OneWindow(base.ShowOne):
    """A command on one window."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("window", metavar="ID", help="id of the window")


class Show(_OneWindow):
    """Show a maintenance window with its hosts and projects."""

    example = "%(prog)s 2c1d5bd6-4d44-4a5e-9f43-4d4f9f6a8a10"

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return fields(self.client.window(parsed_args.window, details=True))


class Change(_OneWindow):
    """Change a maintenance window: only what is given.

    A scope that is given replaces the one there was.  If somebody else changes the
    window at the same time, yours is refused.
    """

    example = "%(prog)s 2c1d5bd6-4d44-4a5e-9f43-4d4f9f6a8a10 --end +4h"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        options.add_scope(parser, "The new scope, in place of the present one")
        options.add_facts(parser, change=True)
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--revision",
            metavar="N",
            type=_positive,
            help="only if it still is this revision; default: the one found just before",
        )
        which.add_argument("--force", action="store_true", help="whoever else changed it")

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        now = _now()
        scope = options.scope(parsed_args)
        body = ({"scope": scope} if scope else {}) | options.facts(parsed_args, now)
        options.check_retirement(body)
        if not body:
            raise base.UsageError("say what to change, such as --end or --reason")
        # what depends on the window's own start is worked out again, once that is known
        ends = parsed_args.duration is not None or parsed_args.end is not None
        ends = ends and parsed_args.start is None
        revision = parsed_args.revision
        if (revision is None and not parsed_args.force) or ends:
            window = self.client.window(parsed_args.window)
            body |= options.facts(parsed_args, now, starts=text.parse(window["start"]))
            if revision is None and not parsed_args.force:
                revision = window["revision"]
        return fields(self.client.update_window(parsed_args.window, body, revision))


class Cancel(base.Maintenance):
    """Cancel maintenance windows that have not opened."""

    example = "%(prog)s 2c1d5bd6-4d44-4a5e-9f43-4d4f9f6a8a10"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("windows", metavar="ID", nargs="+", help="id of a window")

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        failed = 0
        for window in dict.fromkeys(parsed_args.windows):
            try:
                self.client.cancel_window(window)
            except ApiError as problem:
                failed += 1
                if problem.code == "WINDOW_OPEN":
                    problem.hint = f"on the command line: window finish {window}"
                self.app.stderr.write(f"{window}: {problem}\n")
        return 1 if failed else 0


class Start(_OneWindow):
    """Say that maintenance has begun: opens the window now."""

    example = "%(prog)s 2c1d5bd6-4d44-4a5e-9f43-4d4f9f6a8a10"

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return fields(self.client.start_window(parsed_args.window))


class Finish(_OneWindow):
    """Say that maintenance is done: closes the window now."""

    example = "%(prog)s 2c1d5bd6-4d44-4a5e-9f43-4d4f9f6a8a10"

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return fields(self.client.finish_window(parsed_args.window))
