"""Whatever is asked, in whatever order: the cloud's books stay in order."""

import contextlib
import random

import pytest
from novaclient import exceptions

from craton_maintenance.simcloud import hosts
from craton_maintenance.simcloud.model import NOTHING, UNFINISHED

_ACTS = (
    "live",
    "live",
    "live",
    "migrate",
    "confirm",
    "revert",
    "evacuate",
    "stop",
    "start",
    "pause",
    "unpause",
    "shelve",
    "unshelve",
    "delete",
    "boot",
    "abort",
    "disable",
    "enable",
    "force_down",
    "stop_compute",
    "start_compute",
    "power_off",
)


def act(cloud, admin, dice):
    what = dice.choice(_ACTS)
    host = dice.choice(list(cloud.hosts))
    server = admin.servers.get(dice.choice(list(cloud.servers))) if cloud.servers else None
    if what in ("stop_compute", "start_compute", "power_off"):
        getattr(hosts, what)(cloud, host)
    elif what in ("disable", "enable", "force_down"):
        ident = cloud.hosts[host].service_uuid
        if what == "disable":
            admin.services.disable_log_reason(ident, "why")
        elif what == "enable":
            admin.services.enable(ident)
        else:
            admin.services.force_down(ident, dice.random() < 0.5)
    elif what == "boot":
        group = dice.choice([None, next(iter(cloud.groups))])
        admin.servers.create(
            f"s{dice.random()}",
            None,
            dice.choice(list(cloud.flavors)),
            nics="none",
            scheduler_hints={"group": group} if group else None,
        )
    elif server is not None and what == "live":
        if dice.random() < 0.3:
            admin.servers.set_meta(
                server, {"sim:live_migration": dice.choice(["error", "stall", "precheck", "3"])}
            )
        server.live_migrate(host=dice.choice([None, host]), block_migration="auto")
    elif server is not None and what == "abort":
        for move in admin.server_migrations.list(server):
            admin.server_migrations.live_migration_abort(server, move.id)
    elif server is not None:
        call = {"confirm": "confirm_resize", "revert": "revert_resize"}.get(what, what)
        getattr(server, call)()


def check_books(cloud):
    for host in cloud.hosts.values():
        total = NOTHING
        for consumer, resources in host.consumers.items():
            assert cloud.allocations[consumer][host.name] == resources
            total = total.plus(resources)
        assert total == host.used
        assert all(used <= size for used, size in zip(total, host.capacity, strict=True))
    consumers = set(cloud.servers) | {
        m.uuid for m in cloud.migrations.values() if m.status in UNFINISHED
    }
    assert set(cloud.allocations) <= consumers
    for server in cloud.servers.values():
        if server.host is not None:
            assert server.id in cloud.by_host[server.host]
            assert cloud.allocations[server.id]
    assert sum(map(len, cloud.by_host.values())) == sum(
        s.host is not None for s in cloud.servers.values()
    )
    # A revert asks no scheduler, and may end beside a member that has come meanwhile.
    if any(move.status == "reverted" for move in cloud.migrations.values()):
        return
    for group in cloud.groups.values():
        placed = [cloud.servers[m].host for m in group.members if cloud.servers[m].host]
        assert len(placed) == len(set(placed))


@pytest.mark.parametrize("seed", range(8))
def test_random_walk(cloud, clock, admin, seed):
    dice = random.Random(seed)
    for _ in range(150):
        with contextlib.suppress(exceptions.Conflict, exceptions.BadRequest, exceptions.NotFound):
            act(cloud, admin, dice)
        clock.advance(dice.choice([0, 0.1, 0.5, 2, 10]))
        check_books(cloud)
    for name in cloud.hosts:
        hosts.start_compute(cloud, name)
    clock.advance(3600)
    check_books(cloud)
    # Only what waits for a person is left.
    assert {m.status for m in cloud.migrations.values() if m.status in UNFINISHED} <= {"finished"}
    assert {server.task_state for server in cloud.servers.values()} <= {None}
    assert cloud.next_due() is None
