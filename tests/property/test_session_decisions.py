"""Random ways through a session, decided on by the machine alone.

The same input gives the same output; what was decided is decided: without news there is
nothing more to do; and a session that is stored and loaded goes on as if it had not been.
"""

import dataclasses
import datetime as dt
import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.db import records
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import machine
from craton_maintenance.domain.session.commands import Command, Do
from craton_maintenance.domain.session.inputs import Input, Order, Reply, Stale, StepEnded
from craton_maintenance.domain.session.known import (
    GroupConstraint,
    Known,
    Move,
    Policy,
    Seen,
    SeenHost,
    Window,
)
from craton_maintenance.domain.session.records import Host, Notice, Problem, Server, Session
from craton_maintenance.domain.session.states import OVER, Blocker
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind
from tests.property.samples import ZERO, examples

_KEYS = [HostKey("r", f"h{number}") for number in range(4)]
_ORDERS = ("pause", "resume", "abort", "retry", "override", "confirm", "skip")
_LOOKS = (StepKind.SURVEY_HOST, StepKind.PROVE_EMPTY)
_MOVES = {StepKind.LIVE_MIGRATE: "completed", StepKind.COLD_MIGRATE: "finished"}


class Walk:
    """A session, and a cloud as simple as can be."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.now = ZERO
        self.inputs: list[Input] = []
        self.steps: list[Step] = []
        self.numbers: list[int] = []
        self.policy = Policy(
            default_action=draw(st.sampled_from(["LIVE_MIGRATE", "MIGRATE", "NOTHING"])),
            on_nack=draw(st.sampled_from(["pause", "skip", "default"])),
            on_silence=draw(st.sampled_from(["pause", "skip", "default"])),
            unmovable=draw(st.sampled_from(["ask", "nothing"])),
            unconfirmed_resize=draw(st.sampled_from(["ask", "confirm"])),
            max_attempts=draw(st.integers(1, 3)),
            max_scale_in=draw(st.integers(0, 2)),
        )
        self.groups = {
            "g": GroupConstraint(draw(st.integers(1, 2)), draw(st.sampled_from([0, 60])))
        }
        self.servers = {
            f"s{number}": Seen(
                f"s{number}",
                draw(st.sampled_from(["alpha", "beta"])),
                draw(st.sampled_from(_KEYS[:3])),
                draw(st.sampled_from(["ACTIVE", "ACTIVE", "SHUTOFF", "ERROR", "PAUSED"])),
            )
            for number in range(draw(st.integers(0, 5)))
        }
        self.moves: dict[str, Move] = {}
        self.enabled = dict.fromkeys(_KEYS, True)
        closes = draw(st.sampled_from([None, None, 900]))
        self.window = Window(
            opens=ZERO + dt.timedelta(seconds=60),
            closes=None if closes is None else ZERO + dt.timedelta(seconds=closes),
            retire=draw(st.integers(0, 9)) == 0,
        )
        work = [
            {"plugin": one, "options": {}}
            for one in draw(st.lists(st.sampled_from(["none", "wait", "command"]), max_size=2))
        ]
        workflow = draw(st.sampled_from(["default", "vnf"]))
        self.session = machine.begin(
            "00000000-0000-4000-8000-000000000000", "w", workflow, _KEYS[:3], ZERO, {}, work
        )

    # -- what the machine gets to know ---------------------------------------------------

    def known(self) -> Known:
        parts: dict[str, tuple[str, ...]] = {}
        for one in self.servers.values():
            if one.host in self.session.hosts:
                parts[one.project_id] = (*parts.get(one.project_id, ()), one.id)
        return Known(
            now=self.now,
            window=self.window,
            policy=self.policy,
            public_url="http://here/v1",
            admin_project_id="admin",
            parts=parts,
            servers=dict(self.servers),
            moves=dict(self.moves),
            hosts={key: SeenHost(on, True) for key, on in self.enabled.items()},
            groups=self.groups,
        )

    def _facts(self, server: Seen) -> dict[str, Any]:
        return {
            "id": server.id,
            "project_id": server.project_id,
            "name": "",
            "status": server.status,
            "task_state": None,
            "locked": False,
            "size": [1, 1, 1],
            "group_id": "g" if server.id in ("s0", "s1", "s2") else None,
            "metadata": {},
            "tags": [],
            "migration": 0,
        }

    # -- what happens --------------------------------------------------------------------

    def happen(self) -> None:
        """One thing happens."""
        what = self.draw(st.sampled_from(["step"] * 6 + ["time"] * 3 + ["reply"] * 2 + ["order"]))
        if what == "step" and self.steps:
            step = self.steps.pop(self.draw(st.integers(0, len(self.steps) - 1)))
            self.inputs.append(StepEnded(step, self._outcome(step)))
        elif what == "reply" and self.session.notices:
            self._answer()
        elif what == "order":
            self._order()
        else:
            self.now += dt.timedelta(seconds=self.draw(st.sampled_from([0, 1, 30, 700])))

    def _answer(self) -> None:
        notice_id = self.draw(st.sampled_from(sorted(self.session.notices)))
        one = self.session.notices[notice_id]
        what = self.draw(st.sampled_from(["hand over", "answer", "answer", "stale"]))
        if what == "hand over" and one.delivered_at is None:
            # written by others, beside the machine
            handed = dataclasses.replace(one, delivered_at=self.now)
            notices = {**self.session.notices, notice_id: handed}
            self.session = dataclasses.replace(self.session, notices=notices)
        elif what == "stale":
            self.inputs.append(Stale(notice_id))
        else:
            action = self.draw(
                st.sampled_from([None, "MIGRATE", "LIVE_MIGRATE", "NOTHING", "OWN_ACTION"])
            )
            ack = self.draw(st.integers(0, 4)) > 0
            self.inputs.append(Reply(notice_id, ack, action=action))

    def _order(self) -> None:
        command = self.draw(st.sampled_from(_ORDERS))
        host = self.draw(st.sampled_from([None, *_KEYS[:3]]))
        if command == "skip" and host is None:
            host = _KEYS[0]
        self.inputs.append(Order(command, "somebody", host, reason="a reason"))

    def _outcome(self, step: Step) -> Outcome:
        result = self.draw(st.sampled_from([Result.DONE] * 6 + list(Result)))
        if result is not Result.DONE:
            return Outcome(
                result,
                code=self.draw(st.sampled_from(["CONFLICT", "NOT_FOUND", "SERVER_BUSY"])),
                words="no",
            )
        there = [
            self._facts(one) for _, one in sorted(self.servers.items()) if one.host == step.host
        ]
        if step.kind in _LOOKS:
            left = step.params.get("left", ())
            there = [one for one in there if one["id"] not in left]
            return Outcome(
                result,
                {
                    "servers": there,
                    "groups": [],
                    "up": True,
                    "empty": not there,
                    "migrations": [],
                    "allocations": [],
                },
            )
        if step.kind is StepKind.SURVEY_CAPACITY:
            used: Counter[str] = Counter(
                one.host.name for one in self.servers.values() if one.host
            )
            return Outcome(
                result,
                {
                    "free": {key.name: [9, 9, 9] for key in _KEYS},
                    "used": {key.name: [used[key.name]] * 3 for key in _KEYS},
                },
            )
        if step.kind is StepKind.DISABLE_HOST:
            self.enabled[step.host] = False
            return Outcome(result, {"changed": True, "status": "enabled", "reason": None})
        if step.kind is StepKind.ENABLE_HOST:
            self.enabled[step.host] = True
            return Outcome(result, {"enabled": True, "reason": None})
        if step.kind is StepKind.VERIFY_HOST:
            return Outcome(result, {"well": True, "words": ""})
        return Outcome(result, self._on_server(step))

    def _on_server(self, step: Step) -> dict[str, Any]:
        server = self.servers.get(step.server_id or "")
        facts = {"already": False, "migration": 0}
        if server is None:
            return facts
        if step.kind in _MOVES:
            number = self.moves[server.id].id + 1 if server.id in self.moves else 1
            facts["migration"] = number - 1
            if self.draw(st.integers(0, 3)) == 0:
                self.moves[server.id] = Move(number, "live-migration", "error")
                return facts
            self.moves[server.id] = Move(number, "live-migration", _MOVES[step.kind])
            status = "VERIFY_RESIZE" if step.kind is StepKind.COLD_MIGRATE else server.status
            self.servers[server.id] = dataclasses.replace(server, host=_KEYS[3], status=status)
        elif step.kind is StepKind.CONFIRM_RESIZE:
            move = self.moves.get(server.id)
            if move is not None:
                self.moves[server.id] = dataclasses.replace(move, status="confirmed")
            self.servers[server.id] = dataclasses.replace(server, status="ACTIVE")
        elif step.kind is StepKind.STOP_SERVER:
            self.servers[server.id] = dataclasses.replace(server, status="SHUTOFF")
        elif step.kind is StepKind.START_SERVER:
            self.servers[server.id] = dataclasses.replace(server, status="ACTIVE")
        return facts

    # -- decisions -----------------------------------------------------------------------

    def decide(self) -> tuple[Session, tuple[Command, ...], Known]:
        known = self.known()
        inputs, self.inputs = self.inputs, []
        after, commands = machine.decide(self.session, inputs, known)
        assert machine.decide(self.session, inputs, known) == (after, commands)
        for one in commands:
            if isinstance(one, Do):
                self.steps.append(one.step)
                self.numbers.append(one.step.number)
        self.session = after
        return after, commands, known


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    return Walk(draw)


@examples(sample=60, full=3000)
@given(st.data())
def test_what_is_decided_is_decided(data: st.DataObject) -> None:
    walk = Walk(data.draw)  # type: ignore[arg-type]
    for _ in range(data.draw(st.integers(1, 60))):
        walk.happen()
        if data.draw(st.booleans()):
            continue  # several things come in at once
        after, _, known = walk.decide()
        again, more = machine.decide(after, [], known)
        assert (again, more) == (after, ())
        _check(walk, after, known)
        if after.state in OVER:
            return


def _check(walk: Walk, session: Session, known: Known) -> None:
    assert walk.numbers == sorted(set(walk.numbers)), "a step's number is used twice"
    assert all(number < session.next_step for number in walk.numbers)
    due = machine.due(session, known)
    assert (due is None) == (session.state in OVER)
    assert due is None or due > known.now
    out = Counter(one.group_id for one in session.servers.values() if one.out and one.group_id)
    for group, count in out.items():
        assert count <= walk.groups[group].max_impacted_members
    # what is under way is one thing at a time
    steps = [one.step for one in [*session.hosts.values(), *session.servers.values()] if one.step]
    assert len(steps) == len(set(steps))
    for host in session.hosts.values():
        assert _again(host, {"key": host.key}) == host
    for server in session.servers.values():
        assert _again(server, {}) == server
    for notice in session.notices.values():
        assert _again(notice, {}) == notice
    kept = {name: getattr(session, name) for name in ("hosts", "servers", "notices", "projects")}
    assert _again(session, kept) == session


def _again(record: Any, kept: dict[str, Any]) -> Any:
    """A record after it was stored and loaded."""
    text = json.dumps(records.dump(record, frozenset(kept)))
    return records.load(type(record), json.loads(text), **kept)


_moments = st.none() | st.datetimes(
    dt.datetime(2000, 1, 1),  # noqa: DTZ001  hypothesis adds it
    dt.datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
)
_problems = st.none() | st.builds(
    Problem, st.sampled_from(Blocker), st.text(), _moments.filter(bool)
)
_keys = st.builds(HostKey, st.text(), st.text())

_kinds = st.one_of(
    st.builds(Host, key=_keys, problem=_problems, proved_at=_moments, not_before=_moments),
    st.builds(
        Server,
        host=_keys,
        problem=_problems,
        hints=st.dictionaries(st.sampled_from(["metadata", "tag"]), st.text()),
        todo=st.lists(st.text()).map(tuple),
        own_until=_moments,
        out_since=_moments,
        back_at=_moments,
        awaits_until=_moments,
        not_before=_moments,
    ),
    st.builds(
        Notice,
        host=st.none() | _keys,
        servers=st.lists(st.text()).map(tuple),
        actions=st.lists(st.text()).map(tuple),
        answered=st.lists(st.text()).map(tuple),
        created_at=_moments.filter(bool),
        reply_seconds=st.floats(0, 1e6),
        reply_at=_moments,
        actions_at=_moments,
        reminded_at=_moments,
        delivered_at=_moments,
    ),
    st.builds(
        Step,
        host=_keys,
        kind=st.sampled_from(StepKind),
        params=st.dictionaries(st.text(), st.text() | st.integers() | st.booleans()),
        not_before=_moments,
    ),
    st.builds(Outcome, facts=st.dictionaries(st.text(), st.text())),
    st.builds(Order, host=st.none() | _keys),
    st.builds(Reply, actions=st.dictionaries(st.text(), st.text()), later=_moments),
)


@given(_kinds)
def test_a_record_is_loaded_as_it_was_stored(record: Any) -> None:
    assert _again(record, {}) == record
