"""What tests and rehearsals use: counters, judges, faults, notifications, time."""

import pytest
from keystoneauth1 import exceptions as keystone_exceptions
from novaclient import client as nova_client
from novaclient import exceptions

from craton_maintenance.simcloud import (
    Cloud,
    Fault,
    SimCloudServer,
    VirtualClock,
    add_host,
    power_off,
    remove_host,
    session,
    start_compute,
    transport,
)

from .conftest import LATEST, small_fleet


def test_calls_are_counted_and_remembered(cloud, admin, look):
    look.server("solo").live_migrate(host="b1", block_migration="auto")
    assert cloud.counts["POST", "/servers/{server}/action", "os-migrateLive"] == 1
    call = cloud.calls[-1]
    assert (call.service, call.user, call.project, call.status) == (
        "compute",
        "admin",
        "admin",
        202,
    )
    assert call.body["os-migrateLive"]["host"] == "b1"
    assert call.params == {"server": look.server("solo").id}


def test_judges_see_the_cloud_before_the_effect(cloud, admin, look):
    def nobody_disables_a1(cloud, call):
        if call.method == "PUT" and call.template == "/os-services/{service}":
            assert not cloud.hosts["a1"].disabled, "a1 was disabled already"
            return "somebody disables"
        return None

    cloud.judges.append(nobody_disables_a1)
    service = look.service("a1")
    for _ in range(2):
        admin.services.disable_log_reason(service.id, "why")
    assert [text.splitlines()[0] for _, text in cloud.violations] == [
        "somebody disables",
        "a1 was disabled already",
    ]


def test_faults_hit_the_nth_call(cloud, look):
    fault = Fault(action="os-migrateLive", status=409, nth=2)
    cloud.faults.append(fault)
    solo, pinned = look.server("solo"), look.server("pinned")
    solo.live_migrate(host=None, block_migration="auto")
    with pytest.raises(exceptions.Conflict):
        pinned.live_migrate(host=None, block_migration="auto")
    pinned.live_migrate(host=None, block_migration="auto")
    assert (fault.seen, fault.fired) == (3, 1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, exceptions.NotFound),
        (429, exceptions.RateLimit),
        (500, exceptions.ClientException),
        (503, exceptions.ClientException),
    ],
)
def test_faults_by_path(cloud, admin, look, status, kind):
    ident = look.server("solo").id
    cloud.faults.append(Fault(method="GET", path="^/servers/", status=status, times=-1))
    with pytest.raises(kind):
        admin.servers.get(ident)


@pytest.mark.parametrize(
    ("lost", "kind"),
    [
        ("timeout", keystone_exceptions.ConnectTimeout),
        ("reset", keystone_exceptions.ConnectFailure),
    ],
)
def test_an_answer_is_lost_after_the_effect(cloud, look, lost, kind):
    server = look.server("solo")
    cloud.faults.append(Fault(action="os-stop", lost=lost, after=True))
    with pytest.raises(kind):
        server.stop()
    assert look.state("solo")[1] == "powering-off"
    other = look.server("pinned")
    cloud.faults.append(Fault(action="os-stop", lost=lost))
    with pytest.raises(kind):
        other.stop()
    assert look.state("pinned")[1] is None


def test_an_answer_is_partial_or_slow(cloud, clock, admin):
    cloud.faults.append(Fault(path="/servers/detail", partial=0.5, delay=7.0))
    before = clock.now()
    assert len(admin.servers.list(search_opts={"all_tenants": 1})) == 3
    assert clock.now() == before + 7
    assert len(admin.servers.list(search_opts={"all_tenants": 1})) == 6


def test_something_happens_at_the_worst_moment(cloud, admin, look):
    def delete(cloud, call):
        cloud.remove_server(cloud.server_named("solo"))

    server = look.server("solo")
    cloud.faults.append(Fault(action="os-migrateLive", effect=delete))
    with pytest.raises(exceptions.NotFound):
        server.live_migrate(host=None, block_migration="auto")


def test_notifications(cloud, clock, admin, look):
    heard = []
    cloud.notify.append(
        lambda event, payload, publisher, priority: heard.append(
            (event, publisher, priority, payload["nova_object.data"])
        )
    )
    admin.services.disable_log_reason(look.service("a1").id, "why")
    event, publisher, priority, data = heard.pop()
    assert (event, publisher, priority) == ("service.update", "nova-compute:a1", "INFO")
    assert (
        data["host"],
        data["disabled"],
        data["disabled_reason"],
        data["availability_zone"],
    ) == ("a1", True, "why", None)
    look.server("solo").live_migrate(host="b1", block_migration="auto")
    clock.advance(10)
    assert [event for event, *_ in heard] == [
        "instance.live_migration_pre.start",
        "instance.live_migration_pre.end",
        "instance.live_migration_post.start",
        "instance.live_migration_post_dest.start",
        "instance.live_migration_post_dest.end",
        "instance.live_migration_post.end",
    ]
    after = next(
        data for event, *_, data in heard if event == "instance.live_migration_post_dest.end"
    )
    assert (after["host"], after["node"]) == ("b1", "b1.example.org")
    heard.clear()
    look.server("solo").live_migrate(host="b1", block_migration="auto")
    clock.advance(10)
    assert [(event, priority) for event, _, priority, _ in heard] == [
        ("compute_task.migrate_server.error", "ERROR")
    ]


