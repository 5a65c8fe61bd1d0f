"""Projects' application managers: how each receives what it is told, and what it answers."""

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

from tests.simulation.judges import Judge

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

_ASKS = ("PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE")
_DONE = "INSTANCE_ACTION_DONE"
_CHOICES = ("MIGRATE", "LIVE_MIGRATE", "LIVE_MIGRATE", "NOTHING")


class Application:
    """One project's application manager."""

    def __init__(self, world: "Simulation", name: str, style: str, rng: random.Random) -> None:
        self.world = world
        self.name = name
        self.style = style
        self.id = world.project(name)
        self._rng = rng
        #: number of the newest event that it has read
        self.read_to = 0
        self._due = False
        #: it does not read before
        self._away_until = 0.0
        self.client = world.member(name)

    @property
    def _judge(self) -> Judge:
        return self.world.judge

    def news(self) -> None:
        """There may be something to read."""
        if self._due:
            return
        self._due = True
        delay = 0.0
        if self.style == "deaf" or (self.style == "late" and self._rng.random() < 0.3):
            delay = self._rng.choice([5.0, 30.0, 100.0, 400.0])
        elif self.style == "late":
            delay = self._rng.uniform(0.0, 10.0)
        self.world.later(max(delay, self._away_until - self.world.elapsed), self.read)

    def away(self, seconds: float) -> None:
        """Nothing reaches it for a while."""
        self._away_until = self.world.elapsed + seconds

    def read(self) -> None:
        """Read its history to the end."""
        self._due = False
        answer = self.client.get("/v1/events", query_string={"since": self.read_to, "limit": 1000})
        assert answer.status_code == 200, answer.text
        found = answer.json["events"]
        for event in found:
            self.read_to += 1
            assert event["seq"] == self.read_to, f"I6: {self.name} {event}"
        if found:
            self._check_privacy(answer.text)
        for event in found:
            if event["event_type"] == "maintenance.scheduled":
                self._heard(event["payload"], event.get("servers") or [])

    def _check_privacy(self, text: str) -> None:
        """I5: nothing of others, and no host."""
        world = self.world
        foreign = [*world.cloud.hosts, *(p for p in world.cloud.projects if p != self.id)]
        foreign += [s.id for s in world.cloud.servers.values() if s.project_id != self.id]
        for one in foreign:
            # the admin project's name is a word that may stand anywhere
            if f'{one}"' in text or f"{one}," in text or f"{one} " in text:
                world.violations.append(f"I5: {self.name} reads of {one}")

    def _heard(self, payload: dict[str, Any], servers: list[str]) -> None:
        state, session = payload["state"], payload["session_id"]
        self.world.note(f"{self.name} hears {state} of {self.world.names(servers)}")
        if state == _DONE:
            return
        self._judge.hears(session, self.id, state, servers, self._seconds(state, servers))
        if self.style == "silent" or (self.style == "deaf" and self._rng.random() < 0.5):
            return
        delay = 0.0
        if self.style != "prompt":
            delay = self._rng.choice([0.0, 1.0, 15.0])
        elif self._rng.random() < 0.3:
            delay = self._rng.uniform(0.0, 8.0)
        if self.style == "late" and self._rng.random() < 0.4:
            delay = self._rng.choice([70.0, 200.0])
        self.world.later(delay, lambda: self._answer(payload, servers))

    def _seconds(self, state: str, servers: list[str]) -> float:
        policy = self.world.schedule.policy
        if state == "MAINTENANCE":
            return float(policy["reply_maintenance"])
        # whoever appeared late has less
        return float(min(policy["reply_actions"], policy["late_server_wait"]))

    # -- answers -----------------------------------------------------------------------

    def _answer(self, payload: dict[str, Any], servers: list[str]) -> None:
        rng, state = self._rng, payload["state"]
        path = payload["reply_url"].partition("/v1")[2]
        if self.style == "confused":
            self._nonsense(path, state, servers)
        ack = not (self.style == "nack" and rng.random() < 0.5)
        body: dict[str, Any] = {"state": f"{'ACK' if ack else 'NACK'}_{state}"}
        session = payload["session_id"]
        if state in _ASKS and ack:
            actions = {server: self._choose() for server in servers}
            if self.style == "partial" and path.endswith(self.id):
                # of some of them, each by itself
                for server in servers[: len(servers) // 2]:
                    action = {server: actions[server]}
                    one = body | {"instance_action": actions[server]}
                    self._send(session, f"{path}/{server}", state, one, [server], action, ack)
                return
            if rng.random() < 0.7:
                # an agreement is one for all, whether named or not
                body["instance_actions"] = actions
            else:
                actions = {}
            if self.style == "postpones" and rng.random() < 0.7:
                body["not_before"] = self.world.now_plus(rng.choice([20.0, 90.0, 500.0]))
        else:
            actions = {}
        self._send(session, path, state, body, servers, actions, ack)
        if rng.random() < 0.15:
            # the same once more, as after a lost answer
            self._send(session, path, state, body, servers, actions, ack)

    def _choose(self) -> str:
        if self.style == "own" and self._rng.random() < 0.7:
            return "OWN_ACTION"
        return self._rng.choice(_CHOICES)

    def _send(
        self,
        session: str,
        path: str,
        state: str,
        body: dict[str, Any],
        servers: list[str],
        actions: dict[str, str],
        ack: bool,
    ) -> None:
        answer = self.client.put(f"/v1{path}", body)
        assert answer.status_code in (200, 400, 404, 409), answer.text
        self.world.note(f"{self.name} says {body} -> {answer.status_code}")
        if answer.status_code != 200:
            return
        late = set(answer.json.get("late", ()))
        about = [one for one in servers if one not in late]
        if not ack:
            self._judge.refuses(session, self.id, state, about)
            return
        if state in _ASKS and not actions and path.endswith(self.id):
            self._judge.answers_for_all(session, self.id)
        granted = answer.json.get("not_before")
        later = dt.datetime.fromisoformat(granted) if granted else None
        self._judge.answers(session, self.id, state, about, later)
        for server, action in actions.items():
            if action == "NOTHING":
                self._judge.left.add(server)
            if action == "OWN_ACTION":
                delay = self._rng.choice([2.0, 20.0, 200.0])
                self.world.later(delay, lambda which=server: self.world.owner_acts(which))

    def _nonsense(self, path: str, state: str, servers: list[str]) -> None:
        """What is refused, and has no effect."""
        other = next(p for p in self.world.cloud.projects if p != self.id)
        foreign = path.replace(self.id, other)
        for where, body in (
            (path, {"state": "ACK_MAINTENANCE_IS_FINE"}),
            (path, {"state": 7}),
            (path, {"state": f"ACK_{state}", "instance_action": "FLY"}),
            (path, {"state": f"ACK_{state}", "instance_actions": {"0" * 8: "MIGRATE"}}),
            (foreign, {"state": f"NACK_{state}"}),
        ):
            if self._rng.random() < 0.5:
                answer = self.client.put(f"/v1{where}", body)
                assert 400 <= answer.status_code < 500, answer.text
