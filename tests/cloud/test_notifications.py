"""Nova's own notifications: what happens is known long before the next synchronisation."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import kombu
import pytest

from craton_maintenance import conf as configuration
from craton_maintenance.db import migrate, nova
from craton_maintenance.engine.engine import Engine
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service
from tests.support import deployment, history
from tests.support.waiting import until

from . import stack

pytestmark = pytest.mark.cloud

#: Seconds; none of these tests lasts as long.
SYNC_INTERVAL = 600.0

#: Seconds from Nova's own word to ours; on two cores that run the whole cloud.
SOON = 3.0

_POOL = "craton-maintenance-test"


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A deployment of its own, synchronised once, whose engine listens to Nova."""
    folder = tmp_path_factory.mktemp("listening")
    conf = configuration.load(
        ["/dev/null"],
        {
            ("database", "connection"): f"sqlite:///{folder / 'listening.sqlite'}",
            ("inventory", "sync_interval"): SYNC_INTERVAL,
            ("nova", "notifications_url"): [stack.TRANSPORT_URL],
            ("nova", "notifications_pool"): _POOL,
        },
    )
    service = Service(conf)
    migrate.upgrade(service.database)

    def session() -> Any:
        return stack.session("admin", project="admin")

    engine = Engine(service, [Region(stack.REGION, session, stack.REGION, "public")])
    engine.start()
    try:
        until(lambda: _generation(service), "the first synchronisation")
        until(_is_listened_to, "a consumer of Nova's notifications")
        yield service
    finally:
        engine.stop()
        service.database.dispose()
        with _broker() as connection:
            connection.channel().queue_delete(_POOL)


def _broker() -> kombu.Connection:
    return kombu.Connection(stack.TRANSPORT_URL.replace("rabbit://", "amqp://"))


def _is_listened_to() -> bool:
    with _broker() as connection, contextlib.suppress(connection.channel_errors):
        return connection.channel().queue_declare(_POOL, passive=True).consumer_count > 0
    return False


def _generation(service: Service) -> int:
    with service.database.read() as connection:
        row = nova.sync_of(connection, stack.REGION)
    return 0 if row is None or row.finished_at is None else row.generation


def _host_of(service: Service, server_id: str) -> str | None:
    with service.database.read() as connection:
        row = nova.server(connection, stack.REGION, server_id)
    return None if row is None else row[nova.SERVER.index("host")]


class Race:
    """Notes when Nova's API shows something, and when we do."""

    def __init__(self, figures: list[str]) -> None:
        self._figures = figures

    def run(self, what: str, in_nova: Callable[[], Any], here: Callable[[], Any]) -> None:
        """From just after the request; what comes with ``here`` may come before Nova shows it."""
        seen: dict[str, float] = {}

        def watch() -> None:
            until(in_nova, f"{what}, in Nova", 60.0, 0.02)
            seen["Nova"] = time.monotonic()

        watcher = threading.Thread(target=watch)
        began = time.monotonic()
        watcher.start()
        until(here, what, 60.0, 0.005)
        ours = time.monotonic()
        watcher.join()
        lag = ours - seen["Nova"]
        self._figures.append(
            f"Nova's notifications, {what}: known {ours - began:.2f} s after the request, "
            f"{lag * 1000:+.0f} ms after Nova's API showed it"
        )
        assert lag < SOON


def test_a_servers_life_is_followed_and_its_project_is_told(
    listening, operator_session, identity, compute, hosts, figures
):
    """Booted, live-migrated to a window's host, deleted."""
    here, there = hosts[1], hosts[2]
    project = identity.project_id("admin")
    admin = stack.Service(operator_session, "compute", stack.NOVA_VERSION)
    api = deployment.api(listening)
    window = api.set_window([there])["id"]

    def told() -> list[str]:
        return [
            row.event_type.rpartition(".")[2]
            for row in history.rows(listening.database)
            if row.project_id == project and row.window_id == window and row.servers == [server]
        ]

    def shown() -> dict[str, Any]:
        return admin.get(f"/servers/{server}")["server"]

    def is_on(host: str) -> bool:
        found = shown()
        return found["status"] == "ACTIVE" and found["OS-EXT-SRV-ATTR:host"] == host

    def is_gone() -> bool:
        listed = admin.get("/servers?all_tenants=1")["servers"]
        return server not in {one["id"] for one in listed}

    race = Race(figures)
    server = compute.boot(operator_session, "maintenance-test-heard", here)
    try:
        race.run("booted", lambda: is_on(here), lambda: _host_of(listening, server) == here)
        compute.active(server)
        move = {"os-migrateLive": {"host": there, "block_migration": "auto"}}
        admin.post(f"/servers/{server}/action", move)
        race.run("live-migrated, its project told", lambda: is_on(there), told)
        assert _host_of(listening, server) == there
    finally:
        compute.active(server)
        admin.delete(f"/servers/{server}")
    race.run("deleted", is_gone, lambda: _host_of(listening, server) is None)


def test_a_disabled_service_is_seen(listening, operator_session, hosts, figures):
    compute = stack.Service(operator_session, "compute", stack.NOVA_VERSION)
    listed = compute.get(f"/os-services?binary=nova-compute&host={hosts[1]}")["services"]
    path = f"/os-services/{listed[0]['id']}"

    def seen() -> tuple[str, str | None]:
        with listening.database.read() as connection:
            row = nova.host(connection, stack.REGION, hosts[1])
        assert row is not None
        return row["status"], row["disabled_reason"]

    assert seen() == ("enabled", None)

    def of_nova() -> str:
        listed = compute.get(f"/os-services?binary=nova-compute&host={hosts[1]}")["services"]
        return listed[0]["status"]

    race = Race(figures)
    try:
        compute.call("PUT", path, json={"status": "disabled", "disabled_reason": "rack 7"})
        race.run(
            "disabled", lambda: of_nova() == "disabled", lambda: seen() == ("disabled", "rack 7")
        )
    finally:
        compute.call("PUT", path, json={"status": "enabled"})
    race.run("enabled", lambda: of_nova() == "enabled", lambda: seen() == ("enabled", None))
