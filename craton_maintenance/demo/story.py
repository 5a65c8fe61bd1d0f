"""The story that the demo tells, and the checks that it ends with."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from novaclient import client as nova_client

from craton_maintenance.cli.client import ApiError, Client
from craton_maintenance.demo.stage import Stage
from craton_maintenance.domain import times

#: Seconds that anything may take before the demo says that it failed.
_PATIENCE = 20.0

_PROJECTS = ("web", "telco")


class Failed(Exception):
    """Something did not happen, or not as it should; the message says what."""


class Listener(threading.Thread):
    """A project's application: reads its history by long poll and remembers it."""

    def __init__(self, name: str, client: Client, tell: Callable[[str, Any], None]) -> None:
        super().__init__(name=f"listener-{name}", daemon=True)
        self.project = name
        self.events: list[Any] = []
        self._client = client
        self._tell = tell

    def run(self) -> None:
        try:
            for event in self._client.follow(wait=5):
                self.events.append(event)
                self._tell(self.project, event)
        except Exception as error:  # at the end the service goes away under it
            self._tell(self.project, error)

    def of(self, window_id: str) -> list[str]:
        """The types of the events of a window, short, in order."""
        return [
            event["event_type"].rsplit(".", 1)[1]
            for event in list(self.events)
            if event["payload"]["window_id"] == window_id
        ]


