"""What a window's times, target and retirement have to fulfil."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from craton_maintenance.domain import scope
from craton_maintenance.domain import times as text
from craton_maintenance.domain.scope import HostKey, Item
from craton_maintenance.domain.window import Times
from craton_maintenance.errors import Code, bad_field


def moment(value: str | None) -> dt.datetime | None:
    """A time of a valid request."""
    return None if value is None else text.parse(value)


def times(wanted: Times, now: dt.datetime, longest: dt.timedelta, is_open: bool = False) -> None:
    """
    :param is_open: the window is open already, so its start is history
    :raises Problem: 400 naming ``start`` or ``end``
    """
    if not is_open and wanted.start > now + longest:
        raise bad_field(
            Code.BAD_TIMES, "start", f"is more than {longest.days} days ahead ([windows] max_days)"
        )
    if wanted.end is None:
        return
    if wanted.end <= wanted.start:
        raise bad_field(
            Code.BAD_TIMES,
            "end",
            f"{text.text(wanted.end)} is not after the start, {text.text(wanted.start)}",
        )
    if wanted.end <= now:
        hint = "; to end it now, finish it" if is_open else ""
        raise bad_field(
            Code.BAD_TIMES,
            "end",
            f"{text.text(wanted.end)} has passed, now it is "
            f"{text.text(now.replace(microsecond=0))}{hint}",
        )
    if wanted.end - wanted.start > longest:
        raise bad_field(
            Code.BAD_TIMES,
            "end",
            f"is more than {longest.days} days after the start "
            "([windows] max_days); leave it out for a window without an end",
        )


def retirement(retire: bool, items: Iterable[Item], hosts: Iterable[HostKey]) -> None:
    """:raises Problem: 400 naming ``retire``"""
    problem = scope.retirement_problem(items, hosts) if retire else None
    if problem:
        raise bad_field(Code.BAD_RETIREMENT, "retire", problem)


def target(row: Mapping[str, Any], hosts: frozenset[HostKey]) -> None:
    """:raises Problem: 400 naming ``target_host``"""
    if row.get("target_host") is None:
        return
    wanted = HostKey(row["target_region"], row["target_host"])
    if wanted in hosts:
        raise bad_field(
            Code.BAD_TARGET,
            "target_host",
            f"host {wanted.name!r} is itself under maintenance then",
        )
    others = sorted({key.region for key in hosts} - {wanted.region})
    if others:
        raise bad_field(
            Code.BAD_TARGET,
            "target_host",
            f"host {wanted.name!r} is in region {wanted.region!r}; servers can't move there from "
            f"{', '.join(others)}",
        )
