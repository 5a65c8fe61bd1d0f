"""Moves: what is answered at once, what is shown meanwhile, what the record says after."""

import pytest
from novaclient import exceptions

from craton_maintenance.simcloud import start_compute, stop_compute


def live(server, host=None):
    server.live_migrate(host=host, block_migration="auto")


def finish(cloud, clock):
    assert clock.advance_until(lambda: cloud.next_due() is None)


def ask(admin, look, name, **metadata):
    admin.servers.set_meta(look.server(name), {f"sim:{k}": v for k, v in metadata.items()})


class TestLive:
    def test_the_record_trails_the_server(self, cloud, clock, admin, look):
        ask(admin, look, "solo", record_lag="0.9")
        live(look.server("solo"))
        assert look.state("solo") == ("MIGRATING", "migrating", "a1")
        assert (look.migration("solo").status, look.migration("solo").dest_compute) == (
            "accepted",
            None,
        )
        clock.advance(1)
        assert look.migration("solo").status == "running"
        assert len(admin.server_migrations.list(look.server("solo"))) == 1
        clock.advance(4.5)
        new = look.migration("solo").dest_compute
        assert look.state("solo") == ("ACTIVE", None, new)
        assert look.migration("solo").status == "running"
        clock.advance(1)
        assert look.migration("solo").status == "completed"
        assert admin.server_migrations.list(look.server("solo")) == []
        assert look.migration("solo").migration_type == "live-migration"

    def test_it_takes_longer_for_larger_servers(self, cloud, clock, admin, look):
        huge = next(f for f in admin.flavors.list() if f.name == "huge")
        admin.servers.create("big", None, huge, nics="none", host="b2")
        clock.advance(1)
        live(look.server("big"))
        clock.advance(19)
        assert look.state("big")[0] == "MIGRATING"
        clock.advance(4)
        assert look.state("big")[0] == "ACTIVE"

    @pytest.mark.parametrize("host", ["a1", "a2", "b3"])
    def test_the_scheduler_refuses_named_hosts_too(self, clock, admin, look, host):
        """Its own host, one with a member of its group, a disabled one."""
        admin.services.disable_log_reason(look.service("b3").id, "why")
        live(look.server("trio-1"), host)
        clock.advance(0.6)
        found = look.migration("trio-1")
        assert (found.status, found.dest_compute) == ("error", None)
        assert look.state("trio-1") == ("ACTIVE", None, "a1")
        [action, _] = admin.instance_action.list(look.server("trio-1"))
        assert (action.action, action.message) == ("live-migration", "Error")

    def test_a_pinned_server_does_not_leave_its_zone(self, cloud, clock, admin, look):
        for host in ("a2", "a3"):
            admin.services.disable_log_reason(look.service(host).id, "why")
        live(look.server("pinned"))
        live(look.server("solo"))
        finish(cloud, clock)
        assert look.migration("pinned").status == "error"
        assert look.state("solo")[2] in {"b1", "b2", "b3"}

    def test_at_once_refused(self, bob, look):
        with pytest.raises(exceptions.BadRequest, match="nowhere could not be found"):
            live(look.server("solo"), "nowhere")
        with pytest.raises(exceptions.Conflict, match="vm_state stopped"):
            live(look.server("off"))
        live(look.server("solo"))
        with pytest.raises(exceptions.Conflict, match="task_state migrating"):
            live(look.server("solo"))

    def test_force_is_gone_from_2_68_on(self, client, look):
        body = {"os-migrateLive": {"host": "b1", "block_migration": "auto", "force": True}}
        path = f"/servers/{look.server('solo').id}/action"
        with pytest.raises(exceptions.BadRequest, match="'force' was unexpected"):
            client(version="2.68").client.post(path, body=body)
        client(version="2.67").client.post(path, body=body)

    def test_until_2_30_named_hosts_are_not_checked(self, cloud, clock, client, look):
        client(version="2.25").servers.live_migrate(look.server("trio-1").id, "a2", "auto")
        finish(cloud, clock)
        assert look.state("trio-1")[2] == "a2"

    def test_until_2_34_refusals_come_at_once(self, cloud, client, admin, look):
        for host in cloud.hosts:
            admin.services.disable_log_reason(look.service(host).id, "why")
        with pytest.raises(exceptions.BadRequest, match="No valid host"):
            client(version="2.33").servers.live_migrate(look.server("solo").id, None, "auto")

    def test_paused_and_locked_servers_move(self, cloud, clock, bob, look):
        bob.servers.pause(look.server("solo").id)
        clock.advance(1)
        bob.servers.lock(look.server("solo").id)
        live(look.server("solo"))
        finish(cloud, clock)
        assert look.state("solo")[0] == "PAUSED"
        assert look.state("solo")[2] != "a1"

    def test_from_a_host_that_is_down_nothing_moves(self, clock, admin, look):
        admin.services.force_down(look.service("a1").id, True)
        live(look.server("solo"))
        clock.advance(1)
        assert look.migration("solo").status == "error"
        assert look.state("solo") == ("ACTIVE", None, "a1")

    def test_abort(self, cloud, clock, admin, look):
        ask(admin, look, "solo", live_migration="stall")
        live(look.server("solo"))
        clock.advance(3600)
        [running] = admin.server_migrations.list(look.server("solo"))
        admin.server_migrations.live_migration_abort(look.server("solo"), running.id)
        clock.advance(1)
        assert look.migration("solo").status == "cancelled"
        assert look.state("solo") == ("ACTIVE", None, "a1")
        assert set(cloud.allocations[look.server("solo").id]) == {"a1"}
        with pytest.raises(exceptions.Conflict, match="invalid state"):
            admin.server_migrations.live_migration_abort(look.server("solo"), running.id)

    def test_force_complete(self, clock, admin, look):
        ask(admin, look, "solo", live_migration="stall")
        live(look.server("solo"))
        clock.advance(10)
        [running] = admin.server_migrations.list(look.server("solo"))
        admin.server_migrations.live_migrate_force_complete(look.server("solo"), running.id)
        clock.advance(2)
        assert look.migration("solo").status == "completed"

    @pytest.mark.parametrize(("wish", "dest"), [("precheck", False), ("error", True)])
    def test_failures_leave_it_where_it_was(self, cloud, clock, admin, look, wish, dest):
        ask(admin, look, "solo", live_migration=wish)
        live(look.server("solo"))
        finish(cloud, clock)
        assert look.migration("solo").status == ("failed" if dest else "error")
        assert bool(look.migration("solo").dest_compute) is dest
        assert look.state("solo") == ("ACTIVE", None, "a1")

    def test_a_host_sends_one_at_a_time(self, cloud, clock, admin, look):
        live(look.server("solo"))
        live(look.server("pinned"))
        clock.advance(1)
        assert look.migration("solo").status == "running"
        assert look.migration("pinned").status == "queued"
        finish(cloud, clock)
        assert look.migration("pinned").status == "completed"

    def test_two_members_do_not_go_to_one_host(self, cloud, clock, admin, look):
        for host in ("b2", "b3"):
            admin.services.disable_log_reason(look.service(host).id, "why")
        live(look.server("trio-1"))
        live(look.server("trio-2"))
        finish(cloud, clock)
        statuses = [look.migration(f"trio-{n}").status for n in (1, 2)]
        assert sorted(statuses) == ["completed", "error"]

    def test_a_stale_view_of_the_group_ends_in_error(self, cloud, clock, admin, look):
        cloud.settings.stale_group_view = True
        for host in ("b2", "b3"):
            admin.services.disable_log_reason(look.service(host).id, "why")
        ask(admin, look, "trio-2", live_migration="stall")
        live(look.server("trio-1"), "b1")
        live(look.server("trio-2"), "b1")
        clock.advance(0.2)
        cloud.place(cloud.server_named("trio-1"), "b1")
        clock.advance(1)
        assert look.state("trio-2") == ("ERROR", None, "a2")
        assert look.migration("trio-2").status == "error"

    def test_a_restarted_service_gives_up_what_it_was_sending(self, cloud, clock, admin, look):
        live(look.server("solo"))
        clock.advance(1)
        stop_compute(cloud, "a1")
        clock.advance(30)
        assert look.state("solo")[0] == "MIGRATING"
        start_compute(cloud, "a1")
        clock.advance(30)
        assert look.state("solo") == ("ACTIVE", None, "a1")
        assert look.migration("solo").status == "error"

    def test_chances_are_repeatable(self, cloud, clock, admin, look):
        cloud.settings.chances.live_error = 1.0
        live(look.server("solo"))
        finish(cloud, clock)
        assert look.migration("solo").status == "failed"


