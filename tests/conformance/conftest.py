"""Each check runs on the simulated cloud, and on the real one where there is one."""

import importlib
import os
import signal
from collections.abc import Iterator

import pytest

from .clouds import HOSTS, Cloud, Standing
from .differences import DIFFERENCES

_CLOUDS = ("simulated", "real")


@pytest.fixture(scope="session", params=_CLOUDS)
def the_cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """One cloud for all checks."""
    # only what is needed: the bus of the real one takes its time to import
    module = importlib.import_module(f".{request.param}", __package__)
    cloud = getattr(module, request.param.capitalize())()
    try:
        yield cloud
        cloud.settle(everything=True)
    finally:
        cloud.close()


@pytest.fixture(scope="session")
def standing(the_cloud: Cloud) -> Iterator[Standing]:
    """Servers for checks that only read."""
    asked = [
        the_cloud.ask("alice", HOSTS[5], meta={"role": "db"}),
        the_cloud.ask("alice", HOSTS[4]),
        the_cloud.ask("alice", HOSTS[5], flavor="small"),
        the_cloud.ask("bob", HOSTS[5]),
    ]
    yield Standing(*(the_cloud.settled(server) for server in asked))
    the_cloud.clean()


@pytest.fixture
def cloud(the_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """The cloud, without the servers that a check booted once it is over."""
    if "standing" in request.fixturenames:
        request.getfixturevalue("standing")
    mark = the_cloud.mark()
    yield the_cloud
    the_cloud.take_back()
    the_cloud.clean(mark)


def pytest_configure(config: pytest.Config) -> None:
    if _enabled():
        # ended by a signal, fixtures still take away what they made
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _enabled() -> bool:
    return os.environ.get("CRATON_MAINTENANCE_CLOUD") == "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, dropped = [], []
    for item in items:
        name = getattr(getattr(item, "callspec", None), "params", {}).get("the_cloud")
        if name == "real" and not _enabled():
            dropped.append(item)
            continue
        kept.append(item)
        if name == "real":
            item.add_marker(pytest.mark.cloud)
        reason = DIFFERENCES.get(getattr(item, "originalname", item.name))
        if name == "simulated" and reason is not None:
            item.add_marker(pytest.mark.xfail(strict=True, reason=reason))
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept
