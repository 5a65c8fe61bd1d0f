"""What the cloud itself saw: kept from Nova's own notifications, not from our tables."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

from craton_maintenance.demo.voice import Voice
from craton_maintenance.simcloud import Cloud

_BEGINS = {
    "instance.live_migration_pre.start": "live",
    "instance.resize_prep.start": "stopped",
}
_ARRIVES = frozenset({"instance.live_migration_post_dest.end", "instance.resize_finish.end"})
_ENDS = frozenset({"instance.live_migration_post.end", "instance.resize_confirm.end"})


class Record:
    """Moves, and hosts that were disabled, as Nova tells everybody."""

    def __init__(self, cloud: Cloud, voice: Voice) -> None:
        self._cloud = cloud
        self._voice = voice
        self._lock = threading.Lock()
        self._where = {server.id: server.host for server in cloud.servers.values()}
        self._out: set[str] = set()
        #: servers that were on the move together, each time that one began
        self._together: list[frozenset[str]] = []
        self.moves: Counter[str] = Counter()
        #: moments at which hosts were disabled and enabled
        self.disabled: defaultdict[str, list[float]] = defaultdict(list)
        self.enabled: defaultdict[str, list[float]] = defaultdict(list)
        cloud.notify.append(self._hear)

    def most_together(self, members: Collection[str]) -> int:
        """The most servers of these that were on the move at a time."""
        with self._lock:
            return max((len(out & set(members)) for out in self._together), default=0)

    def on(self, host: str) -> list[str]:
        """Ids of the servers on a host now."""
        with self._cloud.lock:
            return sorted(self._cloud.by_host.get(host, ()))

    def takes_servers(self, host: str) -> bool:
        """Whether the scheduler may put servers on a host now."""
        with self._cloud.lock:
            return not self._cloud.hosts[host].disabled

    def _hear(self, event_type: str, payload: dict[str, Any], publisher: str, level: str) -> None:
        data = payload["nova_object.data"]
        if event_type == "service.update":
            self._host(data)
            return
        server, name = data["uuid"], data["display_name"]
        with self._lock:
            if event_type in _BEGINS:
                self._out.add(server)
                self._together.append(frozenset(self._out))
            elif event_type in _ARRIVES:
                before, self._where[server] = self._where.get(server), data["host"]
                self.moves[server] += 1
                how = "live" if "live" in event_type else "cold, as it is stopped"
                self._voice.say("nova", f"{name} moved from {before} to {data['host']} ({how})")
            elif event_type == "instance.create.end":
                self._where[server] = data["host"]
                self._voice.names[server] = name
                self._voice.say("nova", f"{name} runs on {data['host']}")
            elif event_type == "instance.delete.end":
                self._voice.say("nova", f"{name} is deleted")
            if event_type in _ENDS:
                self._out.discard(server)

    def _host(self, data: dict[str, Any]) -> None:
        if data["disabled"]:
            self.disabled[data["host"]].append(time.monotonic())
        else:
            self.enabled[data["host"]].append(time.monotonic())
