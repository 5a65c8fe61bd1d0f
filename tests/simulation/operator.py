"""An operator who looks after sessions that stand still, and does what their blockers say."""

import datetime as dt
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from craton_maintenance import simcloud
from craton_maintenance.domain.session.records import Session
from craton_maintenance.domain.session.states import ABORTED, Blocker, State
from craton_maintenance.simcloud.model import UNFINISHED
from craton_maintenance.simcloud.nova.services import set_status

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

#: Looks at a session after which it is aborted, and after which something is wrong.
_ABORT, _WRONG = 15, 60

#: Looks at one blocker after which a server is given up.
_PATIENT = 6

#: What only takes time.
_TIME = frozenset({Blocker.AWAITING_REPLY, Blocker.BUDGET, Blocker.HOST_HELD})


class Operator:
    """Whoever is called when nothing happens any more."""

    def __init__(self, world: "Simulation") -> None:
        self._world = world
        self._rng = random.Random(f"operator {world.schedule.seed}")
        self._looks: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()

    def look_after(self, session: Session) -> None:
        """Nothing has happened for a while."""
        world = self._world
        if not world.is_anybody_there():
            return  # no engine could have named what it waits for
        blockers = self._blockers(session.id)
        world.note(f"operator looks: {session.state} {[one['code'] for one in blockers]}")
        if not blockers and session.state is not State.PAUSED:
            if self._waits(session):
                return
            raise AssertionError(f"I8: session {session.id} ({session.state}) names no blocker")
        self._looks[session.id] += 1
        if self._looks[session.id] > _WRONG:
            raise AssertionError(f"session {session.id} does not end: {blockers}")
        if self._looks[session.id] == _ABORT:
            world.give_order(session.id, {"action": "abort"})
            return
        if session.state is State.PAUSED and not session.aborting:
            self._resume(session)
        for one in blockers:
            about = f"{one['code']} {one.get('server_id')} {one.get('host')}"
            self._seen[about] += 1
            if self._seen[about] > _PATIENT:
                self._give_up(one)
            self._mend(session, one)
        world.synchronise()

    def _give_up(self, blocker: dict[str, Any]) -> None:
        """What nothing has helped against is done away with."""
        world = self._world
        servers = {blocker["server_id"]} if "server_id" in blocker else set()
        if "host" in blocker:
            name = blocker["host"]["name"]
            if not world.cloud.hosts[name].alive:
                simcloud.start_compute(world.cloud, name)
            servers = {
                one.server_id
                for one in world.cloud.migrations.values()
                if name in (one.source, one.dest) and one.status in UNFINISHED
            }
        for server in sorted(servers & world.cloud.servers.keys()):
            world.call("admin", "DELETE", f"/servers/{server}")

    def _blockers(self, session_id: str) -> list[dict[str, Any]]:
        answer = self._world.operator.get(f"/v1/maintenance/{session_id}/detail")
        assert answer.status_code == 200, answer.text
        return list(answer.json["blockers"])

    def _waits(self, session: Session) -> bool:
        """Whether a moment is known at which it goes on."""
        world = self._world
        asked = world.judge.sessions[session.id]
        now = world.now
        if now < asked.opens:
            return True
        latest = dt.timedelta(seconds=1)
        for server in session.servers.values():
            for moment in (server.not_before, server.awaits_until, server.own_until):
                if moment is not None and moment + latest >= now:
                    return True
        steps = [session.survey, *(one.step for one in session.hosts.values())]
        steps += [one.step for one in session.servers.values()]
        if any(step is not None for step in steps):
            return True
        return any(
            one.not_before is not None and one.not_before + latest >= now
            for one in session.hosts.values()
        )

    def _resume(self, session: Session) -> None:
        world, rng = self._world, self._rng
        if session.reason == Blocker.WINDOW_ENDED and rng.random() < 0.7:
            closes = world.now + dt.timedelta(seconds=rng.choice([300, 3000]))
            answer = world.operator.patch(
                f"/v1/maintenance-windows/{world.windows[session.id]}",
                {"end": closes.isoformat()},
            )
            world.note(f"window is extended to {closes}: {answer.status_code}")
            world.windows_changed()
            if answer.status_code == 200:
                world.judge.sessions[session.id].closes = closes
            else:
                world.give_order(session.id, {"action": "abort"})
        elif session.reason == Blocker.WINDOW_ENDED:
            world.give_order(session.id, {"action": "abort"})
        else:
            world.give_order(session.id, {"action": rng.choice(["resume", "retry"])})

    def _mend(self, session: Session, blocker: dict[str, Any]) -> None:
        if blocker["code"] == ABORTED:
            return
        code = Blocker(blocker["code"])
        self._world.note(f"operator mends {blocker}")
        host = blocker.get("host", {}).get("name")
        if code in _TIME:
            return
        if "server_id" in blocker:
            self._mend_server(session, code, blocker["server_id"])
        elif host is not None:
            self._mend_host(session, code, host)
        elif code is Blocker.NO_CAPACITY:
            number = len(self._world.cloud.hosts) + 1
            zone = self._rng.choice(sorted(h.zone for h in self._world.cloud.hosts.values()))
            simcloud.add_host(self._world.cloud, f"node-{number}", zone, vcpus=32)
        elif code is Blocker.NOTICE_UNDELIVERED:
            self._order(session, "override")
        elif session.state is not State.PAUSED:
            self._order(session, "retry")

    def _mend_host(self, session: Session, code: Blocker, host: str) -> None:
        world, rng = self._world, self._rng
        match code:
            case Blocker.HOST_DOWN if rng.random() < 0.3:
                simcloud.power_off(world.cloud, host)
                world.judge.fenced.add(host)
                self._order(session, "evacuate", host)
            case Blocker.HOST_DOWN | Blocker.VERIFY_FAILED | Blocker.NOT_EMPTY:
                service = world.cloud.hosts[host]
                if not service.alive:
                    simcloud.start_compute(world.cloud, host)
                self._order(session, rng.choice(["retry", "retry", "skip"]), host)
            case Blocker.WAITING_FOR_OPERATOR:
                world.work_by_hand(session.id, host)
                self._order(session, "confirm", host)
            case Blocker.STEP_UNCLEAR | Blocker.HOST_WORK_FAILED:
                self._order(session, rng.choice(["retry", "confirm", "skip"]), host)
            case Blocker.NOT_OURS_TO_ENABLE:
                if rng.random() < 0.5:
                    set_status(world.cloud, world.cloud.hosts[host], False, None)
                    world.judge.by_others(host, True)
                self._order(session, "confirm", host)
            case Blocker.UNCONFIRMED_RESIZE:
                self._confirm_resizes(host)
            case Blocker.HOST_ENABLED:
                self._order(session, rng.choice(["retry", "skip"]), host)
            case _:
                self._order(session, rng.choice(["retry", "retry", "skip"]), host)

    def _mend_server(self, session: Session, code: Blocker, server_id: str) -> None:
        world, rng = self._world, self._rng
        server = world.cloud.servers.get(server_id)
        if server is None:
            return
        if server.host is not None and not world.cloud.hosts[server.host].alive:
            # what was asked of it there is done by nobody
            simcloud.start_compute(world.cloud, server.host)
        if code is Blocker.UNCONFIRMED_RESIZE:
            world.owner_call(server_id, "POST", "/action", {"confirmResize": None})
            return
        if server.vm_state in ("error", "rescued", "suspended", "paused") and rng.random() < 0.7:
            body = {"os-resetState": {"state": "active"}}
            action = {
                "rescued": {"unrescue": None},
                "suspended": {"resume": None},
                "paused": {"unpause": None},
            }.get(server.vm_state, body)
            world.call("admin", "POST", f"/servers/{server_id}/action", action)
        for wish in ("sim:live_migration", "sim:cold_migration"):
            server.metadata.pop(wish, None)
        order: dict[str, Any] = {"action": "retry", "server_id": server_id}
        if rng.random() < 0.6:
            order["server_action"] = rng.choice(["LIVE_MIGRATE", "MIGRATE", "NOTHING"])
        world.give_order(session.id, order)
        if rng.random() < 0.15 and server.host is not None:
            self._order(session, "skip", server.host)

    def _confirm_resizes(self, host: str) -> None:
        world = self._world
        for migration in list(world.cloud.migrations.values()):
            touches = host in (migration.source, migration.dest)
            there = migration.server_id in world.cloud.servers
            if touches and there and migration.status == "finished":
                body = {"confirmResize": None}
                world.owner_call(migration.server_id, "POST", "/action", body)

    def _order(self, session: Session, command: str, host: str | None = None) -> None:
        body: dict[str, Any] = {"action": command, "reason": "it was looked into"}
        if host is not None:
            body["host"] = host
        self._world.give_order(session.id, body)
