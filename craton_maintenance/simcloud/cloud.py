"""The state of a simulated cloud, its indexes, and the transitions that are under way."""

import heapq
import itertools
import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from craton_maintenance.simcloud import build, ids
from craton_maintenance.simcloud.calls import CallRecord, Judge
from craton_maintenance.simcloud.clock import Clock, RealClock, VirtualClock
from craton_maintenance.simcloud.faults import Fault
from craton_maintenance.simcloud.fleet import Fleet
from craton_maintenance.simcloud.model import (
    Aggregate,
    Flavor,
    Host,
    Migration,
    Project,
    Resources,
    Server,
    ServerGroup,
    User,
)
from craton_maintenance.simcloud.settings import Settings

Timer = list[Any]
"""A transition to come: due time, number, function or None once cancelled."""

Listener = Callable[[str, dict[str, Any], str, str], None]
"""Takes a versioned notification: event type, payload, publisher, priority."""


class Cloud:
    """One cloud, one region. All public methods are to be called under its lock, or by
    nobody else at the same time; the WSGI application takes the lock itself."""

    def __init__(
        self,
        fleet: Fleet | None = None,
        clock: Clock | None = None,
        seed: int = 0,
        settings: Settings | None = None,
    ) -> None:
        fleet = fleet if fleet is not None else build.default_fleet()
        self.name = fleet.name
        self.clock: Clock = clock if clock is not None else RealClock()
        self.settings = settings if settings is not None else build.settings_of(fleet)
        self.random = random.Random(seed)
        self.lock = threading.RLock()

        self.projects: dict[str, Project] = {}
        self.users: dict[str, User] = {}
        self.flavors: dict[str, Flavor] = {}
        self.hosts: dict[str, Host] = {}
        self.aggregates: dict[int, Aggregate] = {}
        self.groups: dict[str, ServerGroup] = {}
        self.servers: dict[str, Server] = {}
        self.deleted: dict[str, Server] = {}
        self.migrations: dict[int, Migration] = {}
        self.by_host: dict[str, dict[str, Server]] = {}
        self.by_project: dict[str, dict[str, Server]] = {}
        self.migrations_of: dict[str, list[Migration]] = {}
        self.allocations: dict[str, dict[str, Resources]] = {}
        """Resources by name of host by consumer."""
        self.allocation_owner: dict[str, tuple[str, str]] = {}
        """Project and user of each consumer."""
        self.live_queue: dict[str, list[Migration]] = {}
        """Live migrations by source, in their order, as long as they occupy it."""
        self.cells_down: set[str] = set()
        """Cells whose database does not answer: their servers are UNKNOWN."""
        self.tokens: dict[str, Any] = {}

        self.calls: deque[CallRecord] = deque(maxlen=self.settings.max_calls)
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """Calls by method, path template and action ("" where there is none)."""
        self.judges: list[Judge] = []
        """Asked of each arriving call, before its effect; see calls.Judge."""
        self.violations: list[tuple[CallRecord, str]] = []
        """What the judges objected to."""
        self.faults: list[Fault] = []
        self.notify: list[Listener] = []

        self._timers: list[Timer] = []
        self._order = itertools.count()
        self._numbers: Counter[str] = Counter()
        self._moment: float | None = None
        self.epoch = self.clock.now()
        build.populate(self, fleet)
        if isinstance(self.clock, VirtualClock):
            self.clock.subscribe(self)

    # Time

    def now(self) -> float:
        """The time, which during a transition is the one it was due at."""
        return self.clock.now() if self._moment is None else self._moment

    def later(self, delay: float, effect: Callable[..., None], *args: Any) -> Timer:
        """Have a transition happen in delay seconds."""
        timer = [self.now() + max(delay, 0.0), next(self._order), effect, args]
        heapq.heappush(self._timers, timer)
        return timer

    @staticmethod
    def cancel(timer: Timer | None) -> None:
        """Have a transition not happen."""
        if timer is not None:
            timer[2] = None

    def next_due(self) -> float | None:
        """When the next transition falls due, None if nothing is under way."""
        while self._timers and self._timers[0][2] is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def settle(self) -> None:
        """Run all transitions that are due by now, in order, each at its own time."""
        with self.lock:
            limit, before = self.clock.now(), self._moment
            try:
                while (due := self.next_due()) is not None and due <= limit:
                    _, _, effect, args = heapq.heappop(self._timers)
                    self._moment = due
                    effect(*args)
            finally:
                # A listener may have called the cloud from within a transition.
                self._moment = before

    def number(self, kind: str) -> int:
        """The next number of this kind, from 1."""
        self._numbers[kind] += 1
        return self._numbers[kind]

    def new_id(self, kind: str) -> str:
        """A new id: the same in every run that does the same."""
        return ids.make_uuid(self.name, kind, "#", self.number(f"id-{kind}"))

    # Servers and where they are

    def add_server(self, server: Server) -> None:
        self.servers[server.id] = server
        self.by_project.setdefault(server.project_id, {})[server.id] = server
        if server.host is not None:
            self.by_host.setdefault(server.host, {})[server.id] = server

    def place(self, server: Server, host: str | None) -> None:
        """Have a server be on a host, or on none."""
        if server.host is not None:
            self.by_host[server.host].pop(server.id, None)
        server.host = host
        if host is not None:
            self.by_host.setdefault(host, {})[server.id] = server

    def remove_server(self, server: Server) -> None:
        """Take a deleted server out of everything but the list of deleted ones."""
        del self.servers[server.id]
        del self.by_project[server.project_id][server.id]
        if server.host is not None:
            self.by_host[server.host].pop(server.id, None)
        group = self.group_of(server)
        if group is not None:
            group.members.remove(server.id)
        for consumer in [server.id, *(m.uuid for m in self.migrations_of.get(server.id, ()))]:
            self.release(consumer)
        self.deleted[server.id] = server

    def touch(self, server: Server) -> None:
        server.updated_at = self.now()

    def group_of(self, server: Server) -> ServerGroup | None:
        return self.groups.get(server.group) if server.group else None

    def servers_on(self, host: str) -> Iterable[Server]:
        return self.by_host.get(host, {}).values()

    def server_named(self, name: str, project: str | None = None) -> Server:
        """The server of that name, of the project of that name; KeyError."""
        for server in self.servers.values():
            if server.name == name and (
                project is None or self.projects[server.project_id].name == project
            ):
                return server
        raise KeyError(name)

    # Allocations

    def allocate(
        self, consumer: str, host: str, resources: Resources, owner: tuple[str, str]
    ) -> None:
        """Have a consumer hold resources of a host; adds to what it holds elsewhere."""
        self.release(consumer, host)
        provider = self.hosts[host]
        provider.consumers[consumer] = resources
        provider.used = provider.used.plus(resources)
        provider.generation += 1
        self.allocations.setdefault(consumer, {})[host] = resources
        self.allocation_owner[consumer] = owner

    def release(self, consumer: str, host: str | None = None) -> None:
        """Have a consumer let go of a host, or of all."""
        held = self.allocations.get(consumer)
        if not held:
            return
        for name in list(held) if host is None else [host] if host in held else []:
            provider = self.hosts[name]
            provider.used = provider.used.minus(held.pop(name))
            provider.consumers.pop(consumer, None)
            provider.generation += 1
        if not held:
            del self.allocations[consumer]
            del self.allocation_owner[consumer]

    # Hosts

    def is_up(self, host: Host) -> bool:
        """Whether the service is shown as up: not by force down, nor silent for long."""
        if host.forced_down:
            return False
        now = self.now()
        if host.alive and now >= host.started_at:
            return True
        return now - host.last_seen <= self.settings.timing.service_down_time

    def heartbeat(self, host: Host) -> float:
        """When the compute service last reported."""
        if not host.alive or host.forced_down:
            return host.last_seen
        interval = self.settings.timing.report_interval
        if interval <= 0:
            return self.now()
        # Hosts report at different moments of the interval.
        phase = (host.service_id * 0.37) % interval
        since = max(host.started_at, self.epoch - interval)
        return max(since, self.now() - (self.now() - self.epoch - phase) % interval)

    def host_status(self, host: Host) -> str:
        """As in a server's host_status: DOWN wins over MAINTENANCE."""
        if host.forced_down or not self.is_up(host):
            return "DOWN"
        return "MAINTENANCE" if host.disabled else "UP"

    def zone_of(self, host: str | None) -> str | None:
        return self.hosts[host].zone if host is not None else None
