"""The applications of two projects, each with a manager that answers for it."""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from novaclient import client as nova_client

from craton_maintenance.appmanager import ApplicationManager, Caller, Notice, Reply
from craton_maintenance.appmanager import notice as notices
from craton_maintenance.appmanager.caller import Json
from craton_maintenance.demo.stage import Stage
from craton_maintenance.demo.voice import Voice

#: Seconds of a long poll.
_WAIT = 5


class Application(ApplicationManager):
    """What both have in common: they say what they do, and keep what they heard."""

    def __init__(self, stage: Stage, name: str, voice: Voice, announcement: str) -> None:
        """
        :param announcement: of windows with this one it says that it hears of them
        """
        session = stage.cloud.session(name)
        super().__init__(Caller(session), stage.url, str(session.get_project_id()))
        self.name = name
        self.voice = voice
        self.announcement = announcement
        self.nova = nova_client.Client("2.87", session=session)
        #: everything in its history, in order
        self.events: list[Any] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"application-{name}", daemon=True)

    def start(self) -> None:
        """Register its constraints, and listen from now on."""
        self.register()
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stop.set()

    def hear(self, event: Mapping[str, Any]) -> list[Reply]:
        if event.get("seq"):  # else what it was asked before it listened
            self.events.append(event)
        if event["event_type"].startswith("maintenance.window."):
            self._window(event)
        return super().hear(event)

    def accept(self, notice: Notice, servers: Collection[str]) -> None:
        self.say(f"is told that there will be maintenance of {self.listed(servers)}: agrees")

    def action_done(self, server_id: str) -> None:
        self.say(f"is told that {server_id} is done with")

    def scale_out(self) -> None:
        self.say("is told that all is done")

    def say(self, words: str) -> None:
        self.voice.say(self.name, words)

    def listed(self, servers: Collection[str]) -> str:
        """Names of servers."""
        return ", ".join(sorted(map(self.voice.named, servers))) or "no server any more"

    def chosen(self, actions: Mapping[str, str]) -> Mapping[str, str]:
        """Say what was chosen."""
        for server, action in actions.items():
            self.say(f"is asked what happens to {server}: chooses {action}")
        return actions

    def _window(self, event: Mapping[str, Any]) -> None:
        what, servers = event["event_type"].rpartition(".")[2], self.listed(event["servers"])
        if event["payload"]["announcement"] == self.announcement:
            self.say(f"hears: window {what}, {servers} ({self.announcement!r})")

    def _run(self) -> None:
        self.follow(_WAIT, self._stop.is_set, self._pause)

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)


class Web(Application):
    """Serves pages: two of its servers back each other up, and one works by night."""

    #: an id of our own: Nova knows no group of these two
    GROUP = "6f1d2c3b-4a59-4687-9b0c-1d2e3f405162"

    def __init__(self, *how: Any) -> None:
        super().__init__(*how)
        self._silent_about: set[str] = set()

    def members(self) -> list[str]:
        """Ids of the servers that back each other up."""
        return [s.id for s in self.nova.servers.list() if s.name in ("web-3", "web-4")]

    def constraints(self) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        self.say("wishes: of web-3 and web-4 one at a time")
        return (
            {self.GROUP: {"group_name": "web-front", "max_impacted_members": 1}},
            {server: {"group_id": self.GROUP} for server in self.members()},
        )

    def handle(self, event: Mapping[str, Any]) -> list[Reply]:
        found = notices.read(event)
        if found is not None and found.allowed and self._is_by_night(found):
            again = " again" if found.key in self._silent_about else ""
            self._silent_about.add(found.key)
            servers = self.listed(found.servers or ())
            self.say(f"is asked{again} what happens to {servers}: says nothing")
            return []
        return super().handle(event)

    def choose(
        self, state: str, servers: Collection[str], allowed: Collection[str]
    ) -> Mapping[str, str]:
        return self.chosen(dict.fromkeys(servers, "LIVE_MIGRATE"))

    def _is_by_night(self, notice: Notice) -> bool:
        """Nobody is on call for what works by night."""
        return {self.voice.named(server) for server in notice.servers or ()} == {"web-batch"}


class Telco(Application):
    """Its control servers may be moved while they run; it replaces media servers itself."""

    def members(self) -> list[str]:
        """Ids of the control servers."""
        (group,) = self.nova.server_groups.list()
        return list(group.members)

    def constraints(self) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        (group,) = self.nova.server_groups.list()
        self.say("wishes: of its control servers one at a time, and a second's rest between")
        return {group.id: {"max_impacted_members": 1, "recovery_time": 1}}, {}

    def choose(
        self, state: str, servers: Collection[str], allowed: Collection[str]
    ) -> Mapping[str, str]:
        return self.chosen({server: self._action(server) for server in servers})

    def own_action(self, server_id: str, until: Any) -> None:
        """Have a new one elsewhere first, then give up the old one."""
        flavor = next(one for one in self.nova.flavors.list() if one.name == "large")
        new = self.nova.servers.create("telco-media-3", "", flavor, nics="none")
        self._wait(lambda: self.nova.servers.get(new.id).status == "ACTIVE")
        self.nova.servers.delete(server_id)

    def _action(self, server: str) -> str:
        return "OWN_ACTION" if "media" in self.voice.named(server) else "LIVE_MIGRATE"

    def _wait(self, happened: Callable[[], bool]) -> None:
        while not happened() and not self._stop.is_set():
            time.sleep(0.1)
