"""Services, hypervisors, zones, lists of servers, at several microversions."""

import hashlib

import novaclient
import pytest
from novaclient import api_versions, exceptions

from craton_maintenance.simcloud import session, stop_compute
from craton_maintenance.simcloud.errors import ApiError
from craton_maintenance.simcloud.microversion import of_compute


def get(cloud, path, version="2.93", user="admin", service="compute", **more):
    return session(cloud, user).get(
        path,
        endpoint_filter={"service_type": service},
        raise_exc=False,
        headers={"OpenStack-API-Version": f"{service} {version}"},
        **more,
    )


@pytest.mark.parametrize(
    ("headers", "minor"),
    [
        ({}, 1),
        ({"openstack-api-version": "compute 2.53"}, 53),
        ({"openstack-api-version": "placement 1.10, compute 2.100"}, None),
        ({"openstack-api-version": "compute latest"}, 96),
        ({"x-openstack-nova-api-version": "2.9"}, 9),
    ],
)
def test_microversions_are_numbers(headers, minor):
    if minor is None:
        with pytest.raises(ApiError, match=r"maximum is 2\.96") as caught:
            of_compute(headers, 96)
        assert caught.value.status == 406
    else:
        assert of_compute(headers, 96) == minor


def test_clients_discover_what_is_offered(cloud, admin):
    newest = api_versions.discover_version(admin, api_versions.APIVersion("2.latest"))
    assert newest == min(
        api_versions.APIVersion("2.96"),
        api_versions.APIVersion(novaclient.API_MAX_VERSION.get_string()),
    )
    for service, highest in (("compute", (2, 96)), ("placement", (1, 39))):
        data = session(cloud).get_endpoint_data(service_type=service)
        assert data.max_microversion == highest


def test_a_version_that_is_not_offered_is_406(cloud):
    assert get(cloud, "/servers", "2.97").status_code == 406
    assert get(cloud, "/servers", "nonsense").status_code == 400


def test_services_have_uuids_from_2_53_on(client):
    old = client(version="2.10").services.list(binary="nova-compute")
    new = client(version="2.53").services.list(binary="nova-compute")
    assert {type(s.id) for s in old} == {int}
    assert {len(s.id) for s in new} == {36}
    assert not hasattr(old[0], "forced_down")
    assert new[0].forced_down is False
    assert {s.binary for s in client().services.list()} == {
        "nova-compute",
        "nova-conductor",
        "nova-scheduler",
    }


def test_ordinary_users_may_not_list_services(alice):
    for listing in (
        alice.services.list,
        alice.hypervisors.list,
        alice.aggregates.list,
        alice.migrations.list,
    ):
        with pytest.raises(exceptions.Forbidden):
            listing()


def test_disabling_keeps_the_reason_and_enabling_forgets_it(admin, look):
    service = look.service("a1")
    admin.services.disable_log_reason(service.id, "maintenance 1")
    assert (look.service("a1").status, look.service("a1").disabled_reason) == (
        "disabled",
        "maintenance 1",
    )
    assert look.server("solo").host_status == "MAINTENANCE"
    admin.services.enable(service.id)
    assert look.service("a1").disabled_reason is None
    with pytest.raises(exceptions.BadRequest):
        admin.services.disable_log_reason(service.id, "x" * 256)


def test_the_old_forms_of_service_updates_work(client, look):
    old = client(version="2.11")
    old.services.disable_log_reason("a1", "nova-compute", "why")
    assert look.service("a1").disabled_reason == "why"
    old.services.force_down("a1", "nova-compute", True)
    assert look.service("a1").state == "down"
    old.services.force_down("a1", "nova-compute", False)
    old.services.enable("a1", "nova-compute")
    assert (look.service("a1").state, look.service("a1").status) == ("up", "enabled")


def test_force_down_shows_at_once_and_leaves_the_status(admin, look):
    admin.services.force_down(look.service("a1").id, True)
    assert (look.service("a1").state, look.service("a1").status) == ("down", "enabled")
    assert look.server("solo").host_status == "DOWN"


def test_a_silent_service_is_down_after_a_while(cloud, clock, look):
    beat = look.service("a1").updated_at
    clock.advance(30)
    assert look.service("a1").updated_at > beat
    stop_compute(cloud, "a1")
    assert look.service("a1").state == "up"
    clock.advance(61)
    assert look.service("a1").state == "down"


