"""Sessions as their operator orders and watches them."""

import json
import time
from collections.abc import Collection, Iterable
from typing import Any

from tests.support.waiting import until

from . import stack
from .parties import Api
from .service import LOOK, Installation

OVER = ("MAINTENANCE_DONE", "MAINTENANCE_FAILED")


class Session:
    """One session, by the operators' API."""

    def __init__(self, api: Api, hosts: Collection[str], **more: Any) -> None:
        """Ask for it; the work on each host looks around.

        :param hosts: none: all
        """
        self._api = api
        body = {"hosts": list(hosts), "actions": [{"flow": LOOK}], **more}
        #: seconds since the epoch
        self.asked_at = time.time()
        made = api.request("POST", "/maintenance", 200, body).json()
        self.id: str = made["session_id"]
        self.window_id: str = made["window_id"]

    def get(self) -> dict[str, Any]:
        return self._api.get(f"/maintenance/{self.id}")

    def detail(self) -> dict[str, Any]:
        return self._api.get(f"/maintenance/{self.id}/detail")

    def order(self, action: str, **more: Any) -> None:
        self._api.request("PUT", f"/maintenance/{self.id}", 200, {"action": action, **more})

    def until(self, *states: str, seconds: float = 240.0) -> dict[str, Any]:
        """Wait until it is in one of these states."""

        def look() -> dict[str, Any] | None:
            found = self.get()
            assert found["state"] in states or found["state"] not in OVER, found
            return found if found["state"] in states else None

        return self._waited(look, " or ".join(states), seconds)

    def until_done(self, seconds: float = 240.0) -> dict[str, Any]:
        return self.until("MAINTENANCE_DONE", seconds=seconds)

    def until_host(self, host: str, *states: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a host is in one of these states."""

        def look() -> dict[str, Any] | None:
            found = self.detail()
            (there,) = [one for one in found["hosts"] if one["name"] == host]
            return found if there["state"] in states else None

        return self._waited(look, f"{host} {' or '.join(states)}", seconds)

    def until_server(self, server_id: str, *states: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a server is in one of these states."""

        def look() -> dict[str, Any] | None:
            found = self.detail()
            there = [one["state"] for one in found["servers"] if one["id"] == server_id]
            return found if set(there) & set(states) else None

        return self._waited(look, f"{server_id} {' or '.join(states)}", seconds)

    def until_blocked(self, code: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until it names a blocker; the blocker."""

        def look() -> dict[str, Any] | None:
            found = self.detail()["blockers"]
            return next((one for one in found if one["code"] == code), None)

        return self._waited(look, f"blocker {code}", seconds)

    def end(self, seconds: float = 180.0) -> None:
        """Abort it if it is not over, and wait for its end."""
        if self.get()["state"] not in OVER:
            self._api.request("DELETE", f"/maintenance/{self.id}", 200)
            self.until(*OVER, seconds=seconds)

    def _waited(self, look: Any, what: str, seconds: float) -> dict[str, Any]:
        try:
            found = until(look, f"session {self.id}: {what}", seconds, 0.25)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story()}") from None
        assert found is not None
        return found

    def story(self) -> str:
        """Where it stands and how it came there, for whoever has to find out why."""
        found = self.detail()
        session = found["session"]
        lines = [f"{session['state']} {session['percent_done']} % {session['words']}"]
        lines += [f"blocker {one}" for one in found["blockers"]]
        lines += [f"host {one}" for one in found["hosts"]]
        lines += [f"server {one}" for one in found["servers"]]
        lines += [f"step {_short(one)}" for one in found["steps"][-40:]]
        return "\n".join(lines)


def _short(step: dict[str, Any]) -> str:
    outcome = step.get("outcome") or {}
    names = ("number", "kind", "server_id", "status", "result", "attempts", "began_at", "ended_at")
    shown = {name: step.get(name) for name in names}
    return f"{shown} on {step['host']['name']}: {outcome.get('words')}"


def moved(steps: Iterable[dict[str, Any]]) -> list[str]:
    """Servers that were moved, once for each move that was asked for."""
    return [one["server_id"] for one in steps if one["kind"] in ("live_migrate", "cold_migrate")]


def all_alive(crowd, alpha, beta) -> dict[str, str]:
    """Every server is ACTIVE and its owner sees it; where each is, as its owner is shown."""
    places = {}
    for party in (alpha, beta):
        nova = stack.Service(party.session, "compute", stack.NOVA_VERSION)
        seen = {one["id"]: one for one in nova.get("/servers/detail")["servers"]}
        for server in crowd[party.name]:
            assert seen[server.id]["status"] == "ACTIVE"
            assert seen[server.id]["OS-EXT-STS:task_state"] is None
            places[server.id] = seen[server.id]["hostId"]
    return places


def place_of(compute, server) -> str:
    """Where a server is now."""
    return next(one.host for one in compute.servers() if one.id == server.id)


def worked_on(installation: Installation, session: Session) -> dict[str, dict[str, Any]]:
    """What the work found on each host; each was worked on once."""
    lines = map(json.loads, installation.found.read_text().splitlines())
    found = [one for one in lines if one["session"] == session.id]
    by_host = {one["host"]: one for one in found}
    assert len(by_host) == len(found)
    return by_host


def assert_empty(found: dict[str, dict[str, Any]]) -> None:
    for one in found.values():
        assert one["status"] == "disabled"
        assert (one["servers"], one["migrations"], one["allocations"]) == ([], [], []), one
