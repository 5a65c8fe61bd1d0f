"""A deployment on each of the three databases."""

import contextlib
import gc
import warnings
from collections.abc import Callable, Iterator

import pytest

from craton_maintenance.db.database import Database
from craton_maintenance.service import Service
from tests.support import broker as brokers
from tests.support import databases, deployment
from tests.support.broker import Broker, Wire
from tests.support.deployment import Api, Clock

#: two projects on the first two hosts, and hosts for whoever needs one
FLEET = {
    "compute-01": {"alpha": ["a-1", "a-2"], "beta": ["b-1"]},
    "compute-02": {"alpha": ["a-3"]},
    **{f"compute-{number:02}": {} for number in range(3, 41)},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.services)


@pytest.fixture(params=databases.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def migrated(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Database]]:
    """A database of each kind that is asked for, made once in a run."""
    folder = tmp_path_factory.mktemp("databases")
    made: dict[str, Database] = {}
    with contextlib.ExitStack() as stack:

        def get(kind: str) -> Database:
            if kind not in made:
                made[kind] = stack.enter_context(databases.migrated(kind, folder))
            return made[kind]

        yield get


@pytest.fixture
def database(kind: str, migrated: Callable[[str], Database]) -> Database:
    """A database as after its migration, with a small fleet in its inventory."""
    database = databases.wiped(migrated(kind))
    deployment.stock(database, FLEET)
    return database


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(database: Database, clock: Clock) -> Service:
    return deployment.service(database, clock)


@pytest.fixture
def operator(service: Service) -> Api:
    return deployment.api(service)


@pytest.fixture
def broker() -> Iterator[Broker]:
    """An exchange and a topic of the test's own on the real broker."""
    with brokers.broker() as made:
        yield made
    # oslo.messaging leaves the sockets of connections that failed to the garbage collector
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def wire(broker: Broker) -> Iterator[Wire]:
    """The way to the broker, which the test can cut."""
    with brokers.wire(broker.url) as made:
        yield made
