"""Boot, power, lock, shelve, delete."""

import pytest
from novaclient import exceptions


def boot(client, name="new", flavor="tiny", **more):
    chosen = next(f for f in client.flavors.list() if f.name == flavor)
    return client.servers.create(name, None, chosen, nics="none", **more)


def test_a_boot_takes_a_moment(clock, bob, look):
    boot(bob, meta={"k": "v"})
    assert look.state("new") == ("BUILD", "scheduling", None)
    clock.advance(0.2)
    assert look.state("new")[:2] == ("BUILD", "spawning")
    clock.advance(1)
    status, task, host = look.state("new")
    assert (status, task, look.server("new").metadata) == ("ACTIVE", None, {"k": "v"})
    assert host is not None


def test_only_administrators_name_a_host(clock, admin, bob, look):
    for where in ({"host": "b2"}, {"availability_zone": "az-b:b2"}):
        with pytest.raises(exceptions.Forbidden):
            boot(bob, **where)
    boot(admin, "named", host="b2")
    clock.advance(1)
    assert look.state("named") == ("ACTIVE", None, "b2")
    with pytest.raises(exceptions.BadRequest):
        boot(admin, host="nowhere")


def test_networks_must_be_said_from_2_37_on(client):
    flavor = client().flavors.list()[0]
    client("bob", "2.36").servers.create("new", None, flavor)
    body = {"server": {"name": "x", "flavorRef": flavor.id}}
    with pytest.raises(exceptions.BadRequest, match="networks"):
        client("bob").client.post("/servers", body=body)


def test_nothing_boots_on_a_disabled_host(clock, admin, look):
    admin.services.disable_log_reason(look.service("b2").id, "why")
    boot(admin, host="b2")
    clock.advance(1)
    assert look.state("new") == ("ERROR", None, None)
    assert look.server("new").fault["message"] == "No valid host was found. "


def test_the_fourth_of_an_anti_affine_trio_finds_no_host_in_its_zone(cloud, clock, alice, look):
    [group] = alice.server_groups.list()
    boot(alice, "fourth", availability_zone="az-a", scheduler_hints={"group": group.id})
    boot(alice, "fifth", scheduler_hints={"group": group.id})
    clock.advance(1)
    assert look.state("fourth")[0] == "ERROR"
    assert look.state("fifth")[2] in {"b1", "b2", "b3"}


def test_members_that_boot_at_the_same_time_are_spread(cloud, clock, bob, look):
    group = bob.server_groups.create("new", "anti-affinity")
    for number in range(4):
        boot(bob, f"n{number}", scheduler_hints={"group": group.id})
    clock.advance(2)
    assert len({look.state(f"n{number}")[2] for number in range(4)}) == 4


@pytest.mark.parametrize(
    ("policy", "hosts"), [("affinity", 1), ("soft-affinity", 1), ("soft-anti-affinity", 6)]
)
def test_other_group_policies(clock, bob, look, policy, hosts):
    group = bob.server_groups.create("new", policy)
    for number in range(7):
        boot(bob, f"n{number}", scheduler_hints={"group": group.id})
        clock.advance(1)
    assert len({look.state(f"n{number}")[2] for number in range(7)}) == hosts


def test_capacity_is_respected(clock, bob, look):
    for number in range(6):
        boot(bob, f"n{number}", "huge")
        clock.advance(1)
    # Only three hosts have all of their 16 vCPUs left: a3 holds one server, b1 a stopped one.
    states = [look.state(f"n{number}")[0] for number in range(6)]
    assert states == ["ACTIVE", "ACTIVE", "ERROR", "ERROR", "ERROR", "ERROR"]


@pytest.mark.parametrize(
    ("act", "task", "then"),
    [
        ("stop", "powering-off", "SHUTOFF"),
        ("pause", "pausing", "PAUSED"),
        ("suspend", "suspending", "SUSPENDED"),
        ("reboot", "rebooting", "ACTIVE"),
    ],
)
def test_power(clock, bob, look, act, task, then):
    server = bob.servers.get(look.server("solo").id)
    getattr(server, act)()
    assert look.state("solo")[1] == task
    clock.advance(1)
    assert look.state("solo") == (then, None, "a1")
    back = {"SHUTOFF": "start", "PAUSED": "unpause", "SUSPENDED": "resume"}.get(then)
    if back:
        getattr(server, back)()
        clock.advance(1)
    assert look.state("solo")[0] == "ACTIVE"
    with pytest.raises(exceptions.Conflict, match="vm_state active"):
        server.start()


def test_locking_keeps_the_owner_out_but_not_the_administrator(client, clock, look):
    ident = look.server("solo").id
    bob, admin = client("bob"), client("admin")
    bob.servers.lock(ident, reason="mine")
    assert (look.server("solo").locked, look.server("solo").locked_reason) == (True, "mine")
    for act in (bob.servers.stop, bob.servers.delete):
        with pytest.raises(exceptions.Conflict, match="is locked"):
            act(ident)
    bob.servers.unlock(ident)
    admin.servers.lock(ident)
    with pytest.raises(exceptions.Forbidden):
        bob.servers.unlock(ident)
    admin.servers.stop(ident)
    clock.advance(1)
    assert look.state("solo")[0] == "SHUTOFF"


def test_shelving_gives_up_the_host(cloud, clock, bob, look):
    ident = look.server("solo").id
    bob.servers.shelve(ident)
    clock.advance(5)
    assert look.state("solo") == ("SHELVED_OFFLOADED", None, None)
    assert ident not in cloud.allocations
    assert bob.servers.get(ident).hostId == ""
    bob.servers.unshelve(ident)
    clock.advance(5)
    assert look.state("solo")[0] == "ACTIVE"
    assert ident in cloud.allocations


def test_shelved_servers_wait_if_the_cloud_is_set_so(cloud, clock, admin, look):
    cloud.settings.shelved_offload_time = -1
    server = look.server("solo")
    server.shelve()
    clock.advance(5)
    assert look.state("solo") == ("SHELVED", None, "a1")
    server.shelve_offload()
    clock.advance(5)
    assert look.state("solo")[0] == "SHELVED_OFFLOADED"


def test_deletion(cloud, clock, bob, alice, look):
    ident = look.server("solo").id
    with pytest.raises(exceptions.NotFound):
        alice.servers.delete(ident)
    bob.servers.delete(ident)
    bob.servers.delete(ident)
    clock.advance(1)
    with pytest.raises(exceptions.NotFound):
        bob.servers.get(ident)
    assert ident not in cloud.allocations
    assert cloud.hosts["a1"].used.vcpus == 2


def test_deleting_a_server_on_its_way_leaves_nothing_behind(cloud, clock, admin, look):
    server = look.server("solo")
    server.live_migrate(host=None, block_migration="auto")
    clock.advance(1)
    server.delete()
    clock.advance(60)
    assert cloud.next_due() is None
    assert {name for host in cloud.hosts.values() for name in host.consumers} == set(cloud.servers)
    assert not any(cloud.live_queue.values())


def test_reset_state(admin, look):
    look.server("solo").reset_state("error")
    assert look.state("solo")[0] == "ERROR"
    look.server("solo").reset_state("active")
    assert look.state("solo")[0] == "ACTIVE"


def test_owners_may_not_do_what_is_for_administrators(bob, look):
    server = bob.servers.get(look.server("solo").id)
    for act in (
        lambda: server.live_migrate(host=None, block_migration="auto"),
        server.migrate,
        server.evacuate,
        server.reset_state,
        server.shelve_offload,
    ):
        with pytest.raises(exceptions.Forbidden):
            act()
