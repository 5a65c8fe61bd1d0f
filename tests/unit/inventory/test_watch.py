"""Looks at Nova in the inventory: as a synchronisation would have it, for little."""

import contextlib
import datetime as dt
import random

import pytest
from keystoneauth1 import exceptions
from novaclient import client as nova_client
from novaclient import exceptions as nova_exceptions

from craton_maintenance import simcloud
from craton_maintenance.db import nova
from craton_maintenance.inventory.hints import Effect, Hints
from craton_maintenance.inventory.watch import Watch
from craton_maintenance.nova import changes, notifications
from craton_maintenance.nova.listing import Server
from craton_maintenance.nova.notifications import Gone, Placed
from craton_maintenance.simcloud import Fault
from tests.functional.deployment import REGION
from tests.support.statements import counted
from tests.unit.inventory.test_hints import act, fleet, generation, host_of, inventory


@pytest.fixture
def deployment(deploy):
    deployment = deploy(nova_read_retries=0)
    deployment.pass_time(60)
    return deployment


@pytest.fixture
def watch(deployment):
    return Watch(deployment.service, deployment.region)


@pytest.fixture
def admin(deployment):
    return nova_client.Client("2.87", session=simcloud.session(deployment.cloud, "admin"))


def moves(deployment):
    with deployment.service.database.read() as connection:
        return nova.migrations(connection, REGION)


def move(deployment, name="web-1"):
    """What is known of a server's newest migration: number, type, status."""
    return moves(deployment)[deployment.server(name)][:3]


def calls(deployment, since):
    return [call for call in deployment.cloud.calls if call.number > since]


def last_call(deployment):
    return deployment.cloud.calls[-1].number


# -- what it writes ----------------------------------------------------------------


def test_a_move_is_followed(deployment, watch, admin):
    number, source = generation(deployment), host_of(deployment, "web-1")
    assert watch.look() is False
    admin.servers.live_migrate(deployment.server("web-1"), "host-a2", "auto")
    deployment.pass_time(0.3)
    assert watch.look() is True
    assert move(deployment) == (1, "live-migration", "running")
    assert inventory(deployment)[1][deployment.server("web-1")][4] == "MIGRATING"
    # where it is has not changed yet
    assert host_of(deployment, "web-1") == source
    assert generation(deployment) == number
    deployment.pass_time(60)
    assert watch.look() is True
    assert host_of(deployment, "web-1") == "host-a2"
    assert move(deployment) == (1, "live-migration", "completed")
    assert generation(deployment) == number + 1
    assert watch.look() is False
    deployment.pass_time(1)
    assert not deployment.sync().changed


def test_servers_that_come_and_go(deployment, watch, admin):
    number = generation(deployment)
    known = inventory(deployment)[1]
    made = admin.servers.create("new", None, next(iter(deployment.cloud.flavors)), nics="none")
    deployment.pass_time(10)
    assert watch.look() is True
    assert inventory(deployment)[1].keys() - known.keys() == {made.id}
    assert generation(deployment) == number + 1
    admin.servers.live_migrate(made.id, None, "auto")
    deployment.pass_time(60)
    watch.look()
    assert made.id in moves(deployment)
    admin.servers.delete(made.id)
    deployment.pass_time(10)
    assert watch.look() is True
    assert inventory(deployment)[1] == known
    # what was known of its moves goes with it
    assert made.id not in moves(deployment)
    assert generation(deployment) == number + 3
    assert watch.look() is False


def test_server_on_a_host_that_is_not_known_waits_for_the_synchronisation(
    deployment, watch, admin
):
    before = inventory(deployment)
    simcloud.add_host(deployment.cloud, "host-new", vcpus=64, ram_mb=64_000, disk_gb=1000)
    admin.servers.live_migrate(deployment.server("web-1"), "host-new", "auto")
    deployment.pass_time(60)
    watch.look()
    assert inventory(deployment) == before
    deployment.sync()
    assert host_of(deployment, "web-1") == "host-new"


def test_region_that_was_never_synchronised_is_left_alone(deploy):
    deployment = deploy(synced=False)
    watch = Watch(deployment.service, deployment.region)
    assert watch.look() is False
    assert watch.look(full=True) is False
    assert not deployment.cloud.calls


# -- what it costs -----------------------------------------------------------------


def test_a_look_is_two_calls_however_many_move(deployment, watch, admin):
    watch.look()
    since = last_call(deployment)
    watch.look()
    assert [call.path for call in calls(deployment, since)] == [
        "/os-migrations",
        "/servers/detail",
    ]
    for server in list(deployment.cloud.servers):
        with contextlib.suppress(nova_exceptions.Conflict):
            admin.servers.live_migrate(server, None, "auto")
    deployment.pass_time(0.5)
    since = last_call(deployment)
    assert watch.look() is True
    assert len(calls(deployment, since)) == 2
    assert len(moves(deployment)) > 3


