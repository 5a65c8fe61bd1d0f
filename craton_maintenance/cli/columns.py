"""Values as people read them; machine formats (json, yaml, csv, value) get them as they are."""

import re
from collections.abc import Mapping
from typing import Any

from cliff import columns

#: How many lines of a long list a table shows.
SHOWN = 12

_KINDS = {
    "hosts": "",
    "labels": "label ",
    "cells": "cell ",
    "regions": "region ",
    "clouds": "cloud ",
    "aggregates": "aggregate ",
    "availability_zones": "zone ",
}


def _cut(lines: list[str]) -> str:
    if len(lines) > SHOWN:
        lines = [*lines[: SHOWN - 1], f"and {len(lines) - SHOWN + 1} more (all with -f json)"]
    return "\n".join(lines)


def qualified(item: Mapping[str, Any]) -> str:
    """A name as it can be typed again: ``REGION/NAME``, or ``NAME`` in any region."""
    region, name = item.get("region", ""), str(item["name"])
    return f"{region}/{name}" if region or "/" in name else name


class Time(columns.FormattableColumn[str | None]):
    """A time, to the second."""

    def human_readable(self) -> str:
        return re.sub(r"\.\d+Z$", "Z", self._value) if self._value else ""


class End(columns.FormattableColumn[str | None]):
    """When a window ends."""

    def human_readable(self) -> str:
        return Time(self._value).human_readable() or "open-ended"


class Text(columns.FormattableColumn[Any]):
    """Something that may be missing."""

    def human_readable(self) -> str:
        return "" if self._value is None else str(self._value)


class Scope(columns.FormattableColumn[dict[str, Any]]):
    """What a window names, in a few words."""

    limit = 3

    def human_readable(self) -> str:
        names = [
            _KINDS.get(kind, f"{kind} ") + qualified(item)
            for kind, items in self._value.items()
            for item in items
        ]
        more = len(names) - self.limit
        return ", ".join(names[: self.limit]) + (f" and {more} more" if more > 0 else "")


class Names(columns.FormattableColumn[list[Any]]):
    """Hosts, or ids."""

    def human_readable(self) -> str:
        return _cut([x if isinstance(x, str) else qualified(x) for x in self._value])


class Host(columns.FormattableColumn[Any]):
    """One host, or none."""

    def human_readable(self) -> str:
        return qualified(self._value) if self._value else ""


class Projects(columns.FormattableColumn[list[Any]]):
    """Projects and how many of their servers are concerned."""

    def human_readable(self) -> str:
        return _cut(
            [
                f"{x['project_id']}: {len(x['servers'])} server{'s'[: len(x['servers']) != 1]}"
                for x in self._value
            ]
        )


class SessionRef(columns.FormattableColumn[Any]):
    """The session that carries a window out, or none."""

    def human_readable(self) -> str:
        return f"{self._value['id']} {self._value['state']}" if self._value else ""


class Counts(columns.FormattableColumn[dict[str, int]]):
    """How many are in each state."""

    def human_readable(self) -> str:
        return ", ".join(f"{count} {state}" for state, count in self._value.items())


class Pairs(columns.FormattableColumn[dict[str, Any]]):
    """A flat map."""

    def human_readable(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in self._value.items())


class Words(columns.FormattableColumn[list[Any]]):
    """A list in a line."""

    def human_readable(self) -> str:
        return ", ".join(map(str, self._value))


class Work(columns.FormattableColumn[list[Any]]):
    """Host actions."""

    def human_readable(self) -> str:
        return ", ".join(x["plugin"] for x in self._value)


class Problem(columns.FormattableColumn[Any]):
    """Why something does not get on, or nothing."""

    def human_readable(self) -> str:
        if not self._value:
            return ""
        return f"{self._value['code']}: {self._value['words']}"


class Blockers(columns.FormattableColumn[list[Any]]):
    """Why a session does not get on, a line each."""

    def human_readable(self) -> str:
        return _cut([_blocker(x) for x in self._value])


def _blocker(blocker: Mapping[str, Any]) -> str:
    about = qualified(blocker["host"]) if "host" in blocker else blocker.get("server_id", "")
    return f"{blocker['code']}: {about + ': ' if about else ''}{blocker['words']}"