def test_a_machine_that_fails_takes_its_servers_along(cloud, clock, admin, look):
    lost = power_off(cloud, "a1")
    assert {server.name for server in lost} == {"trio-1", "pinned", "solo"}
    clock.advance(120)
    assert look.state("solo")[0] == "ACTIVE"
    start_compute(cloud, "a1")
    clock.advance(10)
    assert look.state("solo")[0] == "SHUTOFF"


def test_a_jump_in_time_is_the_same_as_small_steps():
    def story(steps):
        clock = VirtualClock()
        cloud = Cloud(small_fleet(), clock=clock, seed=3)
        seen = []
        cloud.notify.append(lambda event, payload, *_: seen.append((clock.now(), event)))
        admin = nova_client.Client(LATEST, session=session(cloud))
        for name in ("trio-1", "solo", "pinned"):
            admin.servers.live_migrate(cloud.server_named(name).id, None, "auto")
        for step in steps:
            clock.advance(step)
        return seen, [(m.status, m.dest, m.updated_at) for m in cloud.migrations.values()]

    assert story([60]) == story([0.5] * 120)


def test_over_tcp(cloud):
    with SimCloudServer(cloud) as server:
        admin = nova_client.Client(LATEST, session=server.session())
        assert len(admin.servers.list(search_opts={"all_tenants": 1})) == 6
        cloud.faults.append(Fault(path="/flavors", lost="reset"))
        with pytest.raises(keystone_exceptions.ConnectFailure):
            admin.flavors.list()
        assert admin.flavors.list()


def test_the_real_clock_is_settled_lazily():
    cloud = Cloud(small_fleet())
    cloud.settings.timing.power = 0.0
    admin = nova_client.Client(LATEST, session=session(cloud))
    server = admin.servers.get(cloud.server_named("solo").id)
    server.stop()
    assert admin.servers.get(server.id).status == "SHUTOFF"


def test_hosts_join_and_leave(cloud, clock, admin, look):
    add_host(cloud, "a4", zone="az-a", vcpus=64)
    assert look.service("a4").zone == "az-a"
    look.server("pinned").live_migrate(host="a4", block_migration="auto")
    clock.advance(20)
    assert look.state("pinned")[2] == "a4"
    with pytest.raises(exceptions.Conflict, match="hosting instances"):
        admin.services.delete(look.service("a4").id)
    look.server("pinned").live_migrate(host="a2", block_migration="auto")
    clock.advance(20)
    admin.services.delete(look.service("a4").id)
    assert "a4" not in {s.host for s in admin.services.list()}
    assert "a4" not in admin.aggregates.list()[0].hosts
    with pytest.raises(ValueError, match="hosting instances"):
        remove_host(cloud, "a1")


def test_rehearsals_in_other_processes_have_a_way_in(cloud, clock, admin, look):
    http = session(cloud)

    def ask(method, path, **more):
        return http.request(f"{transport.BASE}/sim{path}", method, raise_exc=False, **more)

    assert (
        ask("POST", "/faults", json={"fault": {"action": "os-stop", "status": 500}}).status_code
        == 201
    )
    with pytest.raises(exceptions.ClientException):
        look.server("solo").stop()
    assert ask("GET", "/faults").json()["faults"][0]["fired"] == 1
    assert ask("DELETE", "/faults").status_code == 204
    assert ask("POST", "/faults", json={"fault": {"nope": 1}}).status_code == 400
    assert ask("POST", "/hosts/a1/power-off").status_code == 204
    assert ask("POST", "/clock", json={"seconds": 90}).json()["virtual"]
    assert look.service("a1").state == "down"
    assert ask("PUT", "/hosts/a9", json={"zone": "az-a"}).status_code == 204
    assert ask("DELETE", "/hosts/a9").status_code == 204
    assert ask("DELETE", "/hosts/a1").status_code == 409
    answer = ask("GET", "/calls?after=1").json()
    assert answer["calls"][0]["number"] == 2
    assert not [c for c in answer["calls"] if c["path"].startswith("/faults")]
    assert {
        "method": "POST",
        "template": "/servers/{server}/action",
        "action": "os-stop",
        "count": 1,
    } in answer["counts"]
    assert ask("GET", "/violations").json() == {"violations": []}
    alice = session(cloud, "alice")
    assert alice.get(f"{transport.BASE}/sim/calls", raise_exc=False).status_code == 403
