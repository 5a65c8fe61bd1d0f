"""``session``: maintenance that the service carries out, made, followed, ordered about."""

import argparse
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from craton_maintenance.cli import base, columns, options, stream
from craton_maintenance.cli.client import Json
from craton_maintenance.domain.session.states import OVER, State

#: Fields of a session, in the order of reading, and what makes them readable.
_FIELDS: dict[str, Any] = {
    "session_id": None,
    "state": None,
    "percent_done": None,
    "reason": columns.Text,
    "words": None,
    "problem": columns.Problem,
    "resume_state": columns.Text,
    "aborting": None,
    "hosts": columns.Counts,
    "instance_ids": columns.Names,
    "waves": None,
    "workflow": None,
    "window_id": None,
    "maintenance_at": columns.Time,
    "maintenance_end": columns.End,
    "announcement": None,
    "impact": None,
    "metadata": columns.Pairs,
    "actions": columns.Work,
    "hosts_count": None,
    "servers_count": None,
    "projects_count": None,
    "created_by": None,
    "created_at": columns.Time,
    "finished_at": columns.Time,
    "links": columns.Links,
}

#: Columns of a list: heading and field; for operators, and for projects, who see less.
_COMMON = {
    "ID": "session_id",
    "State": "state",
    "Done %": "percent_done",
    "Begins": "maintenance_at",
    "Ends": "maintenance_end",
}
_OPERATOR = {**_COMMON, "Hosts": "hosts", "Reason": "reason"}
_OPERATOR_LONG = {
    **_OPERATOR,
    "Words": "words",
    "Workflow": "workflow",
    "Window": "window_id",
    "Created By": "created_by",
    "Finished": "finished_at",
}
_PROJECT = {**_COMMON, "Announcement": "announcement"}
_PROJECT_LONG = {
    **_PROJECT,
    "Impact": "impact",
    "Server IDs": "instance_ids",
    "Workflow": "workflow",
    "Window": "window_id",
    "Finished": "finished_at",
}
_WATCHED = ("Time", "State", "Done %", "Hosts", "Reason", "Words", "Waits For")

_ID = "5b1f3c58-52b1-4b3e-9a0e-3c1f0f6f7d11"