class TestCold:
    def test_the_owner_confirms(self, cloud, clock, admin, bob, look):
        ident = look.server("solo").id
        look.server("solo").migrate()
        assert look.state("solo") == ("RESIZE", "resize_prep", "a1")
        clock.advance(2)
        new = look.migration("solo").dest_compute
        assert look.state("solo") == ("VERIFY_RESIZE", None, new)
        assert (look.migration("solo").status, look.migration("solo").migration_type) == (
            "finished",
            "migration",
        )
        assert admin.server_migrations.list(ident) == []
        assert "a1" in cloud.allocations[look.migration("solo").uuid]
        bob.servers.confirm_resize(ident)
        clock.advance(1)
        assert look.state("solo") == ("ACTIVE", None, new)
        assert look.migration("solo").status == "confirmed"
        assert look.migration("solo").uuid not in cloud.allocations

    def test_revert_goes_back(self, cloud, clock, bob, look):
        look.server("solo").migrate(host="b3")
        clock.advance(2)
        assert look.state("solo")[2] == "b3"
        bob.servers.revert_resize(look.server("solo").id)
        assert look.state("solo")[0] == "REVERT_RESIZE"
        clock.advance(1)
        assert look.state("solo") == ("ACTIVE", None, "a1")
        assert look.migration("solo").status == "reverted"
        assert set(cloud.allocations[look.server("solo").id]) == {"a1"}

    def test_what_was_stopped_stays_so(self, clock, look):
        look.server("off").migrate()
        clock.advance(2)
        look.server("off").confirm_resize()
        clock.advance(1)
        assert look.state("off")[0] == "SHUTOFF"

    def test_an_owner_leaves_a_resize_unconfirmed(self, cloud, clock, bob, look):
        huge = next(f for f in bob.flavors.list() if f.name == "huge")
        bob.servers.resize(look.server("solo").id, huge)
        clock.advance(10)
        assert look.state("solo")[0] == "VERIFY_RESIZE"
        assert look.migration("solo").migration_type == "resize"
        held = cloud.allocations[look.migration("solo").uuid]["a1"]
        assert (
            held.vcpus,
            cloud.allocations[look.server("solo").id][look.state("solo")[2]].vcpus,
        ) == (1, 16)

    def test_refused(self, clock, look):
        for host, why in (("nowhere", "could not be found"), ("a1", "where the server exists")):
            with pytest.raises(exceptions.BadRequest, match=why):
                look.server("solo").migrate(host=host)
        look.server("trio-1").migrate(host="a2")
        clock.advance(1)
        assert (look.migration("trio-1").status, look.migration("trio-1").dest_compute) == (
            "error",
            None,
        )
        assert look.state("trio-1")[0] == "ACTIVE"

    def test_a_failure_ends_in_error(self, clock, admin, look):
        ask(admin, look, "solo", cold_migration="error")
        look.server("solo").migrate()
        clock.advance(3)
        assert look.state("solo") == ("ERROR", None, "a1")
        assert look.migration("solo").status == "error"


class TestEvacuation:
    def test_it_needs_a_host_that_is_down_and_cleans_up_on_its_return(
        self, cloud, clock, admin, look
    ):
        with pytest.raises(exceptions.BadRequest, match="still in use"):
            look.server("solo").evacuate()
        service = look.service("a1")
        admin.services.force_down(service.id, True)
        look.server("solo").evacuate()
        assert look.state("solo")[0] == "REBUILD"
        clock.advance(1)
        status, _, host = look.state("solo")
        assert status == "ACTIVE"
        assert host != "a1"
        assert (look.migration("solo").status, look.migration("solo").migration_type) == (
            "done",
            "evacuation",
        )
        assert set(cloud.allocations[look.server("solo").id]) == {"a1", host}
        with pytest.raises(exceptions.BadRequest, match="Unable to force up host a1"):
            admin.services.force_down(service.id, False)
        start_compute(cloud, "a1")
        clock.advance(10)
        assert look.migration("solo").status == "completed"
        assert look.service("a1").state == "down"
        admin.services.force_down(service.id, False)
        assert look.service("a1").state == "up"
        assert set(cloud.allocations[look.server("solo").id]) == {host}

    def test_without_room_it_ends_in_error(self, cloud, clock, admin, look):
        for host in cloud.hosts:
            admin.services.disable_log_reason(look.service(host).id, "why")
        admin.services.force_down(look.service("a1").id, True)
        look.server("solo").evacuate()
        clock.advance(1)
        assert look.state("solo") == ("ERROR", None, "a1")


def test_the_history_is_paged_newest_first(cloud, clock, admin, look):
    for name in ("solo", "pinned", "trio-1"):
        live(look.server(name))
    finish(cloud, clock)
    assert [m.id for m in admin.migrations.list()] == [3, 2, 1]
    first = admin.migrations.list(limit=2)
    assert [m.id for m in admin.migrations.list(limit=2, marker=first[-1].uuid)] == [1]
    assert [m.id for m in admin.migrations.list(source_compute="a1", status="completed")] == [
        3,
        2,
        1,
    ]
    assert admin.migrations.list(host="a3", migration_type="migration") == []
    with pytest.raises(exceptions.BadRequest, match="Marker"):
        admin.migrations.list(marker="nope", limit=2)
