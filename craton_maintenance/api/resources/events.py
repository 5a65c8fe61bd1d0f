"""The event history: by cursor, by long poll, as a stream; and what is pending."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import flask
from flask_restful import Resource

from craton_maintenance.api import session_views, views
from craton_maintenance.api.operation import Call, operation
from craton_maintenance.api.waiting import EVERYBODY, WaitingRoom
from craton_maintenance.db import events as store
from craton_maintenance.db import search
from craton_maintenance.db import session_views as session_store
from craton_maintenance.domain import window
from craton_maintenance.errors import Code, Problem, bad_field
from craton_maintenance.policies import events as rules
from craton_maintenance.sessions import handover
from craton_maintenance.sessions.replies import REST

_LIMIT = 100
#: Seconds between signs of life in a stream: proxies end silent connections.
_HEARTBEAT = 15.0


class Events(Resource):
    """Events of a project; operators may read anybody's, or everybody's."""

    @operation(
        operator=rules.READ_ALL,
        project=rules.READ,
        query="event-list-query",
        answer="event-list",
        also=("text/event-stream",),
    )
    def get(self, call: Call) -> Any:
        """Read events after a number; wait for one, or stream them."""
        whose = _whose(call)
        reader = _Reader(call, whose)
        room: WaitingRoom = flask.current_app.extensions["maintenance-waiting"]
        if _wants_stream():
            since = _last_event_id(call.query.get("since", 0))
            seat = room.enter(whose)
            stream = _stream(reader, room, whose, since)
            response = flask.Response(stream, mimetype="text/event-stream")
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Accel-Buffering"] = "no"
            # also when the client is gone before the first byte
            response.call_on_close(seat.leave)
            return response
        since = call.query.get("since", 0)
        found = reader.after(since)
        if not found and call.query.get("wait"):
            seconds = min(call.query["wait"], call.service.conf.api.max_wait)
            with room.enter(whose):
                found = room.wait_for(whose, lambda: reader.after(since), seconds)
        reader.handed_over()
        return {"events": found, "next": reader.cursor(found, since)}


class Pending(Resource):
    """A snapshot of what is pending, and the number that it is as of."""

    @operation(
        operator=rules.READ_ALL, project=rules.READ, query="pending-query", answer="pending"
    )
    def get(self, call: Call) -> dict[str, Any]:
        """Show what is pending; events after ``seq`` are news."""
        project_id = _whose(call)
        shown = views.WindowViews(call.service)
        with call.service.database.read() as connection:
            # the number first: what comes between is told again, never missed
            seq = store.seq(connection, project_id)
            rows = search.pending_of_project(connection, project_id)
            asked = session_store.asked(connection, project_id)
        if not call.is_operator:
            handover.read(call.service, project_id, [row.id for row in asked])
        return {
            "seq": seq,
            "notices": [
                session_views.pending(row, call.service.public_url)
                for row in asked
                if REST not in (row.replies or {})
            ],
            "maintenance_windows": [
                shown.project(row, row.servers)
                for row in rows
                if shown.state(row) not in window.FINAL
            ],
        }


class _Reader:
    """Reads one project's events, or everybody's, each read on a connection of its own."""

    def __init__(self, call: Call, whose: str) -> None:
        self._call = call
        self._whose = whose
        self._limit = call.query.get("limit", _LIMIT)
        #: the field that a reader continues from
        self.number = "position" if whose is EVERYBODY else "seq"
        #: notices in what was read last
        self._notices: list[str] = []

    def after(self, since: int) -> list[dict[str, Any]]:
        with self._call.service.database.read() as connection:
            if self._whose is EVERYBODY:
                rows = store.after_position(connection, since, self._limit)
            else:
                rows = store.after_seq(connection, self._whose, since, self._limit)
        self._notices = [row.notice_id for row in rows if row.notice_id is not None]
        return [views.event(row, self._call.is_operator) for row in rows]

    def handed_over(self) -> None:
        """What was read last has reached the reader: a project has what it is asked."""
        if self._call.caller.project_id == self._whose:
            handover.read(self._call.service, self._whose, self._notices)

    def cursor(self, found: list[dict[str, Any]], since: int) -> int:
        return found[-1][self.number] if found else since


def _whose(call: Call) -> str:
    """The project whose events are asked for."""
    named, everybody = call.query.get("project_id"), call.query.get("all_projects")
    if not call.is_operator:
        if everybody or named not in (None, call.project_id):
            raise Problem(403, Code.FORBIDDEN, "Only operators may read other projects' events.")
        return call.project_id
    if everybody:
        if named:
            raise bad_field(Code.INVALID, "project_id", "does not go with all_projects")
        return EVERYBODY
    if named:
        return named
    with call.service.database.read() as connection:
        return call.service.identity(connection)["project_id"]


def _wants_stream() -> bool:
    accepted = flask.request.accept_mimetypes
    return accepted["text/event-stream"] > accepted["application/json"]


def _last_event_id(since: int) -> int:
    """Where a stream continues: browsers send the id of the last event they have seen."""
    text = flask.request.headers.get("Last-Event-ID", "")
    return max(since, int(text)) if text.isascii() and text.isdigit() and len(text) < 17 else since


def _stream(reader: _Reader, room: WaitingRoom, whose: str, since: int) -> Iterator[str]:
    yield ": events follow\n\n"
    while not room.closed:
        found = room.wait_for(whose, partial(reader.after, since), _HEARTBEAT)
        for event in found:
            number = event[reader.number]
            data = json.dumps(event, separators=(",", ":"))
            yield f"id: {number}\nevent: {event['event_type']}\ndata: {data}\n\n"
            since = number
        reader.handed_over()
        if not found:
            yield ": still here\n\n"