def fields(session: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """A session for ShowOne; a field that this version does not know comes last."""
    names = [*(x for x in _FIELDS if x in session), *(x for x in session if x not in _FIELDS)]
    return tuple(names), tuple(_value(session, name) for name in names)


def _value(session: Mapping[str, Any], name: str) -> Any:
    readable = _FIELDS.get(name)
    return readable(session[name]) if readable else session[name]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Start(base.ShowOne):
    """Have maintenance carried out: sets a window, with its session."""

    example = (
        "%(prog)s --aggregate racks-b --at +1h --duration 4h --workflow default "
        "--announcement 'planned maintenance' --host-flow firmware"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        options.add_scope(parser, "Which hosts are maintained")
        parser.add_argument(
            "--all-computes", action="store_true", help="every compute host of every region"
        )
        options.add_facts(parser, start="--at")
        options.add_work(parser, workflow="default")
        parser.add_argument(
            "--idempotency-key",
            metavar="KEY",
            help="repeated with the same key, the command sets no second window",
        )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        scope = options.scope(parsed_args)
        if bool(scope) == parsed_args.all_computes:
            raise base.UsageError(
                "say which hosts are maintained: --host, --label, --cell, --region, --cloud, "
                "--aggregate or --zone; or --all-computes alone"
            )
        said = options.facts(parsed_args, _now())
        body: Json = {"scope": scope} if scope else {"hosts": []}
        options.check_retirement(body | said)
        if parsed_args.start == dt.timedelta():
            # the service's now: its clock counts, not ours
            del said["start"]
        for ours, theirs in (("start", "maintenance_at"), ("end", "maintenance_end")):
            if ours in said:
                body[theirs] = said.pop(ours)
        body |= said | options.work(parsed_args)
        return fields(self.client.create_session(body, parsed_args.idempotency_key))


class List(base.Lister):
    """List sessions, the newest first."""

    example = "%(prog)s --state PAUSED --long"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--state",
            type=str.upper,
            choices=[state.value for state in State],
            help="only those in this state",
        )
        parser.add_argument("--limit", metavar="N", type=_positive, help="not more than N")
        parser.add_argument("--long", action="store_true", help="more columns")

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        query = {"state": parsed_args.state} if parsed_args.state else {}
        query["limit"] = min(parsed_args.limit or 100, 100)
        found = list(self.client.sessions(query, parsed_args.limit))
        if found and "hosts" not in found[0]:
            shown = _PROJECT_LONG if parsed_args.long else _PROJECT
        else:
            shown = _OPERATOR_LONG if parsed_args.long else _OPERATOR
        return tuple(shown), [tuple(_value(x, name) for name in shown.values()) for x in found]


def _positive(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise argparse.ArgumentTypeError(f"{value!r} is not a number above 0")
    return int(value)


def add_session(parser: argparse.ArgumentParser) -> None:
    """Add the session that a command is about."""
    parser.add_argument("session", metavar="ID", help="id of the session")


class Show(base.ShowOne):
    """Show where a session stands."""

    example = f"%(prog)s {_ID}"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        add_session(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return fields(self.client.session(parsed_args.session))


class Detail(base.ShowOne):
    """Show everything of a session: hosts, servers, notices, steps, and why it does not get on."""

    example = f"%(prog)s {_ID}"

    _PARTS: Mapping[str, Any] = {
        "blockers": columns.Blockers,
        "hosts": columns.SessionHosts,
        "servers": columns.SessionServers,
        "notices": columns.Notices,
        "steps": columns.Steps,
        "suppressions": columns.Suppressions,
        "orders": columns.Orders,
    }

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        add_session(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        found = self.client.session_detail(parsed_args.session)
        names, values = fields({x: y for x, y in found["session"].items() if x != "hosts"})
        parts = tuple(readable(found[name]) for name, readable in self._PARTS.items())
        ends = found["estimate"] and columns.Time(found["estimate"]["ends_at"])
        return (*names, "expected_end", *self._PARTS), (*values, ends, *parts)


class Watch(base.Lister):
    """Follow a session until it is over, one line for each change, and for what it waits for.

    The exit status is 0 if every host was returned or retired, 1 if not, and with
    --until-paused 3 if it waits for an operator.
    """

    example = f"%(prog)s {_ID} --until-paused"

    #: exit status of a session that waits for somebody
    PAUSED = 3

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument(
            "--interval",
            metavar="SECONDS",
            type=_positive,
            default=2,
            help="between two looks; default: 2",
        )
        parser.add_argument(
            "--until-paused", action="store_true", help="end also when the session is paused"
        )

    def run(self, parsed_args: argparse.Namespace) -> int:
        seen: list[str] = []
        selected, selector = self._generate_columns_and_selector(parsed_args, _WATCHED)
        rows: Iterator[Any] = self._rows(parsed_args, seen)
        if selector:
            rows = (tuple(self._compress_iterable(row, selector)) for row in rows)
        stream.write(parsed_args.formatter, selected, rows, self.app.stdout)
        if seen[-1] == State.PAUSED:
            return self.PAUSED
        return 0 if seen[-1] == State.MAINTENANCE_DONE else 1

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        raise NotImplementedError

    def _rows(self, args: argparse.Namespace, seen: list[str]) -> Iterator[Any]:
        """:param seen: gets the states"""
        for found in self.client.watch(args.session, args.interval):
            seen.append(found["state"])
            yield (
                columns.Time(_now().replace(microsecond=0, tzinfo=None).isoformat() + "Z"),
                found["state"],
                found["percent_done"],
                columns.Counts(found.get("hosts", {})),
                columns.Text(found.get("reason")),
                found.get("words", ""),
                columns.Blockers(found.get("blockers", [])),
            )
            if found["state"] in OVER or (args.until_paused and found["state"] == State.PAUSED):
                return


# -- orders ------------------------------------------------------------------------


class _Order(base.ShowOne):
    """An order to a session. What it may be about is made known by the subclass."""

    command: str
    takes_host = takes_server = takes_action = False
    needs_host = needs_reason = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        add_session(parser)
        if self.takes_host:
            parser.add_argument(
                "--host",
                metavar="[REGION/]NAME",
                required=self.needs_host,
                help="a host of the session" + ("" if self.needs_host else "; default: all"),
            )
        if self.takes_server:
            parser.add_argument("--server", metavar="ID", help="only a server of the session")
        if self.takes_action:
            parser.add_argument(
                "--action", metavar="ACTION", help="with --server: what to do with it instead"
            )
        parser.add_argument(
            "--reason", metavar="TEXT", required=self.needs_reason, help="why, for the record"
        )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        body: Json = {"action": self.command}
        if self.takes_host:
            body |= options.host_named(parsed_args.host)
        server = parsed_args.server if self.takes_server else None
        action = parsed_args.action if self.takes_action else None
        if server and "host" in body:
            raise base.UsageError("give either --host, or --server")
        if action and not server:
            raise base.UsageError("--action goes with --server")
        said = {"server_id": server, "server_action": action, "reason": parsed_args.reason}
        body |= {key: value for key, value in said.items() if value is not None}
        return fields(self.client.order(parsed_args.session, body))


class Pause(_Order):
    """Pause a session: nothing more is begun; what moves is finished."""

    command = "pause"
    example = f"%(prog)s {_ID} --reason 'network trouble'"


class Resume(_Order):
    """Let a paused session go on."""

    command = "resume"
    example = f"%(prog)s {_ID}"


class Abort(_Order):
    """Abort a session: host work that was begun is finished, all other hosts are given back."""

    command = "abort"
    example = f"%(prog)s {_ID} --reason 'wrong rack'"


class Retry(_Order):
    """Try again what does not get on: a server, a host, or all; and go on if paused."""

    command = "retry"
    takes_host = takes_server = takes_action = True
    example = f"%(prog)s {_ID} --host compute-01"


class Override(_Order):
    """Go on without the answers that are waited for; on record with your name and reason."""

    command = "override"
    takes_host = takes_server = needs_reason = True
    example = f"%(prog)s {_ID} --host compute-01 --reason 'agreed by telephone'"


class Confirm(_Order):
    """Say that the work on a host is done, or took effect; on record with your name."""

    command = "confirm"
    takes_host = needs_reason = True
    example = f"%(prog)s {_ID} --host compute-01 --reason 'saw it boot'"


class Evacuate(_Order):
    """Say that a host that is down is off: its servers are started elsewhere."""

    command = "evacuate"
    takes_host = needs_host = needs_reason = True
    example = f"%(prog)s {_ID} --host compute-01 --reason 'power cut off at the PDU'"


class Skip(_Order):
    """Leave a host out: it is given back, and not worked on."""

    command = "skip"
    takes_host = needs_host = True
    example = f"%(prog)s {_ID} --host compute-01"