def test_nothing_is_written_where_nothing_changed(deployment, watch, admin):
    admin.servers.live_migrate(deployment.server("web-1"), "host-a2", "auto")
    deployment.pass_time(60)
    with counted(deployment.service.database) as statements:
        assert watch.look() is True
    # servers, what was heard of them, migrations, that something changed
    assert len(statements.writes) == 4
    assert len([text for text in statements if text.startswith("SELECT")]) == 11
    with counted(deployment.service.database) as statements:
        assert watch.look() is False
    assert statements.writes == []
    assert len([text for text in statements if text.startswith("SELECT")]) == 3


def test_only_what_changed_is_asked_for(deployment, watch, admin):
    watch.look()
    admin.servers.live_migrate(deployment.server("web-1"), "host-a2", "auto")
    deployment.pass_time(60)
    watch.look()
    deployment.pass_time(3600)
    since = last_call(deployment)
    assert watch.look() is False
    for call in calls(deployment, since):
        asked = dt.datetime.fromisoformat(call.query["changes-since"][0])
        # the newest change that was seen, and the overlap
        assert dt.timedelta(hours=1) < deployment.now - asked < dt.timedelta(hours=1, seconds=70)


# -- what must not be overlooked ---------------------------------------------------


def test_what_is_stamped_by_a_clock_that_is_behind_is_seen(deployment, watch, admin):
    admin.servers.stop(deployment.server("web-2"))
    deployment.pass_time(10)
    watch.look()
    deployment.pass_time(1)
    deployment.move("web-1", "host-a2")
    newest = deployment.cloud.server_named("web-2").updated_at
    deployment.cloud.server_named("web-1").updated_at = newest - 4
    assert watch.look() is True
    assert host_of(deployment, "web-1") == "host-a2"


@pytest.mark.parametrize("ours", [-3000, 3000])
def test_our_clock_may_be_wrong(deployment, watch, admin, ours):
    watch.look()
    deployment.now += dt.timedelta(seconds=ours)
    for host in ("host-a2", "host-b3", "host-a2"):
        admin.servers.live_migrate(deployment.server("web-1"), host, "auto")
        deployment.pass_time(60)
        assert watch.look() is True
        assert host_of(deployment, "web-1") == host


def test_an_answer_that_did_not_come_is_made_up_for(deployment, watch, admin):
    watch.look()
    for path in ("/servers/detail", "/os-migrations"):
        host = "host-a2" if path == "/servers/detail" else "host-b3"
        admin.servers.live_migrate(deployment.server("web-1"), host, "auto")
        deployment.pass_time(60)
        before = inventory(deployment), moves(deployment)
        deployment.cloud.faults.append(Fault(path=path, status=500))
        with pytest.raises(exceptions.ClientException):
            watch.look()
        assert (inventory(deployment), moves(deployment)) == before
        admin.servers.stop(deployment.server("web-2"))
        deployment.pass_time(600)
        admin.servers.start(deployment.server("web-2"))
        assert watch.look() is True
        assert host_of(deployment, "web-1") == host


def test_another_engine_goes_on_where_the_first_one_stopped(deployment, watch, admin):
    admin.servers.set_meta(deployment.server("web-1"), {"sim:live_migration": "600"})
    admin.servers.live_migrate(deployment.server("web-1"), "host-a2", "auto")
    deployment.pass_time(5)
    watch.look()
    assert move(deployment)[2] == "running"
    # it ends while nobody looks, and the synchronisation sees the server only
    deployment.pass_time(900)
    deployment.sync()
    deployment.pass_time(6 * 3600)
    deployment.sync()
    assert Watch(deployment.service, deployment.region).look() is True
    assert move(deployment)[2] == "completed"


def test_first_look_sees_what_just_ended(deployment, watch, admin):
    """Its migration was begun before anybody looked, and a synchronisation came between."""
    admin.servers.live_migrate(deployment.server("web-1"), "host-a2", "auto")
    deployment.pass_time(60)
    deployment.sync()
    deployment.pass_time(600)
    assert watch.look() is True
    assert move(deployment)[2] == "completed"


def test_full_look_finds_what_no_look_was_shown(deployment, watch, admin):
    watch.look()
    deployment.pass_time(60)
    number = generation(deployment)
    # without a stamp that says so
    deployment.move("web-1", "host-a2")
    gone = deployment.server("web-2")
    deployment.cloud.remove_server(deployment.cloud.server_named("web-2"))
    assert watch.look() is False
    assert watch.look(full=True) is True
    assert host_of(deployment, "web-1") == "host-a2"
    assert gone not in inventory(deployment)[1]
    assert generation(deployment) == number + 1
    assert watch.look(full=True) is False
    deployment.pass_time(1)
    assert not deployment.sync().changed


def test_full_look_with_a_silent_cell_removes_nothing(deployment, watch):
    before = inventory(deployment)
    deployment.cloud.cells_down.add("cell1")
    assert watch.look(full=True) is False
    assert inventory(deployment) == before


# -- beside notifications ----------------------------------------------------------


