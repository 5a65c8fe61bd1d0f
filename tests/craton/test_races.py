"""Both sides write at once.

What Craton's users do falls, by a seeded plan, between any two statements of a
look, and looks fall between any two statements of Craton's.  When all is quiet
every last word was done to a window or refused and told, and what is shown is
what our tables say.
"""

import collections
import contextlib
import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from craton_maintenance.db.database import Database
from craton_maintenance.db.tables import variables as seen
from craton_maintenance.db.tables import windows as windows_table
from craton_maintenance.domain import window
from craton_maintenance.inventory.variables import Variables
from craton_maintenance.service import Service
from craton_maintenance.windows.upkeep import times_of
from tests.craton.asked import hours, refusals
from tests.craton.writer import Craton, Failed
from tests.support import databases, deployment, history

FULL = os.environ.get("CRATON_MAINTENANCE_FULL") == "1"
#: how many seeds, and rounds with each
SEEDS, ROUNDS = (20, 50) if FULL else (3, 50)

OBJECTS = [
    ("hosts", "compute-01"),
    ("hosts", "compute-02"),
    ("hosts", "compute-03"),
    ("cells", "cell-1"),
    ("regions", "RegionOne"),
]


class Race:
    """One plan: a Craton, an engine or two, and what was said to them."""

    def __init__(self, service: Service, craton: Craton, clock: Any, seed: int) -> None:
        self.random = random.Random(seed)
        self.service, self.craton, self.clock = service, craton, clock
        self.api = deployment.api(service)
        self.engine = Variables(service)
        url = databases.url_of(service.database)
        self._other = Database(url)
        self.other = Variables(deployment.service(self._other, clock))
        # does not wait: who holds the lock is this very thread
        self.user = Craton(service.database, lock_timeout=0)
        #: by object, what was last written there; gone once it was seen to be dealt with
        self.said: dict[tuple[str, str], dict[str, Any]] = {}
        self._words = 0
        self.counts: collections.Counter[str] = collections.Counter()

    def close(self) -> None:
        self.user.close()
        self._other.dispose()

    # -- what happens --------------------------------------------------------------

    def round(self) -> None:
        """A look, with things that happen at some of its statements."""
        at = [self.random.randrange(40) for _ in range(self.random.randint(1, 4))]
        if self.random.random() < 0.5:
            self.say()
        with self._between(self.service.database.engine, at, self._interfere):
            self.engine.look()
        if self.random.random() < 0.3:
            self.call()
        if self.random.random() < 0.2:
            self.clock.forward(hours=self.random.random() * 3)

    def _interfere(self, connection: sa.Connection) -> None:
        reading = not connection.get_execution_options().get("maintenance_writes")
        if reading and self.random.random() < 0.25:
            self.other.look()
            self.counts["look within a look"] += 1
        else:
            self.say()

    def say(self) -> None:
        """Something that a user of Craton does."""
        where = self.random.choice(OBJECTS)
        act = self.random.choice((self._set, self._set, self._edit, self._edit, self._delete,
                                  self._copy, self._nonsense))  # fmt: skip
        at = [self.random.randrange(1, 4)] if self.random.random() < 0.3 else []
        if self.service.database.dialect != "mysql":
            at = []  # there a writer keeps all others out
        if self._nested:
            at = []
        try:
            with self._between(self.user.engine, at, lambda _: self.other.look()):
                said = act(where)
        except Failed:
            self.counts["failed in Craton"] += 1
            return
        if said is not None:
            self.counts[said["what"]] += 1
            self.said[where] = said | {"refusals": self._refused(where)}

    def _word(self) -> str:
        self._words += 1
        return f"word-{self._words}"

    def _set(self, where: tuple[str, str]) -> dict[str, Any]:
        start = self.random.uniform(-1, 60)
        word = self._word()
        value = {**hours(self.service, start, start + self.random.uniform(0.5, 10))}
        value |= {"reason": word, "allow_overlap": self.random.random() < 0.7}
        self.user.set(*where, value)
        return {"what": "set", "word": word}

    def _edit(self, where: tuple[str, str]) -> dict[str, Any] | None:
        value = self.user.get(*where)
        if not isinstance(value, dict) or "id" not in value:
            return None
        if self.random.random() < 0.3:
            self.other.look() if not self._nested else None
        word = self._word()
        self.user.set(*where, value | {"reason": word})
        return {"what": "edit", "word": word}

    def _nonsense(self, where: tuple[str, str]) -> dict[str, Any]:
        word = self._word()
        self.user.set(*where, {word: "nonsense"})
        return {"what": "nonsense", "word": word}

    def _copy(self, where: tuple[str, str]) -> dict[str, Any] | None:
        other = self.random.choice([one for one in OBJECTS if one != where])
        value = self.user.get(*other)
        if not isinstance(value, dict) or "id" not in value:
            return None
        self.user.set(*where, value)
        return {"what": "copy", "of": value["id"]}

    def _delete(self, where: tuple[str, str]) -> dict[str, Any]:
        before, there = self._shown(where), self.user.get(*where)
        self.user.delete(*where)
        # a look between Craton's statements may have shown another one
        meant = {before, self._shown(where)}
        return {"what": "delete", "meant": set() if there is None or None in meant else meant}

    def _shown(self, where: tuple[str, str]) -> str | None:
        with self.service.database.read() as connection:
            row = connection.execute(
                sa.select(seen).where(seen.c.association_id == self.user.association(*where))
            ).one_or_none()
        return None if row is None or row.digest is None else row.window_id

    def call(self) -> None:
        """Something by our API."""
        found = self._windows()
        alive = [row for row, state in found.values() if state not in window.FINAL]
        if not alive or self.random.random() < 0.2:
            # a list of hosts, which no variable may change
            body = {"scope": {"labels": ["rack:r1"]}, "allow_overlap": True}
            body |= hours(self.service, self.random.uniform(0, 20), 30)
            self.api.call("POST", "/v1/maintenance-windows", body)
            return
        path = f"/v1/maintenance-windows/{self.random.choice(alive).id}"
        match self.random.randrange(3):
            case 0:
                self.api.call("PATCH", path, {"reason": self._word(), "approved": True})
            case 1:
                self.api.call("DELETE", path)
            case 2:
                self.api.call("POST", f"{path}/finish")

    # -- what must hold ------------------------------------------------------------

    def quiet(self) -> None:
        """Nobody writes any more: all is dealt with, and shown as it is."""
        for _ in range(3):
            self.engine.look()
        self.assert_told()
        self.assert_shown()
        self.said.clear()

    def assert_told(self) -> None:
        """No last word was lost, and none was done twice."""
        done = collections.Counter(self._told_reasons())
        created = collections.Counter(self._told_reasons("created"))
        twice = [word for word, times in created.items() if word.startswith("word") and times > 1]
        assert not twice
        quoted = (one["message"].split(":")[0] for one in refusals(self.service))
        told = collections.Counter(word for word in quoted if word.startswith("word"))
        assert not told or max(told.values()) == 1, told
        found = self._windows()
        for where, said in self.said.items():
            refused = self._refused(where) > said["refusals"]
            match said["what"]:
                case "set" | "edit":
                    assert done[said["word"]] or refused, (where, said)
                case "nonsense":
                    assert refused, (where, said)
                case "delete" if said["meant"]:
                    over = any(found[one][1] in window.FINAL for one in said["meant"])
                    assert over or refused, (where, said)

    def assert_shown(self) -> None:
        found = [(row, state) for row, state in self._windows().values()]
        alive = [(row, state) for row, state in found if state not in window.FINAL]
        alive.sort(key=lambda one: (one[1] is not window.State.OPEN, one[0].start_at, one[0].id))
        for kind, name in OBJECTS:
            wanted = [
                (row.id, row.revision)
                for row, _ in alive
                if name in [entry["name"] for entry in row.scope.get(kind, ())]
                or (kind == "hosts" and row.scope.get("labels"))
            ]
            value = self.user.get(kind, name)
            if wanted:
                assert (value["id"], value["revision"]) == wanted[0], (kind, name, value)
            elif value is not None:
                # a refused word stays beside its error
                assert self.user.error(kind, name) is not None, (kind, name, value)

    def end(self) -> None:
        """All windows are over, and the refused words taken back: nothing of ours is left."""
        for row, state in self._windows().values():
            path = f"/v1/maintenance-windows/{row.id}"
            if state is window.State.OPEN:
                self.api.call("POST", f"{path}/finish")
            elif state is window.State.SCHEDULED:
                self.api.call("DELETE", path)
        self.engine.look()
        for where in OBJECTS:
            self.user.delete(*where)
        self.engine.look()
        self.engine.look()
        assert self.user.ours() == []
        with self.service.database.read() as connection:
            assert connection.execute(sa.select(seen)).all() == []
        history.assert_complete(self.service.database)

    def _windows(self) -> dict[str, tuple[Any, window.State]]:
        with self.service.database.read() as connection:
            rows = connection.execute(sa.select(windows_table)).all()
        now = self.clock()
        return {row.id: (row, window.state(times_of(row._asdict()), now)) for row in rows}

    def _told_reasons(self, kind: str = "") -> Iterator[str]:
        for row in history.rows(self.service.database):
            if row.event_type.endswith(kind) and row.audience == "admin":
                yield row.payload.get("reason", "")

    def _refused(self, where: tuple[str, str]) -> int:
        told = refusals(self.service)
        return sum((one["kind"], one["name"]) == where for one in told)

    # -- between statements --------------------------------------------------------

    _nested = 0

    @contextlib.contextmanager
    def _between(
        self, engine: sa.Engine, at: list[int], act: Callable[[sa.Connection], None]
    ) -> Iterator[None]:
        """Do something before the given statements of an engine."""
        count = 0

        def listen(connection, cursor, statement, parameters, context, executemany) -> None:
            nonlocal count
            count += 1
            if count in at and not self._nested:
                self._nested += 1
                try:
                    act(connection)
                finally:
                    self._nested -= 1

        sa.event.listen(engine, "before_cursor_execute", listen)
        try:
            yield
        finally:
            sa.event.remove(engine, "before_cursor_execute", listen)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_lost_done_twice_or_overwritten_unread(service, craton, clock, seed):
    race = Race(service, craton, clock, seed)
    try:
        for number in range(ROUNDS):
            race.round()
            if number % 5 == 4:
                race.quiet()
        race.end()
    finally:
        race.close()
    for what in ("set", "edit", "delete", "copy", "nonsense", "look within a look"):
        assert race.counts[what], race.counts
    print(json.dumps(race.counts))