class Story:
    """Two projects, two windows, one server that moves away in time."""

    def __init__(self, stage: Stage, out: TextIO) -> None:
        self._stage = stage
        self._out = out
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._over = False
        self.operator = stage.client("admin")
        self.listeners = {
            name: Listener(name, stage.client(name), self._heard) for name in _PROJECTS
        }
        self._names = {
            server.id: server.name
            for server in self._nova().servers.list(search_opts={"all_tenants": 1})
        }

    def tell(self) -> list[str]:
        """Play it.

        :returns: what was checked, in words
        :raises Failed: at the first thing that is not as it should be
        """
        self._say(
            "operator",
            f"API at {self._stage.url}; the simulated cloud's Keystone at "
            f"{self._stage.cloud.auth_url}",
        )
        hosts = self._wait("the inventory", self._inventory)
        self._say(
            "inventory",
            f"{len(hosts)} hosts and {len(self._names)} servers read from Nova: "
            f"{', '.join(sorted(hosts))}",
        )
        for listener in self.listeners.values():
            listener.start()
        one = self._set(
            {"hosts": ["host-a3"]},
            2.0,
            5.0,
            "Memory of host-a3 is replaced",
            "A host of yours gets new memory",
        )
        many = self._set(
            {"aggregates": ["racks-b"]},
            4.0,
            7.0,
            "Firmware of racks-b",
            "Firmware is updated, servers there restart",
        )
        self._overlap(one)
        self._move_away(many)
        self._foreign(one)
        self._wait("the end of both windows", lambda: self._closed(one) and self._closed(many))
        self._over = True
        return self._checks(one, many)

    # -- what happens --------------------------------------------------------------

    def _set(
        self, scope: dict[str, Any], start: float, end: float, reason: str, announcement: str
    ) -> str:
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        body = {
            "scope": scope,
            "reason": reason,
            "announcement": announcement,
            "start": times.text(now + dt.timedelta(seconds=start)),
            "end": times.text(now + dt.timedelta(seconds=end)),
            "expected_interruption": 60,
        }
        window = self.operator.create_window(body, idempotency_key=reason)
        kind, names = next(iter(scope.items()))
        self._say(
            "operator",
            f"sets a window on {kind} {', '.join(names)}: {_count(window, 'host')}, "
            f"{_count(window, 'server')} of {_count(window, 'project')}",
        )
        return str(window["id"])

    def _overlap(self, window_id: str) -> None:
        try:
            self.operator.create_window({"scope": {"hosts": ["host-a3"]}})
        except ApiError as error:
            if error.code != "WINDOW_OVERLAP" or window_id not in error.message:
                raise Failed(f"a second window was refused for another reason: {error}") from None
            self._say("operator", "a second window on host-a3 is refused, the first one is named")
        else:
            raise Failed("a second window on host-a3 was not refused")

    def _move_away(self, window_id: str) -> None:
        """telco's only server there is moved before the window opens."""
        nova = self._nova()
        (server,) = (
            s
            for s in nova.servers.list(search_opts={"all_tenants": 1})
            if s.name == "telco-media-2"
        )
        nova.servers.live_migrate(server, "host-a2", "auto")
        self._say("operator", "live-migrates telco-media-2 from host-b3 to host-a2 meanwhile")
        self._wait(
            "telco to hear that its server left",
            lambda: "updated" in self.listeners["telco"].of(window_id),
        )

    def _foreign(self, window_id: str) -> None:
        try:
            self._stage.client("web").window(window_id)
        except ApiError as error:
            if error.status != 404:
                raise Failed(f"web was answered {error.status} for telco's window") from None
            self._say("web", "asks for the window that touches only telco: 404, it does not exist")
        else:
            raise Failed("web saw a window that touches only telco")

    def _closed(self, window_id: str) -> bool:
        heard = [listener.of(window_id) for listener in self.listeners.values()]
        return all(types[-1] in ("closed", "cancelled") for types in heard if types)

    def _inventory(self) -> set[str]:
        return {host["name"] for host in self.operator.nova_hosts({})[0]}

    # -- what is checked at the end ------------------------------------------------

    def _checks(self, one: str, many: str) -> list[str]:
        web, telco = self.listeners["web"], self.listeners["telco"]
        full = ["created", "opened", "closed"]
        self._insist(telco.of(one), full, "telco about host-a3")
        self._insist(web.of(one), [], "web about host-a3")
        self._insist(web.of(many), full, "web about racks-b")
        self._insist(
            telco.of(many), ["created", "updated", "opened", "closed"], "telco about racks-b"
        )
        for listener in self.listeners.values():
            numbers = [event["seq"] for event in listener.events]
            self._insist(
                numbers, list(range(1, len(numbers) + 1)), f"numbers of {listener.project}"
            )
        late = max(self._lateness(listener) for listener in self.listeners.values())
        if late > 1.0:
            raise Failed(f"a window opened or closed {late:.1f} s late")
        return [
            "telco was told of host-a3 and of racks-b, web of racks-b only",
            "telco was told when its server had left racks-b",
            "both histories are complete: numbers without a gap",
            f"windows opened and closed on time (at most {late * 1000:.0f} ms late)",
        ]

    def _insist(self, found: object, wanted: object, what: str) -> None:
        if found != wanted:
            raise Failed(f"{what}: {found}, not {wanted}")

    def _lateness(self, listener: Listener) -> float:
        """Seconds between when a window was to open or close and when that happened."""
        late = [0.0]
        for event in listener.events:
            key = {"opened": "start", "closed": "end"}.get(event["event_type"].rsplit(".", 1)[1])
            if key:
                wanted = times.parse(event["payload"][key])
                late.append((times.parse(event["time"]) - wanted).total_seconds())
        return max(late)

    # -- means ---------------------------------------------------------------------

    def _nova(self) -> Any:
        return nova_client.Client("2.87", session=self._stage.cloud.session("admin"))

    def _wait(self, what: str, found: Callable[[], Any]) -> Any:
        until = time.monotonic() + _PATIENCE
        while not (result := found()):
            if time.monotonic() > until:
                raise Failed(f"waited {_PATIENCE:.0f} s in vain for {what}")
            time.sleep(0.05)
        return result

    def _heard(self, project: str, event: Any) -> None:
        if isinstance(event, Exception):
            if not self._over:
                self._say(project, f"can't read its history: {event}")
            return
        payload = event["payload"]
        servers = ", ".join(self._names.get(one, one) for one in event.get("servers", ()))
        self._say(
            project,
            f"hears {event['event_type']}: {servers or 'no server any more'} "
            f"({payload['state']}, {payload.get('announcement', '')!r})",
        )

    def _say(self, who: str, words: str) -> None:
        with self._lock:
            self._out.write(f"{time.monotonic() - self._began:6.2f} s  {who:<9}  {words}\n")
            self._out.flush()


def _count(window: dict[str, Any], what: str) -> str:
    number = window[f"{what}s_count"]
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
