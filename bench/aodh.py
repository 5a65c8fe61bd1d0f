"""Notices on their way to an application manager: RabbitMQ, Ceilometer, the real Aodh.

Each notice is the first of a session that an operator asks for, a month ahead: over HTTP to the
API, decided on by the engine, stored, handed to the broker by the relay, made an event by
Ceilometer, and posted by Aodh.  One follows the other.

Baseline: a notification of the same form, sent to the same broker by a bare program, on the
same way; taken in turns.  The cloud of tools/testcloud has to run with Aodh.
"""

import contextlib
import datetime as dt
import statistics
import time
import uuid
from collections.abc import Iterator
from typing import Any

from bench import client, measure, real, stage
from bench.result import Result
from tests.cloud import bus, stack
from tests.cloud.listener import Listener, Post

_ROUNDS = 200

_PATH = "/notices"
_TYPE = "maintenance.scheduled"

#: Seconds that a notice may take before the bench gives up.
_LIMIT = 60.0


def run() -> Iterator[Result]:
    admin = real.needed()
    real.needed_service(admin, "alarming")
    with contextlib.ExitStack() as undo:
        listener = Listener(stack.HOST)
        undo.callback(listener.close)
        alarms = stack.Alarms(admin)
        alarms.create(real.name(), _TYPE, listener.url + _PATH)
        undo.callback(alarms.delete_made)
        compute = stack.Compute(admin)
        host = compute.hosts()[0]
        server = compute.boot(admin, real.name(), host)
        undo.callback(compute.delete, [server])
        compute.active(server)
        sender = bus.Sender(stack.TRANSPORT_URL)
        undo.callback(sender.close)
        database = undo.enter_context(stage.database("mariadb"))
        ours = undo.enter_context(stage.daemons(database, _settings(), real.environment()))
        (api,) = undo.enter_context(client.connected(ours.url))
        measure.until(lambda: api.call("GET", "/v1/nova-hosts")[1]["nova_hosts"], every=0.2)
        way = _Way(api, sender, listener, host, admin.get_project_id() or "")
        # connections are made, and the alarm is known
        way.by_hand()
        way.by_us()
        way.stored.clear()
        times = measure.interleaved({"ours": way.by_us, "by hand": way.by_hand}, _ROUNDS)
        yield from _results(times, way.stored)


def _results(times: dict[str, list[float]], stored: list[float]) -> Iterator[Result]:
    hand = [one * 1000 for one in times["by hand"]]
    for name, values in (
        ("from its event stored to the application manager", stored),
        ("from POST /maintenance to the application manager", times["ours"]),
    ):
        ours = [one * 1000 for one in values]
        for what, part in (("median", 0.5), ("p99", 0.99)):
            theirs = measure.percentile(hand, part)
            found = statistics.median(ours) if what == "median" else measure.percentile(ours, part)
            yield Result(
                f"notice through the real Aodh, {name}: {what} of {_ROUNDS}",
                found,
                "ms",
                baseline=theirs,
                ratio=theirs / found,
            )


def _settings() -> str:
    """Operators' events go to a project that has no alarms."""
    return (
        f"[DEFAULT]\ntransport_url = {stack.TRANSPORT_URL}\n"
        f"[events]\nadmin_project_id = {uuid.uuid4().hex}\n"
        "[oslo_messaging_notifications]\ntopics = notifications\n"
        "[inventory]\nsync_interval = 600\ncreate = true\n"
    )


class _Way:
    """The way of a notice, and when it arrived."""

    def __init__(
        self,
        api: client.Connection,
        sender: bus.Sender,
        listener: Listener,
        host: str,
        project_id: str,
    ) -> None:
        self._api, self._sender, self._listener = api, sender, listener
        self._host, self._project_id = host, project_id
        #: number of the newest event of the project that was looked at
        self._seq = 0
        #: how many posts were looked at
        self._seen = 0
        #: seconds from a notice's event to its arrival
        self.stored: list[float] = []

    def by_us(self) -> float:
        """Seconds from the request for a session to its first notice's arrival."""
        start = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
        body = {
            "hosts": [self._host],
            "maintenance_at": start.isoformat(),
            "allow_overlap": True,
        }
        begun = time.time()
        status, made = self._api.call("POST", "/v1/maintenance", body)
        assert status == 200, made
        post = self._arrived(made["session_id"])
        self.stored.append(post.arrived - self._stored_at(made["session_id"]))
        return post.arrived - begun

    def _stored_at(self, session_id: str) -> float:
        """When the notice of a session was stored, by its event."""
        query = f"project_id={self._project_id}&since={self._seq}&limit=100"
        found = self._api.call("GET", f"/v1/events?{query}")[1]
        self._seq = found["next"]
        times = [
            dt.datetime.fromisoformat(one["time"]).timestamp()
            for one in found["events"]
            if one["event_type"] == _TYPE and one["payload"]["session_id"] == session_id
        ]
        return times[0]

    def by_hand(self) -> float:
        """Seconds from a bare send to its arrival."""
        mark = str(uuid.uuid4())
        payload: dict[str, Any] = {
            "service": "bench",
            "project_id": self._project_id,
            "session_id": mark,
            "state": "MAINTENANCE",
            "instance_ids": "http://127.0.0.1/v1/maintenance",
            "reply_url": "http://127.0.0.1/v1/maintenance",
        }
        begun = time.time()
        self._sender.send(_TYPE, payload, bus.context(self._project_id, "bench"))
        return self._arrived(mark).arrived - begun

    def _arrived(self, session_id: str) -> Post:
        found = measure.until(
            lambda: [
                post
                for post in self._listener.posts(_PATH, self._seen)
                if post.traits.get("session_id") == session_id
            ],
            every=0.005,
            limit=_LIMIT,
        )
        self._seen = self._listener.mark()
        return found[0]
