"""A host is emptied while Nova's notifications are heard: as fast, with fewer questions."""

import datetime as dt
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from craton_maintenance.engine import listener
from craton_maintenance.engine.watcher import Watcher
from craton_maintenance.inventory.hints import Hints
from tests.functional.deployment import REGION
from tests.sessions.scene import fleet_of

SERVERS = [f"s{number}" for number in range(8)]
#: seconds of a migration, and of what Nova does before and after it
TIMING = {"live_fixed": 6.0, "live_mb_per_s": 1e12, "record_lag": 0.6}


@pytest.fixture
def world(scene):
    fleet = fleet_of({"h1": SERVERS, "h2": [], "h3": []}, vcpus=16, timing=TIMING)
    return answering(scene(fleet))


def answering(world):
    """Its project agrees to everything at once."""
    world.apps = {"app": world.agrees("app", "LIVE_MIGRATE")}
    return world


def hear(world, loses: Callable[[str], bool] = lambda event_type: False) -> None:
    """Have the engine hear Nova, but for what is lost on the way."""
    service = world.service
    endpoint = listener.Endpoint(
        Hints(service, REGION),
        threading.Event(),
        partial(listener._moved, service, REGION),
        partial(listener._ended, service, REGION),
    )

    def heard(event_type: str, payload: Any, publisher: str, priority: str) -> None:
        if priority == "INFO" and not loses(event_type):
            metadata = {"timestamp": str(world.now.replace(tzinfo=None))}
            endpoint.info({}, publisher, event_type, payload, metadata)

    world.cloud.notify.append(heard)
    world.watcher = Watcher(service, world.region, world.nova, "engine-1", hears=True)


def run(world, until: Callable[[], bool], limit: float = 900.0) -> None:
    """Let time pass, to whatever is next for Nova, for sessions, or for who watches both."""
    pauses = [0.0]
    real = world.watcher.work

    def work() -> float:
        pauses.append(real())
        return pauses[-1]

    world.watcher.work = work
    end = world.now + dt.timedelta(seconds=limit)
    world.settle()
    while not until():
        assert world.now < end, f"waited {limit} s in vain: {world.blockers()}"
        world.pass_time(max(0.001, min(world._leap(), pauses[-1])))
        world.settle()
    world.watcher.work = real


def empty(world, **more: Any) -> tuple[float, dict[str, int]]:
    """Have the host emptied; in how many seconds, and with which calls of Nova."""
    session = world.start(hosts=["h1"], **more)
    run(world, lambda: world.asked_of_nova("os-migrateLive"))
    began, first = world.now, world.cloud.calls[-1].number
    run(world, lambda: world.host_states(session)["h1"] != "draining")
    assert world.on("h1") == []
    counts: dict[str, int] = {}
    for call in world.cloud.calls:
        if call.number > first and call.user == "maintenance" and call.service == "compute":
            name = call.action or call.template
            counts[name] = counts.get(name, 0) + 1
    return (world.now - began).total_seconds(), counts


def test_nova_is_asked_seldom_and_has_always_something_to_do(world):
    hear(world)
    seconds, counts = empty(world)
    assert seconds < len(SERVERS) * 7.0
    # one look for several that start together, and for several that have arrived
    assert counts["/servers/detail"] + counts.get("/servers/{server}", 0) < len(SERVERS)
    assert counts["/os-migrations"] < len(SERVERS)
    assert sum(counts.values()) < 3 * len(SERVERS)


def test_without_notifications_it_takes_no_longer(world):
    seconds, _ = empty(world)
    assert seconds < len(SERVERS) * 7.2


@pytest.mark.parametrize(
    "lost", ["instance.live_migration_post.end", "instance.live_migration_post_dest.end", ""]
)
def test_notifications_that_are_lost_are_made_up_for(world, lost):
    """One kind of them, or all; what is heard tells where to look."""
    hear(world, lambda event_type: event_type == lost or not lost)
    seconds, _ = empty(world)
    assert seconds < len(SERVERS) * (7.2 if lost.endswith("post.end") else 20.0)


def test_one_at_a_time_the_next_one_begins_at_once(scene):
    fleet = fleet_of({"h1": SERVERS[:4], "h2": []}, vcpus=16, timing=TIMING)
    world = answering(scene(fleet, sessions={"parallel_moves": 1}))
    hear(world)
    seconds, counts = empty(world)
    assert seconds < 4 * 7.6
    assert counts["/os-migrations"] < 4 + 6


def test_whoever_waits_for_another_member_of_the_group_does_not_wait_for_more(scene):
    fleet = fleet_of({"h1": SERVERS[:6], "h2": [], "h3": []}, vcpus=16, timing=TIMING)
    fleet.add_group("db", "app", policy="soft-anti-affinity")
    for server in fleet.servers[:2]:
        server.group = "db"
    world = answering(scene(fleet))
    hear(world)
    session = world.start(hosts=["h1"])
    run(world, lambda: world.on("h1") == [])
    asked = [call.time for call in world.cloud.calls if call.action == "os-migrateLive"]
    assert len(asked) == 6
    members = [
        call.time
        for call in world.cloud.calls
        if call.action == "os-migrateLive"
        and world.cloud.servers[call.params["server"]].name in SERVERS[:2]
    ]
    first_arrived = members[0] + 6.25 + TIMING["record_lag"]
    assert members[1] - first_arrived < 6.0, "it was told at once that the first one is back"
    assert world.show(session)["state"] != "PAUSED"


def test_others_migrations_are_nothing_to_us(world):
    hear(world)
    world.start(hosts=["h2"], actions=[{"plugin": "wait", "options": {}}])
    run(world, lambda: "h2" in world.disabled())
    world.run_for(5.0)
    first = world.cloud.calls[-1].number
    world.act("admin", "s1", "os-migrateLive", {"host": None, "block_migration": "auto"})
    run(world, lambda: world.where("s1") != "h1")
    run(world, lambda: not world.cloud.next_due())
    listed = [
        call
        for call in world.cloud.calls
        if call.number > first and call.template == "/os-migrations" and call.user == "maintenance"
    ]
    assert len(listed) <= 1
