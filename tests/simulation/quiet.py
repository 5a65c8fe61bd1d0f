"""Another system that has to be quiet about hosts in work, and its judge.

It is there in one of so many schedules.  Now and then it refuses, or does what it was asked and
does not say so.
"""

import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from oslo_config import cfg

from craton_maintenance.adapters.base import Adapter, AdapterError, Ask, Kept
from craton_maintenance.db import suppressions, tables
from craton_maintenance.domain.session import known
from craton_maintenance.domain.session.records import Session
from craton_maintenance.domain.session.states import HostState
from craton_maintenance.engine import adapters
from craton_maintenance.engine.adapters import Quiet
from tests.functional.deployment import BEGIN

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

#: One schedule of so many has it: those whose seeds leave this.
_ONE_OF, _LEAVES = 4, 3

#: Of its calls: those that it refuses, and those of which nobody hears what came.
_REFUSED, _UNHEARD = 0.15, 0.1

#: Seconds between looks of an engine for what nobody has told it.
_POLL = 1.0

NAME = "simulated"


class Watchman(Adapter):
    """Keeps the names of hosts that it is quiet about."""

    def __init__(self, world: "Simulation") -> None:
        super().__init__(world.conf, {}, lambda: world.now)
        self._world = world
        self._rng = random.Random(f"watchman {world.schedule.seed}")
        self.quiet: set[str] = set()

    @classmethod
    def is_required(cls, conf: cfg.ConfigOpts) -> bool:
        return True

    def suppress(self, ask: Ask) -> Kept:
        self._do(lambda: self.quiet.add(ask.host))
        self._world.note(f"    quiet about {ask.host}")
        return Kept({})

    def release(self, ask: Ask) -> None:
        self._do(lambda: self.quiet.discard(ask.host))
        self._world.note(f"    not quiet about {ask.host}")

    def _do(self, act: Callable[[], object]) -> None:
        chance = self._rng.random()
        if chance < _REFUSED:
            raise AdapterError("it does not want to")
        act()
        if chance < _REFUSED + _UNHEARD:
            raise AdapterError("no answer")


def watchman_of(world: "Simulation") -> Watchman | None:
    """The one of this schedule; None: it has none, and nothing is as if there were one."""
    there = world.schedule.seed % _ONE_OF == _LEAVES
    conf, rules = world.conf, {NAME: known.Adapter(required=True, patience=10.0)}
    conf.set_override("enabled", [NAME] if there else [], "adapters")
    world.service.__dict__["adapters"] = rules if there else {}
    return Watchman(world) if there else None


class Hands:
    """What an engine does about it, as often as it would look."""

    def __init__(self, world: "Simulation", owner: str) -> None:
        self._world = world
        self._looked_at = -1.0
        found = world.watchman
        self._quiet = None if found is None else Quiet(world.service, NAME, found, owner)

    def work(self) -> None:
        world = self._world
        if self._quiet is None or self._looked_at >= world.elapsed or not _is_due(world):
            return
        self._looked_at = world.elapsed
        while self._quiet.work() == 0.0:
            pass


def _is_due(world: "Simulation") -> bool:
    """Whether somebody has to do something about it."""
    with world.service.database.read() as connection:
        wanted = suppressions.wanted(connection)
        rows = suppressions.of_adapter(connection, NAME)
    return any(
        adapters._is_due(wanted.get(key), rows.get(key), world.now)
        for key in wanted.keys() | rows.keys()
    )


def moments(world: "Simulation") -> Iterator[float]:
    """When something is due about it, in seconds."""
    if world.watchman is None:
        return
    if _is_due(world):
        yield world.elapsed + _POLL
    table = tables.suppressions
    with world.service.database.read() as connection:
        for moment in connection.execute(sa.select(table.c.not_before)).scalars():
            if moment is not None:
                yield (moment - BEGIN).total_seconds()


def objections(world: "Simulation", before: Session, after: Session) -> Iterator[str]:
    """Hosts that are worked on from now on, before it has confirmed."""
    if world.watchman is None:
        return
    for key, host in after.hosts.items():
        enters = host.state is HostState.IN_MAINTENANCE is not before.hosts[key].state
        if enters and host.quiet_waived is None and key.name not in world.watchman.quiet:
            yield f"work begins on {key.name}, and others are not quiet about it"


def left(world: "Simulation") -> set[str]:
    """Hosts that it is quiet about, and rows: once all is over, none."""
    if world.watchman is None:
        return set()
    table = tables.suppressions
    with world.service.database.read() as connection:
        rows = set(connection.execute(sa.select(table.c.host)).scalars())
    return rows | world.watchman.quiet