def test_hypervisors_lose_their_resources_at_2_88(client):
    old = client(version="2.87").hypervisors.list(detailed=True)[0]
    new = client(version="2.88").hypervisors.list(detailed=True)[0]
    assert (old.vcpus, old.vcpus_used, old.running_vms) == (16, 3, 3)
    assert old.service["host"] == "a1"
    assert old.hypervisor_hostname == "a1.example.org"
    assert not hasattr(new, "vcpus")
    assert "load average" in new.uptime


def test_hypervisors_list_their_servers_and_are_paged(cloud, look):
    answer = get(cloud, "/os-hypervisors/detail?with_servers=true&limit=1", "2.75").json()
    [found] = answer["hypervisors"]
    assert look.server("solo").id in [s["uuid"] for s in found["servers"]]
    assert answer["hypervisors_links"][0]["rel"] == "next"


def test_zones_come_from_aggregates(admin):
    zones = {a.availability_zone: a.hosts for a in admin.aggregates.list()}
    assert zones == {"az-a": ["a1", "a2", "a3"], "az-b": ["b1", "b2", "b3"]}
    detailed = {z.zoneName: z.hosts for z in admin.availability_zones.list(detailed=True)}
    assert set(detailed["az-a"]) == {"a1", "a2", "a3"}


def test_host_id_hides_the_host_from_owners(cloud, alice, look):
    mine = {s.name: s for s in alice.servers.list()}["trio-1"]
    want = hashlib.sha224((mine.tenant_id + "a1").encode()).hexdigest()
    assert mine.hostId == look.server("trio-1").hostId == want
    assert getattr(mine, "OS-EXT-AZ:availability_zone") == "az-a"
    assert not hasattr(mine, "OS-EXT-SRV-ATTR:host")
    assert not hasattr(mine, "host_status")


def test_owners_see_their_own_and_their_host_filter_is_ignored(alice, look):
    assert {s.name for s in alice.servers.list(search_opts={"host": "b3"})} == {
        "trio-1",
        "trio-2",
        "trio-3",
        "pinned",
    }
    with pytest.raises(exceptions.Forbidden):
        alice.servers.list(search_opts={"all_tenants": 1})
    with pytest.raises(exceptions.NotFound):
        alice.servers.get(look.server("solo").id)


def test_administrators_filter_by_host(admin):
    found = admin.servers.list(search_opts={"all_tenants": 1, "host": "a1"})
    assert {s.name for s in found} == {"trio-1", "pinned", "solo"}
    assert admin.servers.list(search_opts={"host": "a1"}) == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status=SHUTOFF", {"off"}),
        ("name=^trio", {"trio-1", "trio-2", "trio-3"}),
        ("tags=gold", {"solo"}),
        ("not-tags=gold&status=ACTIVE&host=a1", {"trio-1", "pinned"}),
        ("node=b1.example.org", {"off"}),
        ("vm_state=stopped", {"off"}),
        ("deleted=true", set()),
    ],
)
def test_filters(cloud, query, names):
    answer = get(cloud, f"/servers?all_tenants=1&{query}").json()
    assert {s["name"] for s in answer["servers"]} == names


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=x",
        "marker=nope",
        "sort_key=bogus",
        "changes-since=bogus",
        "bogus=1",
        "status=bogus",
        "name=[",
        "all_tenants=x",
    ],
)
def test_queries_that_make_no_sense_are_400(cloud, query):
    answer = get(cloud, f"/servers/detail?{query}")
    assert answer.status_code == 400
    assert answer.json()["badRequest"]["code"] == 400


def test_pages_follow_each_other_newest_first(cloud, admin):
    cloud.settings.max_limit = 2
    assert len(admin.servers.list(search_opts={"all_tenants": 1})) == 2
    everything = admin.servers.list(search_opts={"all_tenants": 1}, limit=-1)
    assert [s.name for s in everything] == ["trio-1", "trio-2", "trio-3", "pinned", "solo", "off"]
    by_name = admin.servers.list(
        search_opts={"all_tenants": 1}, limit=-1, sort_keys=["display_name"], sort_dirs=["asc"]
    )
    assert [s.name for s in by_name][:3] == ["off", "pinned", "solo"]


