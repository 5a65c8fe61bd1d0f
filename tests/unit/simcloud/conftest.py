"""A small cloud with a clock that only tests move."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from novaclient import client as nova_client

from craton_maintenance.simcloud import Cloud, Fleet, Settings, Timing, VirtualClock, session

LATEST = "2.93"


def small_fleet() -> Fleet:
    fleet = Fleet(name="test")
    fleet.add_project("alpha").add_project("beta")
    fleet.add_user("alice", {"alpha": ["member", "reader"]})
    fleet.add_user("bob", {"beta": ["member", "reader"]})
    fleet.add_flavor("tiny", vcpus=1, ram_mb=1000, disk_gb=1)
    fleet.add_flavor("huge", vcpus=16, ram_mb=16_000, disk_gb=100)
    for zone in "ab":
        for number in (1, 2, 3):
            fleet.add_host(
                f"{zone}{number}",
                zone=f"az-{zone}",
                vcpus=16,
                ram_mb=32_000,
                disk_gb=500,
                hypervisor_hostname=f"{zone}{number}.example.org",
            )
    fleet.add_group("trio", "alpha")
    for number in (1, 2, 3):
        fleet.add_server(f"trio-{number}", "alpha", f"a{number}", group="trio")
    fleet.add_server("pinned", "alpha", "a1", zone="az-a")
    fleet.add_server("solo", "beta", "a1", tags=["gold"], metadata={"role": "db"})
    fleet.add_server("off", "beta", "b1", status="SHUTOFF")
    return fleet


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def cloud(clock: VirtualClock) -> Cloud:
    timing = Timing(live_fixed=4.0, live_mb_per_s=1000.0)
    return Cloud(small_fleet(), clock=clock, seed=7, settings=Settings(timing=timing))


@pytest.fixture
def client(cloud: Cloud) -> Callable[..., nova_client.Client]:
    def make(user: str = "admin", version: str = LATEST) -> nova_client.Client:
        return nova_client.Client(version, session=session(cloud, user))

    return make


@pytest.fixture
def admin(client: Any) -> nova_client.Client:
    return client("admin")


@pytest.fixture
def alice(client: Any) -> nova_client.Client:
    return client("alice")


@pytest.fixture
def bob(client: Any) -> nova_client.Client:
    return client("bob")


@pytest.fixture
def look(cloud: Cloud, admin: nova_client.Client) -> Any:
    """Short ways to ask the cloud what it shows."""

    def server(name: str) -> Any:
        return admin.servers.get(cloud.server_named(name).id)

    def state(name: str) -> tuple[str, str | None, str | None]:
        found = server(name)
        return (
            found.status,
            getattr(found, "OS-EXT-STS:task_state"),
            getattr(found, "OS-EXT-SRV-ATTR:host"),
        )

    def migration(name: str) -> Any:
        return admin.migrations.list(instance_uuid=cloud.server_named(name).id)[0]

    def service(host: str) -> Any:
        return admin.services.list(host=host, binary="nova-compute")[0]

    return SimpleNamespace(server=server, state=state, migration=migration, service=service)
