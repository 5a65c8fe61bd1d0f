"""The options of a window, and the request they come to."""

import argparse
import datetime as dt
import json
from typing import Any

from craton_maintenance.cli import times
from craton_maintenance.cli.base import UsageError
from craton_maintenance.domain.scope import NEVER_RETIRED, Kind
from craton_maintenance.domain.session.states import Workflow
from craton_maintenance.domain.times import text
from craton_maintenance.domain.window import Impact

_SCOPE = {
    Kind.HOST: ("--host", "[REGION/]NAME", "a host"),
    Kind.LABEL: ("--label", "[REGION/]NAME", "the hosts with this label"),
    Kind.CELL: ("--cell", "[REGION/]NAME", "the hosts of this cell"),
    Kind.REGION: ("--region", "NAME", "the hosts of this region"),
    Kind.CLOUD: ("--cloud", "NAME", "the hosts of this cloud"),
    Kind.AGGREGATE: ("--aggregate", "[REGION/]NAME", "the hosts of this Nova aggregate"),
    Kind.ZONE: ("--zone", "[REGION/]NAME", "the hosts of this availability zone"),
}


def add_scope(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add the options that name what a window is for; each may be repeated."""
    group = parser.add_argument_group(
        "scope",
        f"{purpose}; all may be repeated and combined. REGION/ tells things of the same name "
        "apart; a name with a slash of its own is written with a slash before it.",
    )
    for kind, (option, metavar, words) in _SCOPE.items():
        group.add_argument(
            option, metavar=metavar, action="append", default=[], dest=kind.value, help=words
        )


def add_facts(
    parser: argparse.ArgumentParser, change: bool = False, start: str = "--start"
) -> None:
    """Add the options that say when, why and how.

    :param change: with what takes a fact back
    :param start: how the option for the start is called
    """
    group = parser.add_argument_group(
        "times",
        "ISO 8601 with the offset from UTC (2030-01-31T22:00Z, 2030-01-31T22:00+01:00), "
        "or from now on (now, +30m, +2h, +1d).",
    )
    group.add_argument(
        start,
        dest="start",
        metavar="TIME",
        type=times.when,
        help="when it opens" + ("" if change else "; default: now"),
    )
    ends = group.add_mutually_exclusive_group()
    ends.add_argument(
        "--end",
        metavar="TIME",
        type=times.when,
        help="when it closes" + ("" if change else "; default: when somebody finishes it"),
    )
    ends.add_argument(
        "--duration",
        metavar="TIME",
        type=times.duration,
        help="close it so long after the start: 90m, 2h, 1d",
    )
    if change:
        ends.add_argument(
            "--no-end", action="store_true", help="leave open until somebody finishes it"
        )
    group = parser.add_argument_group("what is told, what happens")
    group.add_argument("--reason", metavar="TEXT", help="why; operators only ever see it")
    group.add_argument("--announcement", metavar="TEXT", help="what projects are told")
    group.add_argument(
        "--impact",
        type=str.upper,
        choices=[impact.value for impact in Impact],
        help="what owners of servers have to expect",
    )
    _add_with_negation(
        group,
        change,
        "--interruption",
        "no estimate",
        metavar="SECONDS",
        type=times.seconds,
        dest="expected_interruption",
        help="how long a server is expected to be interrupted: 90, 5m",
    )
    group.add_argument(
        "--retire",
        action=argparse.BooleanOptionalAction if change else "store_true",
        default=None,
        help="the hosts are drained and never returned",
    )
    _add_with_negation(
        group,
        change,
        "--target-host",
        "any host",
        metavar="[REGION/]NAME",
        help="host to move servers to",
    )
    group.add_argument(
        "--allow-overlap",
        action=argparse.BooleanOptionalAction if change else "store_true",
        default=None,
        help="although another window covers a host at that time",
    )


def _add_with_negation(
    group: Any, change: bool, option: str, negation: str, **kwargs: Any
) -> None:
    if not change:
        group.add_argument(option, **kwargs)
        return
    either = group.add_mutually_exclusive_group()
    either.add_argument(option, **kwargs)
    either.add_argument(
        option.replace("--", "--no-", 1), action="store_true", help=f"say: {negation}"
    )


def add_work(parser: argparse.ArgumentParser, workflow: str | None = None) -> None:
    """Add the options that say how a session carries a window out.

    :param workflow: the default, for the help; None: without one there is no session
    """
    group = parser.add_argument_group("session", "How a session carries the maintenance out.")
    group.add_argument(
        "--workflow",
        choices=[known.value for known in Workflow],
        help="ask projects once for all their servers on a host (default), or once for each "
        f"server (vnf); default: {workflow or 'no session, it only announces'}",
    )
    group.add_argument(
        "--metadata",
        metavar="KEY=VALUE",
        type=pair,
        action="append",
        default=[],
        help="is in what projects are told; may be repeated",
    )
    group.add_argument(
        "--action",
        metavar="PLUGIN[:JSON]",
        type=_plugin,
        action="append",
        default=[],
        dest="actions",
        help="work on each host by a plugin, with its options; may be repeated, in order",
    )
    group.add_argument(
        "--host-flow",
        metavar="NAME",
        type=lambda name: {"flow": name},
        action="append",
        dest="actions",
        help="work on each host by a flow of the catalogue; may be repeated, in order",
    )


def work(args: argparse.Namespace) -> dict[str, Any]:
    """What was said about a session, as the API has it; absent is what was not said."""
    said = {
        "workflow": args.workflow,
        "metadata": dict(args.metadata),
        "actions": args.actions,
    }
    return {key: value for key, value in said.items() if value}


def pair(text: str) -> tuple[str, str]:
    """``KEY=VALUE``.

    :raises argparse.ArgumentTypeError: with a sentence for whoever typed it
    """
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _plugin(text: str) -> dict[str, Any]:
    """``PLUGIN[:JSON]``.

    :raises argparse.ArgumentTypeError: with a sentence for whoever typed it
    """
    name, colon, options = text.partition(":")
    found: Any = {}
    if colon:
        try:
            found = json.loads(options)
        except ValueError as problem:
            raise argparse.ArgumentTypeError(f"{options!r} is not JSON: {problem}") from None
    if not name or not isinstance(found, dict):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a plugin with its options, such as wait:{{"message": "swap"}}'
        )
    return {"plugin": name} | ({"options": found} if found else {})


def scope(args: argparse.Namespace) -> dict[str, list[Any]]:
    """The scope named; empty if nothing was."""
    named = {kind.value: getattr(args, kind.value) for kind in Kind}
    return {
        kind: [_named(name, kind, _SCOPE[Kind(kind)][0]) for name in names]
        for kind, names in named.items()
        if names
    }


def facts(
    args: argparse.Namespace, now: dt.datetime, starts: dt.datetime | None = None
) -> dict[str, Any]:
    """What was said about a window, as the API has it; absent is what was not said.

    :param starts: the start that a duration counts from if none is given;
        None: now
    :raises UsageError: contradictions
    """
    body: dict[str, Any] = {
        key: value
        for key in (
            "reason",
            "announcement",
            "impact",
            "expected_interruption",
            "retire",
            "allow_overlap",
        )
        if (value := getattr(args, key)) is not None
    }
    start = None if args.start is None else times.moment(args.start, now)
    end = None if args.end is None else times.moment(args.end, now)
    if args.duration is not None:
        end = _plus(start or starts or now.replace(microsecond=0), args.duration)
    if start is not None:
        body["start"] = text(start)
    if end is not None:
        body["end"] = text(end)
        opens = start or starts or now
        if end <= opens:
            raise UsageError(f"--end: {text(end)} is not after the start, {_text(opens)}")
    if args.target_host is not None:
        body["target_host"] = _named(args.target_host, "hosts", "--target-host")
    body |= {
        key: None
        for key, option in (
            ("end", "no_end"),
            ("expected_interruption", "no_interruption"),
            ("target_host", "no_target_host"),
        )
        if getattr(args, option, False)
    }
    return body


def check_retirement(body: dict[str, Any]) -> None:
    """Refuse to retire what is never retired.

    :raises UsageError: with the options that contradict each other
    """
    refused = sorted(kind.value for kind in NEVER_RETIRED if kind.value in body.get("scope", ()))
    if body.get("retire") and refused:
        raise UsageError(
            f"--retire: whole {' and '.join(refused)} are never retired: name the hosts, "
            "cells or labels"
        )


def host_named(text: str | None, option: str = "--host") -> dict[str, Any]:
    """``[REGION/]NAME`` as ``host`` and ``region``; empty where nothing was said.

    :raises UsageError: it is no name
    """
    if text is None:
        return {}
    found = _named(text, Kind.HOST.value, option)
    if isinstance(found, str):
        return {"host": found}
    return {"host": found["name"], "region": found["region"]}


def _named(name: str, kind: str, option: str) -> str | dict[str, str]:
    """A name, with its region if one is given."""
    region, slash, rest = name.partition("/")
    if not slash or Kind(kind) in NEVER_RETIRED:
        found: str | dict[str, str] = name
    else:
        found = {"region": region, "name": rest} if region else rest
    if not name or (isinstance(found, dict) and not rest) or not found:
        raise UsageError(f"{option}: {name!r} is not a name")
    return found


def _plus(start: dt.datetime, duration: dt.timedelta) -> dt.datetime:
    try:
        return start + duration
    except OverflowError:
        raise UsageError("--duration: is too long") from None


def _text(moment: dt.datetime) -> str:
    return text(moment.replace(microsecond=0))
