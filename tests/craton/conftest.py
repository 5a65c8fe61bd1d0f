"""A deployment beside Craton's own tables, and on those that we make where no Craton is."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from craton_maintenance.db import migrate
from craton_maintenance.db.database import Database, Transaction
from craton_maintenance.inventory.variables import Variables
from craton_maintenance.service import Service
from tests.craton.writer import Craton
from tests.support import craton as craton_tables
from tests.support import databases, deployment
from tests.support.deployment import Api, Clock

#: Craton's tables as Craton makes them, or ours
EVERYWHERE = ("craton-mariadb", "craton-sqlite", "own-sqlite", "own-mariadb", "own-postgresql")
#: what most tests run on; the core of both ways runs on all
KINDS = ("craton-mariadb", "own-sqlite")

HOSTS = 8

SERVERS = {
    "compute-01": {"alpha": ["a-1", "a-2"], "beta": ["b-1"]},
    "compute-02": {"alpha": ["a-3"]},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.services)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Database]]:
    """A database of each kind that is asked for, made once in a run."""
    folder = tmp_path_factory.mktemp("craton")
    found: dict[str, Database] = {}
    with contextlib.ExitStack() as stack:

        def get(kind: str) -> Database:
            if kind not in found:
                whose, _, server = kind.partition("-")
                # Craton's documentation makes its database so; ours is the server's default
                charset = "utf8mb3" if whose == "craton" else "utf8mb4"
                url = stack.enter_context(databases.empty(server, folder, charset))
                database = stack.enter_context(databases.connected(url))
                if whose == "craton":
                    craton_tables.make(database)
                    # or its hosts could not be wiped in one statement
                    database.write(_without_parents)
                migrate.upgrade(database)
                found[kind] = database
            return found[kind]

        yield get


def _without_parents(transaction: Transaction) -> None:
    transaction.execute(sa.text("UPDATE devices SET parent_id = NULL"))


@pytest.fixture
def database(kind: str, made: Callable[[str], Database]) -> Database:
    return databases.wiped(made(kind))


@pytest.fixture
def craton(database: Database) -> Iterator[Craton]:
    craton = Craton(database)
    try:
        craton.fill(HOSTS)
        deployment.stock(
            database,
            {f"compute-{number:02}": {} for number in range(1, HOSTS + 1)} | SERVERS,
        )
        before = craton.others()
        yield craton
        # whatever happened, nothing that is not ours was touched
        kept = set(craton.others())
        assert [row for row in before if row not in kept] == []
    finally:
        craton.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(database: Database, clock: Clock, craton: Craton) -> Service:
    return deployment.service(database, clock)


@pytest.fixture
def operator(service: Service) -> Api:
    return deployment.api(service)


@pytest.fixture
def look(service: Service) -> Callable[[], None]:
    """An engine's look at the variables."""
    return Variables(service).look
