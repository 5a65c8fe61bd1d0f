"""Sessions as those who may see them see them."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from craton_maintenance.domain import times, window
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.estimate import estimate
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import (
    HOST_OVER,
    SERVER_OVER,
    Blocker,
    HostState,
    NoticeStatus,
    ServerState,
    State,
)
from craton_maintenance.service import Service
from craton_maintenance.sessions.replies import REST, deadline


def _time(value: Any) -> str | None:
    """A column's moment, or one in ``data``."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    return None if value is None else times.text(value)


def _moment(value: str | None) -> dt.datetime | None:
    return None if value is None else dt.datetime.fromisoformat(value)


def _problem(data: Mapping[str, Any]) -> dict[str, Any] | None:
    found = data.get("problem")
    if not found:
        return None
    return {"code": found["code"], "words": found["words"], "since": _time(found["since"])}


def _host(value: Sequence[str] | None) -> dict[str, str] | None:
    return None if value is None else {"region": value[0], "name": value[1]}


def _work(action: Mapping[str, Any]) -> dict[str, Any]:
    """Without options: those of the catalogue may hold credentials."""
    return {name: action[name] for name in ("plugin", "stage") if name in action}


class SessionViews:
    """Sessions, for one deployment."""

    def __init__(self, service: Service) -> None:
        self._now = service.clock()
        self._url = f"{service.public_url}/maintenance"

    def _common(self, row: Any) -> dict[str, Any]:
        opens = window.Times(row.start_at, row.end_at, row.started_at).opens
        return {
            "session_id": row.id,
            "state": row.state,
            "percent_done": row.percent_done,
            "workflow": row.workflow,
            "window_id": row.window_id,
            "maintenance_at": times.text(opens),
            "maintenance_end": _time(row.end_at),
            "metadata": row.data.get("metadata", {}),
            "created_at": times.text(row.created_at),
            "finished_at": _time(row.finished_at),
            "links": [{"rel": "self", "href": f"{self._url}/{row.id}"}],
        }

    def operator(self, row: Any, hosts: Mapping[str, int]) -> dict[str, Any]:
        """What operators see.

        :param row: of ``db.session_views.get``
        :param hosts: how many are in each state
        """
        data = row.data
        shown = self._common(row) | {
            "reason": row.reason,
            "words": data.get("words") or "",
            "resume_state": data.get("resume_state"),
            "aborting": bool(data.get("aborting")),
            "problem": _problem(data),
            "waves": data.get("waves") or 0,
            "hosts": dict(hosts),
            "actions": [_work(action) for action in data.get("work") or ()],
            "created_by": row.created_by,
        }
        shown["links"].append({"rel": "detail", "href": f"{self._url}/{row.id}/detail"})
        return shown

    def project(self, row: Any, project_id: str, servers: Sequence[str]) -> dict[str, Any]:
        """A project's part: no host, nobody else, and no reason, which may be somebody's."""
        shown = self._common(row) | {
            "announcement": row.announcement,
            "impact": row.impact,
            "instance_ids": list(servers),
        }
        shown["links"].append({"rel": "part", "href": f"{self._url}/{row.id}/{project_id}"})
        return shown

    def created(self, row: Any) -> dict[str, Any]:
        """A session that was just made."""
        shown = self._common(row)
        names = ("session_id", "state", "percent_done", "workflow", "window_id", "links")
        counts = ("hosts_count", "projects_count", "servers_count")
        return {name: shown[name] for name in (*names, "maintenance_at", "maintenance_end")} | {
            name: getattr(row, name) for name in counts
        }

    def estimate(self, row: Any, hosts: Iterable[Any]) -> dict[str, Any] | None:
        """When all hosts are expected to be done; None: nothing tells, or nothing is left."""
        if row.finished_at is not None:
            return None
        known = [
            Host(
                HostKey(one.region, one.host),
                HostState(one.state),
                began_at=_moment(one.data.get("began_at")),
                ended_at=_moment(one.data.get("ended_at")),
            )
            for one in hosts
        ]
        found = estimate(known, self._now)
        if found is None:
            return None
        return {"ends_at": times.text(found.ends_at.replace(microsecond=0)), "hosts": found.hosts}

    def blockers(
        self,
        row: Any,
        hosts: Iterable[Any],
        servers: Sequence[Any],
        notices: Iterable[Any],
        syncs: Iterable[Mapping[str, Any]] = (),
    ) -> list[dict[str, Any]]:
        """Why a session does not get on now.

        :param syncs: how the last synchronisation of each region went
        """
        if row.finished_at is not None:
            return []
        found: list[dict[str, Any]] = []
        problem = _problem(row.data)
        if problem:
            found.append(problem)
        paused_at = row.data.get("paused_at")
        if row.state == State.PAUSED.value and paused_at:
            about = {"code": row.reason, "words": row.data.get("words") or ""}
            found.append(about | {"since": _time(paused_at)})
        if not row.approved:
            words = "an administrator has to approve the window"
            found.append(self._blocker(Blocker.NOT_APPROVED, words, row.created_at))
        over = {state.value for state in HOST_OVER | SERVER_OVER}
        for host in hosts:
            problem = _problem(host.data)
            if problem and host.state not in over:
                found.append(problem | {"host": {"region": host.region, "name": host.host}})
        for server in servers:
            problem = _problem(server.data)
            if problem and server.state not in over:
                found.append(problem | {"server_id": server.server_id})
        for notice in notices:
            if notice.status == NoticeStatus.OPEN.value and REST not in (notice.replies or {}):
                found.append(self._waiting(notice))
        return found + self._unseen(servers, syncs)

    def _unseen(
        self, servers: Iterable[Any], syncs: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Nova acts on servers, and can't be read: nobody sees that it is done."""
        acting = [one.data for one in servers if one.state == ServerState.ACTING.value]
        regions = {one["host"][0] for one in acting if one.get("host") and not _problem(one)}
        return [
            {
                "code": Blocker.SERVICE_UNAVAILABLE.value,
                "words": f"Nova of region {one['region']} can't be read now: {one['error']}",
                "since": one["finished_at"] or times.text(self._now),
            }
            for one in syncs
            if one["error"] and not one["complete"] and one["region"] in regions
        ]

    def _waiting(self, notice: Any) -> dict[str, Any]:
        about = {"notice_id": notice.id, "project_id": notice.project_id}
        if notice.delivered_at is None:
            code, since = Blocker.NOTICE_UNDELIVERED, notice.created_at
            words = f"project {notice.project_id} has not got its notice ({notice.state}) yet"
        else:
            code, since = Blocker.AWAITING_REPLY, notice.delivered_at
            until = times.text((deadline(notice) or since).replace(microsecond=0))
            words = f"project {notice.project_id} has until {until} to answer ({notice.state})"
        return self._blocker(code, words, since) | about

    @staticmethod
    def _blocker(code: Blocker, words: str, since: dt.datetime) -> dict[str, Any]:
        return {"code": code.value, "words": words, "since": times.text(since)}


def host(row: Any) -> dict[str, Any]:
    """A host of a session, for operators."""
    data = row.data
    return {
        "region": row.region,
        "name": row.host,
        "state": row.state,
        "wave": data.get("wave") or 0,
        "problem": _problem(data),
        "reason": data.get("reason"),
        "phase": data.get("phase"),
        "step": data.get("step"),
        "disabled_by_us": bool(data.get("disabled_by_us")),
        "foreign": bool(data.get("foreign")),
        "began_at": _time(data.get("began_at")),
        "ended_at": _time(data.get("ended_at")),
    }


def server(row: Any) -> dict[str, Any]:
    """A server on a host of a session, for operators."""
    data = row.data
    return {
        "id": row.server_id,
        "project_id": row.project_id,
        "name": data.get("name") or "",
        "state": row.state,
        "host": _host(data.get("host")),
        "status": data.get("status"),
        "group_id": data.get("group_id"),
        "locked": bool(data.get("locked")),
        "late": bool(data.get("late")),
        "action": data.get("action"),
        "chosen_by": data.get("chosen_by"),
        "not_before": _time(data.get("not_before")),
        "attempts": data.get("attempts") or 0,
        "postponed": data.get("postponed") or 0,
        "todo": list(data.get("todo") or ()),
        "step": data.get("step"),
        "notice_id": data.get("notice_id"),
        "problem": _problem(data),
    }


def notice(row: Any) -> dict[str, Any]:
    """A notice, for operators."""
    data = row.data
    return {
        "id": row.id,
        "project_id": row.project_id,
        "state": row.state,
        "status": row.status,
        "server_id": row.server_id,
        "servers": list(data.get("servers") or ()),
        "host": _host(data.get("host")),
        "created_at": times.text(row.created_at),
        "reply_at": _time(row.reply_at),
        "deadline": _time(deadline(row)),
        "delivered_at": _time(row.delivered_at),
        "replied_at": _time(row.replied_at),
        "replies": row.replies or {},
        "actions": list(data.get("actions") or ()),
        "actions_at": _time(data.get("actions_at")),
    }


def step(row: Any) -> dict[str, Any]:
    """A step, for operators."""
    return {
        "number": row.number,
        "kind": row.kind,
        "host": {"region": row.region, "name": row.host},
        "server_id": row.server_id,
        # options of host actions may hold credentials
        "params": {key: value for key, value in row.params.items() if key != "options"},
        "status": row.status,
        "attempts": row.attempts,
        "not_before": _time(row.not_before),
        "created_at": times.text(row.created_at),
        "began_at": _time(row.began_at),
        "ended_at": _time(row.ended_at),
        "must_end_by": _time(row.must_end_by),
        "result": row.result,
        "outcome": row.outcome,
    }


def suppression(row: Any) -> dict[str, Any]:
    """What another system was told about a host, for operators."""
    return {
        "adapter": row.adapter,
        "host": {"region": row.region, "name": row.host},
        "status": row.status,
        "servers": list(row.servers),
        "words": row.words,
        "error": row.error,
        "failures": row.failures,
        "created_at": times.text(row.created_at),
        "tried_at": _time(row.tried_at),
        "not_before": _time(row.not_before),
    }


def order(row: Any) -> dict[str, Any]:
    """An order that is not decided on yet, for operators."""
    data = dict(row.data)
    return data | {"host": _host(data.get("host")), "created_at": times.text(row.created_at)}


# -- a project's part --------------------------------------------------------------


def pending(row: Any, url: str) -> dict[str, Any]:
    """What a project is asked, and has not answered.

    :param row: of ``db.session_views.asked``
    :param url: our address, ending in ``/v1``
    """
    data = row.data
    reply_url = f"{url}/maintenance/{row.session_id}/{row.project_id}"
    if row.server_id is not None:
        reply_url += f"/{row.server_id}"
    return {
        "notice_id": row.id,
        "session_id": row.session_id,
        "window_id": row.window_id,
        "state": row.state,
        "instance_ids": sorted(set(data.get("servers", ())) - _answered([row])),
        "allowed_actions": list(data.get("actions") or ()),
        "reply_at": _time(_until(row)),
        "actions_at": _time(_actions_at(row)),
        "reply_url": reply_url,
        "metadata": row.session.get("metadata", {}),
    }


def part(
    row: Any,
    project_id: str,
    told: Sequence[str],
    notices: Sequence[Any],
    servers: Sequence[Any],
    instance_id: str | None = None,
) -> dict[str, Any]:
    """What a project is asked now, and what happens to its servers.

    :param told: its servers in the session
    :param notices: those that are open, the oldest first
    :param servers: rows of its servers on hosts that are, or were, emptied
    :param instance_id: about this server only
    """
    # the newest state is what is asked now; answers to others are still taken
    asked = [one for one in notices if one.state == notices[-1].state]
    ids = sorted({one for each in asked for one in each.data.get("servers", ())}) or list(told)
    if instance_id is not None:
        ids = [instance_id]
    known = {one.server_id: one for one in servers}
    answered = _answered(asked)
    return {
        "session_id": row.id,
        "project_id": project_id,
        "window_id": row.window_id,
        "session_state": row.state,
        "state": asked[0].state if asked else row.state,
        "awaits_reply": bool(asked),
        "instance_ids": ids,
        "allowed_actions": _in_all([one.data.get("actions") or () for one in asked]),
        "reply_at": _time(_earliest(_until(one) for one in asked)),
        "actions_at": _time(_earliest(_actions_at(one) for one in asked)),
        "metadata": row.data.get("metadata", {}),
        "instances": [_instance(one, known.get(one), one in answered) for one in ids],
    }


def _until(row: Any) -> dt.datetime | None:
    until: dt.datetime | None = deadline(row) or row.reply_at
    return until


def _actions_at(row: Any) -> dt.datetime | None:
    text = row.data.get("actions_at")
    return dt.datetime.fromisoformat(text) if text else None


def _earliest(moments: Iterable[dt.datetime | None]) -> dt.datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _in_all(lists: Sequence[Sequence[str]]) -> list[str]:
    """What every list has, in the order of the first."""
    return [one for one in lists[0] if all(one in other for other in lists)] if lists else []


def _answered(notices: Iterable[Any]) -> set[str]:
    found: set[str] = set()
    for row in notices:
        replies = row.replies or {}
        found.update(row.data.get("servers", ()) if REST in replies else replies)
        found.update(row.data.get("answered") or ())
    return found


def _instance(server_id: str, row: Any, answered: bool) -> dict[str, Any]:
    """A server for its owner: codes, never words, which may name a host."""
    shown: dict[str, Any] = {"id": server_id, "answered": answered}
    if row is None:
        return shown
    data = row.data
    return shown | {
        "name": data.get("name") or "",
        "state": row.state,
        "action": data.get("action"),
        "chosen_by": data.get("chosen_by"),
        "not_before": _time(data.get("not_before")),
        "problem": (data.get("problem") or {}).get("code"),
    }