class SessionHosts(columns.FormattableColumn[list[Any]]):
    """Hosts of a session, a line each."""

    def human_readable(self) -> str:
        return _cut(
            [
                f"{qualified(x)} {x['state']}" + (f" wave {x['wave']}" if x["wave"] else "")
                for x in self._value
            ]
        )


class Suppressions(columns.FormattableColumn[list[Any]]):
    """What other systems were told about hosts of a session, a line each."""

    def human_readable(self) -> str:
        return _cut(
            [
                f"{x['adapter']}: {qualified(x['host'])} {x['status']}"
                + (f": {x['error']}" if x["error"] else "")
                for x in self._value
            ]
        )


class SessionServers(columns.FormattableColumn[list[Any]]):
    """Servers of a session, a line each."""

    def human_readable(self) -> str:
        return _cut([_server(x) for x in self._value])


def _server(server: Mapping[str, Any]) -> str:
    action = f" {server['action']}" if server.get("action") else ""
    by = f" by {server['chosen_by']}" if server.get("chosen_by") else ""
    problem = server.get("problem")
    code = problem if isinstance(problem, str) or not problem else problem["code"]
    state = f" {server['state']}" if server.get("state") else ""
    return f"{server['id']}{state}{action}{by}" + (f" ({code})" if code else "")


class Notices(columns.FormattableColumn[list[Any]]):
    """Notices, a line each, the newest first."""

    def human_readable(self) -> str:
        return _cut(
            [
                f"{x['project_id']} {x['state']} {x['status']}"
                + ("" if x["delivered_at"] else ", not handed over")
                + (f", until {Time(x['deadline']).human_readable()}" if x["deadline"] else "")
                for x in reversed(self._value)
            ]
        )


class Steps(columns.FormattableColumn[list[Any]]):
    """Steps, a line each, the newest first."""

    def human_readable(self) -> str:
        return _cut(
            [
                f"{x['number']} {x['kind']} {x['server_id'] or qualified(x['host'])} "
                f"{x['result'] or x['status']}"
                for x in reversed(self._value)
            ]
        )


class Orders(columns.FormattableColumn[list[Any]]):
    """Orders that are not carried out yet, a line each."""

    def human_readable(self) -> str:
        return _cut([f"{x['command']} by {x['actor']}" for x in self._value])


class Links(columns.FormattableColumn[list[Any]]):
    """Links."""

    def human_readable(self) -> str:
        return "\n".join(f"{x['rel']}: {x['href']}" for x in self._value)


class Windows(columns.FormattableColumn[list[Any]]):
    """Windows, a line each."""

    def human_readable(self) -> str:
        return _cut(
            [
                f"{x['id']} {Time(x['start'])} to {End(x['end'])} {x['impact']}"
                + (" RETIRE" if x["retire"] else "")
                + (f": {x['announcement']}" if x["announcement"] else "")
                for x in self._value
            ]
        )


class Asked(columns.FormattableColumn[list[Any]]):
    """What a project is asked, a line each."""

    def human_readable(self) -> str:
        return _cut(
            [
                f"{x['state']} until {Time(x['reply_at']) if x['reply_at'] else '-'} about "
                f"{len(x['instance_ids'])} servers: {x['reply_url']}"
                for x in self._value
            ]
        )


class Differences(columns.FormattableColumn[list[Any]]):
    """Where Nova and Craton differ."""

    def human_readable(self) -> str:
        return "\n".join(x["text"] for x in self._value)


class Payload(columns.FormattableColumn[dict[str, Any]]):
    """What an event says."""

    def human_readable(self) -> str:
        return "\n".join(f"{key}: {value}" for key, value in self._value.items())


class Alarms(columns.FormattableColumn[list[Any]]):
    """Alarms that may tell of something, a line each."""

    def human_readable(self) -> str:
        return _cut([_alarm(x) for x in self._value])


def _alarm(alarm: Mapping[str, Any]) -> str:
    conditions = [f"{x['field']} {x['op']} {x['value']}" for x in alarm["conditions"]]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    silent = f" ({alarm['silence']})" if alarm["silence"] else ""
    return f"{alarm['name'] or alarm['id']}: {alarm['event_type']}{where}{silent}"
