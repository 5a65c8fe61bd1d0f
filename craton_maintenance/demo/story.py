"""The story that the demo tells: a window, and a rolling maintenance of three hosts.

What is checked at the end is what the simulated Nova has to say, and what the projects
have heard.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from novaclient import client as nova_client

from craton_maintenance.cli.client import ApiError, Client
from craton_maintenance.demo.applications import Application, Telco, Web
from craton_maintenance.demo.cloud import Record
from craton_maintenance.demo.stage import Stage
from craton_maintenance.demo.voice import Voice
from craton_maintenance.domain import times

#: Seconds that anything may take before the demo says that it failed.
_PATIENCE = 20.0
_LONG_PATIENCE = 90.0

#: What is said when a host enters a state.
_OF_HOST = {
    "DRAINING": "takes no new servers from now on, and is emptied",
    "DRAINED": "is proved empty: no server, no migration, no allocation",
    "IN_MAINTENANCE": "",
    "VERIFYING": "has to show that it is well",
    "MAINTENANCE_COMPLETE": "is well, and takes servers again",
}

#: What projects are told of the window that only announces.
_ANNOUNCEMENT = "A host gets new memory"

#: Blockers that last shorter than this are not told, in seconds.
_SHORT = 0.4


class Failed(Exception):
    """Something did not happen, or not as it should; the message says what."""


class Operators(threading.Thread):
    """Reads the operators' history."""

    def __init__(self, client: Client, voice: Voice) -> None:
        super().__init__(name="operators", daemon=True)
        self.events: list[Any] = []
        self._client = client
        self._voice = voice
        self._state = ""

    def run(self) -> None:
        try:
            for event in self._client.follow(wait=5):
                self.events.append(event)
                self._tell(event["event_type"], event["payload"])
        except Exception as error:  # at the end the service goes away under it
            self._voice.say("operator", f"can't read the history: {error}")

    def _tell(self, event_type: str, payload: dict[str, Any]) -> None:
        if event_type == "maintenance.session" and payload["state"] != self._state:
            self._state = payload["state"]
            self._voice.say("session", f"{self._state}, {payload['percent_done']} % done")
        elif event_type == "maintenance.host":
            words = _OF_HOST.get(payload["state"], payload["state"])
            if words:
                self._voice.say(payload["host"], words)