def placed(deployment, name, host):
    server = deployment.cloud.server_named(name)
    host_id = notifications.host_id(server.project_id, host)
    return Placed(Server(server.id, server.project_id, host, host_id, name, "ACTIVE"))


def test_what_is_heard_during_a_look_is_newer(deployment, watch, admin):
    hints = Hints(deployment.service, REGION)
    admin.servers.live_migrate(deployment.server("web-1"), "host-a2", "auto")
    admin.servers.stop(deployment.server("web-2"))
    deployment.pass_time(60)

    def meanwhile(cloud, record):
        deployment.now += dt.timedelta(seconds=1)
        assert hints.take(placed(deployment, "web-1", "host-b3"), deployment.now) is Effect.MOVED
        gone = Gone(deployment.server("web-2"), final=True)
        assert hints.take(gone, deployment.now) is Effect.MOVED

    deployment.cloud.faults.append(Fault(path="/servers/detail", effect=meanwhile))
    watch.look()
    assert host_of(deployment, "web-1") == "host-b3"
    assert deployment.server("web-2") not in inventory(deployment)[1]


def test_what_was_sent_before_does_not_undo_a_look(deployment, watch, admin):
    source, began = host_of(deployment, "web-1"), deployment.now
    admin.servers.live_migrate(deployment.server("web-1"), "host-a2", "auto")
    gone = placed(deployment, "web-2", host_of(deployment, "web-2"))
    admin.servers.delete(deployment.server("web-2"))
    deployment.pass_time(60)
    watch.look()
    hints = Hints(deployment.service, REGION)
    late = began + dt.timedelta(seconds=0.1)
    assert hints.take(placed(deployment, "web-1", source), late) is Effect.IGNORED
    assert host_of(deployment, "web-1") == "host-a2"
    assert hints.take(gone, deployment.now) is Effect.IGNORED
    # what is sent later counts
    assert hints.take(placed(deployment, "web-1", source), deployment.now) is Effect.MOVED


def test_deleted_server_does_not_come_back_by_a_look(deployment, watch):
    hints = Hints(deployment.service, REGION)
    assert hints.take(Gone(deployment.server("web-1"), True), deployment.now) is Effect.MOVED
    deployment.pass_time(5)
    deployment.cloud.touch(deployment.cloud.server_named("web-1"))
    assert watch.look() is False
    assert deployment.server("web-1") not in inventory(deployment)[1]


def test_synchronisation_meanwhile_knows_more(deployment, watch, admin, monkeypatch):
    """Its listing may be newer than the look's."""
    watch.look()
    admin.servers.live_migrate(deployment.server("web-1"), "host-a2", "auto")
    deployment.pass_time(60)
    read = changes.read

    def overtaken(*args):
        found = read(*args)
        admin.servers.live_migrate(deployment.server("web-1"), "host-b3", "auto")
        deployment.pass_time(60)
        deployment.sync()
        return found

    monkeypatch.setattr(changes, "read", overtaken)
    assert watch.look() is False
    assert host_of(deployment, "web-1") == "host-b3"
    assert moves(deployment) == {}
    monkeypatch.undo()
    assert watch.look() is True
    assert host_of(deployment, "web-1") == "host-b3"
    assert move(deployment) == (2, "live-migration", "completed")


def test_older_record_does_not_replace_a_newer_one(deployment, watch, admin):
    for host in ("host-a2", "host-b3"):
        admin.servers.live_migrate(deployment.server("web-1"), host, "auto")
        deployment.pass_time(60)
        watch.look()
    assert move(deployment)[0] == 2
    first = deployment.cloud.migrations[1]
    first.updated_at = deployment.cloud.now()
    watch.look()
    assert move(deployment)[0] == 2


@pytest.mark.parametrize("seed", range(4))
def test_a_walk_ends_as_a_synchronisation_finds_it(deploy, seed):
    """Boots, deletions, moves, disabled hosts: servers are where the synchronisation has them."""
    deployment = deploy(fleet=fleet(), nova_read_retries=0)
    watch, dice = Watch(deployment.service, deployment.region), random.Random(seed)
    admin = nova_client.Client("2.87", session=simcloud.session(deployment.cloud, "admin"))
    changed = 0
    for number in range(200):
        with contextlib.suppress(
            nova_exceptions.Conflict, nova_exceptions.BadRequest, nova_exceptions.NotFound
        ):
            act(deployment, admin, dice)
        deployment.pass_time(dice.choice([0.01, 0.1, 0.5, 2, 5, 60]))
        if dice.random() < 0.5:
            changed += watch.look(full=number % 50 == 0)
    deployment.pass_time(120)
    watch.look()
    assert changed > 30
    servers = inventory(deployment)[1]
    known = moves(deployment)
    report = deployment.sync()
    assert report.servers_added == report.servers_changed == report.servers_gone == 0
    assert inventory(deployment)[1] == servers
    for server, found in deployment.cloud.migrations_of.items():
        if server in deployment.cloud.servers:
            assert known[server][:3] == (found[-1].id, found[-1].type, found[-1].status)
        else:
            assert server not in known