def test_changes_since_shows_changed_and_deleted_servers(cloud, clock, admin, look):
    def changed(since):
        found = get(cloud, f"/servers/detail?all_tenants=1&changes-since={since}").json()
        return {s["name"]: s["status"] for s in found["servers"]}

    clock.advance(100)
    since = "2027-01-15T08:01:00Z"
    assert changed(since) == {}
    admin.servers.set_meta(look.server("solo"), {"a": "b"})
    look.server("off").delete()
    clock.advance(5)
    assert changed(since) == {"solo": "ACTIVE", "off": "DELETED"}


def test_servers_by_version(cloud, look):
    path = f"/servers/{look.server('trio-1').id}"
    seen = {
        minor: set(get(cloud, path, f"2.{minor}").json()["server"])
        for minor in (1, 3, 9, 16, 19, 26, 63, 71, 73, 96)
    }
    assert "OS-EXT-SRV-ATTR:hostname" not in seen[1]
    assert seen[3] - seen[1] >= {"OS-EXT-SRV-ATTR:hostname", "OS-EXT-SRV-ATTR:launch_index"}
    assert seen[9] - seen[3] == {"locked"}
    assert seen[16] - seen[9] == {"host_status"}
    assert seen[19] - seen[16] == {"description"}
    assert seen[26] - seen[19] == {"tags"}
    assert seen[63] - seen[26] == {"trusted_image_certificates"}
    assert seen[71] - seen[63] == {"server_groups"}
    assert seen[73] - seen[71] == {"locked_reason"}
    assert seen[96] - seen[73] == {"pinned_availability_zone"}
    assert "id" in get(cloud, path, "2.46").json()["server"]["flavor"]
    assert get(cloud, path, "2.47").json()["server"]["flavor"]["original_name"] == "tiny"


def test_a_cell_that_does_not_answer_leaves_little(cloud, admin, look):
    cloud.hosts["b1"].cell = "cell2"
    gone = cloud.server_named("off").id
    cloud.cells_down.add("cell2")
    listed = {s.id: s.status for s in admin.servers.list(search_opts={"all_tenants": 1})}
    assert listed[gone] == "UNKNOWN"
    assert admin.servers.get(gone).status == "UNKNOWN"
    assert "off" not in str(get(cloud, "/servers/detail?all_tenants=1", "2.68").json())
    assert get(cloud, f"/servers/{gone}", "2.68").status_code == 500
    assert get(cloud, "/servers?all_tenants=1&host=b1").json() == {"servers": []}
    assert {s.host: s.status for s in admin.services.list()}["b1"] == "UNKNOWN"


def test_groups_change_their_form_at_2_64(client, look):
    [new] = client(version="2.64").server_groups.list(all_projects=True)
    [old] = client(version="2.63").server_groups.list(all_projects=True)
    assert (new.policy, new.rules) == ("anti-affinity", {})
    assert old.policies == ["anti-affinity"]
    assert look.server("trio-2").id in new.members
    assert client("bob").server_groups.list() == []


def test_metadata_and_tags(admin, alice, look):
    server = alice.servers.get(look.server("trio-1").id)
    alice.servers.set_meta(server, {"a": "1", "b": "2"})
    alice.servers.delete_meta(server, ["a"])
    assert look.server("trio-1").metadata == {"b": "2"}
    server.add_tag("blue")
    server.set_tags(["red", "green"])
    server.delete_tag("red")
    assert look.server("trio-1").tags == ["green"]
    look.server("trio-1").reset_state("error")
    with pytest.raises(exceptions.Conflict):
        alice.servers.set_meta(server, {"a": "1"})
    with pytest.raises(exceptions.NotFound):
        alice.servers.delete_meta(server, ["nope"])


def test_unknown_paths_and_methods(cloud):
    assert get(cloud, "/nonsense").status_code == 404
    answer = session(cloud).delete(
        "/os-migrations", raise_exc=False, endpoint_filter={"service_type": "compute"}
    )
    # Nova knows no path without its method
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert get(cloud, "/servers/xyz").json() == {
        "itemNotFound": {"code": 404, "message": "Instance xyz could not be found."}
    }