class Story:
    """Two projects, a window that only announces, and a session that does the work."""

    def __init__(self, stage: Stage, out: TextIO) -> None:
        self._stage = stage
        self._voice = Voice(out)
        self._nova = nova_client.Client("2.87", session=stage.cloud.session("admin"))
        self._record = Record(stage.cloud.cloud, self._voice)
        self.operator = stage.client("admin")
        self._operators = Operators(stage.client("admin"), self._voice)
        self._before = self._servers()
        self._voice.names |= {server.id: server.name for server in self._before.values()}
        self._voice.names |= {
            group.id: group.name for group in self._nova.server_groups.list(all_projects=True)
        }
        self._voice.names[Web.GROUP] = "web-front"
        self.web = Web(stage, "web", self._voice, _ANNOUNCEMENT)
        self.telco = Telco(stage, "telco", self._voice, _ANNOUNCEMENT)
        self._voice.names |= {one.project_id: one.name for one in self._applications}
        #: what was on a host when the work on it began, and whether it took servers
        self._at_work: dict[str, tuple[list[str], bool]] = {}
        stage.controller.begun = self._work_begins
        stage.controller.done = lambda host: self._say(host, "has its new firmware")

    @property
    def _applications(self) -> tuple[Application, ...]:
        return self.web, self.telco

    def tell(self) -> list[str]:
        """Play it.

        :returns: what was checked, in words
        :raises Failed: at the first thing that is not as it should be
        """
        try:
            self._begin()
            self._voice.head("A window: projects are told, people do the work")
            window_id = self._window()
            self._voice.head("A session: the service agrees with the projects, host by host")
            detail = self._watch(self._start())
            self._wait("the end of the window", lambda: self._is_closed(window_id))
            self._wait("what the applications hear last", self._all_heard)
        finally:
            self._voice.hush()
            for one in self._applications:
                one.stop()
        return self._checks(window_id, detail)

    # -- what happens --------------------------------------------------------------

    def _begin(self) -> None:
        self._say("operator", f"the service is at {self._stage.url}")
        hosts = self._wait("the inventory", self._inventory)
        self._say(
            "operator", f"{len(hosts)} hosts and {len(self._before)} servers were read from Nova"
        )
        self._operators.start()
        for one in self._applications:
            one.start()

    def _window(self) -> str:
        """A window without a session: projects are told, and people do the work."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        body = {
            "scope": {"hosts": ["host-a3"]},
            "reason": "Memory of host-a3 is replaced",
            "announcement": _ANNOUNCEMENT,
            "start": times.text(now + dt.timedelta(seconds=2)),
            "end": times.text(now + dt.timedelta(seconds=4)),
        }
        window = self.operator.create_window(body, idempotency_key="demo")
        self._say("operator", f"sets a window on host-a3 for {_about(window)}")
        window_id = str(window["id"])
        try:
            self.operator.create_window({"scope": {"hosts": ["host-a3"]}})
        except ApiError as error:
            if error.code != "WINDOW_OVERLAP" or window_id not in error.message:
                raise Failed(f"a second window was refused for another reason: {error}") from None
            self._say("operator", "is refused a second window on host-a3: the first is named")
        else:
            raise Failed("a second window on host-a3 was not refused")
        try:
            self._stage.client("web").window(window_id)
        except ApiError as error:
            if error.status != 404:
                raise Failed(f"web was answered {error.status} for telco's window") from None
            self._say("web", "asks for that window, which touches only telco: 404, there is none")
        else:
            raise Failed("web saw a window that touches only telco")
        return window_id

    def _start(self) -> str:
        """A session: the service agrees with the projects, and takes the hosts one by one."""
        body = {
            "scope": {"aggregates": ["racks-b"]},
            "workflow": "default",
            "actions": [{"flow": "firmware"}],
            "reason": "Firmware 4.2",
            "announcement": "Hosts get new firmware",
        }
        session_id = str(self.operator.create_session(body)["session_id"])
        window = self.operator.session_detail(session_id)["window"]
        self._say(
            "operator",
            f"starts the maintenance of racks-b, flow firmware: {_about(window)}",
        )
        return session_id

    def _watch(self, session_id: str) -> dict[str, Any]:
        """Wait for the end, and say what stands in its way meanwhile."""
        told: set[str] = set()
        until = time.monotonic() + _LONG_PATIENCE
        while True:
            detail = self.operator.session_detail(session_id)
            if detail["session"]["finished_at"]:
                return detail
            for server in detail["servers"]:
                words = f"nobody has said what happens to {server['id']}: {server['action']}"
                if server["chosen_by"] == "operator" and words not in told:
                    told.add(words)
                    self._say("session", f"{words}, the operator's default")
            for blocker in detail["blockers"]:
                words = f"{blocker['code']}, {blocker['words']}"
                if words not in told and _age(blocker) > _SHORT:
                    told.add(words)
                    self._say("session", f"waits: {words}")
            if time.monotonic() > until:
                where = f"{detail['session']['state']}, {detail['blockers']}"
                raise Failed(f"the session did not end in {_LONG_PATIENCE:.0f} s: {where}")
            time.sleep(0.1)

    def _work_begins(self, host: str) -> None:
        self._at_work[host] = self._record.on(host), self._record.takes_servers(host)

    def _inventory(self) -> set[str]:
        return {host["name"] for host in self.operator.nova_hosts({})[0]}

    def _is_closed(self, window_id: str) -> bool:
        return self._heard(self.telco, window_id)[-1:] == ["closed"]

    def _all_heard(self) -> bool:
        return all(
            any(e["payload"].get("state") == "MAINTENANCE_COMPLETE" for e in list(one.events))
            for one in self._applications
        ) and any(e["payload"].get("state") == "MAINTENANCE_DONE" for e in self._operators.events)

    # -- what is checked at the end ------------------------------------------------

    def _checks(self, window_id: str, detail: dict[str, Any]) -> list[str]:
        self._insist(detail["session"]["state"], "MAINTENANCE_DONE", "the session")
        hosts = sorted(host["name"] for host in detail["hosts"])
        most = self._check_servers()
        self._check_hosts(hosts)
        self._check_groups()
        self._check_notices(detail)
        self._check_histories(window_id)
        return [
            f"Nova: every server is in the state it was in, moved at most {_times(most)}; telco "
            "replaced one",
            f"Nova: {', '.join(hosts)} were empty and disabled when they were worked on",
            "Nova: all hosts are enabled and up, and no reason of ours is left on them",
            "Nova: of telco-control, and of web-3 and web-4, one at a time was on the move",
            "each project was asked about its own servers only, and who said nothing was not "
            "forgotten",
            "all histories are complete: numbers without a gap",
        ]

    def _check_servers(self) -> int:
        """:returns: moves of the server that has moved most"""
        after = {server.name: server for server in self._servers().values()}
        for server in self._before.values():
            # telco has replaced it, as it said
            name = "telco-media-3" if server.name == "telco-media-2" else server.name
            if name not in after:
                raise Failed(f"{name} is gone")
            self._insist(after[name].status, server.status, f"the state of {name}")
        self._insist(len(after), len(self._before), "the number of servers")
        moves = self._record.moves
        most = max(moves.values(), default=0)
        for server_id, count in moves.items():
            if count > 2:
                raise Failed(f"{self._voice.named(server_id)} has moved {count} times")
        return most

    def _check_hosts(self, hosts: list[str]) -> None:
        self._insist(sorted(self._at_work), hosts, "the hosts that were worked on")
        for host, (there, takes_servers) in self._at_work.items():
            self._insist(there, [], f"servers on {host} when the work on it began")
            self._insist(takes_servers, False, f"whether {host} took servers then")
        for service in self._nova.services.list(binary="nova-compute"):
            found = (service.status, service.state, service.disabled_reason)
            self._insist(found, ("enabled", "up", None), f"{service.host} at the end")

    def _check_groups(self) -> None:
        for name, members in (
            ("telco-control", self.telco.members()),
            ("web-front", self.web.members()),
        ):
            most = self._record.most_together(members)
            self._insist(most, 1, f"members of {name} on the move at a time")

    def _check_notices(self, detail: dict[str, Any]) -> None:
        owner = {server["id"]: server["project_id"] for server in detail["servers"]}
        statuses: dict[str, list[str]] = {}
        for one in detail["notices"]:
            project = one["project_id"]
            foreign = [s for s in one["servers"] if owner.get(s, project) != project]
            self._insist(foreign, [], "servers of others in a notice")
            statuses.setdefault(one["status"], []).append(one["state"])
        self._insist(
            statuses.get("defaulted"), ["PLANNED_MAINTENANCE"], "what nobody has answered"
        )

    def _check_histories(self, window_id: str) -> None:
        full = ["created", "opened", "closed"]
        self._insist(self._heard(self.telco, window_id), full, "telco about host-a3")
        self._insist(self._heard(self.web, window_id), [], "web about host-a3")
        for name, events in (
            ("operators", self._operators.events),
            *((one.name, one.events) for one in self._applications),
        ):
            numbers = [event["seq"] for event in events]
            self._insist(numbers, list(range(1, len(numbers) + 1)), f"numbers of {name}")

    def _insist(self, found: object, wanted: object, what: str) -> None:
        if found != wanted:
            raise Failed(f"{what}: {self._voice.named(str(found))}, not {wanted}")

    # -- means ---------------------------------------------------------------------

    def _servers(self) -> dict[str, Any]:
        found = self._nova.servers.list(search_opts={"all_tenants": 1})
        return {server.id: server for server in found}

    def _heard(self, application: Application, window_id: str) -> list[str]:
        """What an application has heard of a window, short, in order."""
        return [
            event["event_type"].rpartition(".")[2]
            for event in list(application.events)
            if event["event_type"].startswith("maintenance.window.")
            and event["payload"]["window_id"] == window_id
        ]

    def _wait(self, what: str, found: Callable[[], Any]) -> Any:
        until = time.monotonic() + _PATIENCE
        while not (result := found()):
            if time.monotonic() > until:
                raise Failed(f"waited {_PATIENCE:.0f} s in vain for {what}")
            time.sleep(0.05)
        return result

    def _say(self, who: str, words: str) -> None:
        self._voice.say(who, words)


def _age(blocker: dict[str, Any]) -> float:
    """Seconds since it began."""
    return (dt.datetime.now(dt.UTC) - times.parse(blocker["since"])).total_seconds()


def _about(window: dict[str, Any]) -> str:
    hosts, servers, projects = (
        _count(window[f"{what}s_count"], what) for what in ("host", "server", "project")
    )
    return f"{hosts}, {servers} of {projects}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
