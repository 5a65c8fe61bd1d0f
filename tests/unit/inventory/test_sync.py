"""Synchronisation with Nova: what is written, what is not, and when a host has left."""

from typing import Any

import pytest
import sqlalchemy as sa
from keystoneauth1 import exceptions as keystone_exceptions
from novaclient import exceptions as nova_exceptions

from craton_maintenance import simcloud
from craton_maintenance.db import craton, fleet, nova, tables
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.simcloud import Fault
from tests.functional.deployment import REGION, Deployment, at


def hosts(deployment: Deployment) -> dict[str, dict[str, Any]]:
    with deployment.service.database.read() as connection:
        return nova.hosts(connection, REGION)


def servers(deployment: Deployment) -> dict[str, Any]:
    with deployment.service.database.read() as connection:
        return nova.servers(connection, REGION)


def generation(deployment: Deployment) -> int:
    with deployment.service.database.read() as connection:
        return nova.sync_of(connection, REGION).generation


def remove(deployment: Deployment, host: str) -> None:
    """A host's nova-compute is deleted, with all that ran there."""
    cloud = deployment.cloud
    for server in list(cloud.servers_on(host)):
        cloud.remove_server(server)
    del cloud.hosts[host]
    for aggregate in cloud.aggregates.values():
        if host in aggregate.hosts:
            aggregate.hosts.remove(host)


def codes(deployment: Deployment, host: str) -> list[str]:
    path = f"/v1/nova-hosts?name={host}"
    (found,) = deployment.operator.get(path).json["nova_hosts"]
    return [one["code"] for one in found["differences"]]


# -- differences only --------------------------------------------------------------


def test_the_first_synchronisation_finds_everything(deploy):
    deployment = deploy(synced=False)
    report = deployment.sync()
    assert (report.hosts, report.hosts_added) == (6, 6)
    assert (report.servers, report.servers_added) == (10, 10)
    assert report.created == 6
    assert set(hosts(deployment)) == set(deployment.cloud.hosts)
    assert servers(deployment).keys() == deployment.cloud.servers.keys()


def test_repeating_it_writes_nothing(deployment):
    before, number = hosts(deployment), generation(deployment)
    report = deployment.sync()
    assert not report.changed
    assert hosts(deployment) == before
    assert generation(deployment) == number


def test_a_server_that_moved_is_the_only_difference(deployment):
    deployment.move("web-1", "host-b3")
    report = deployment.sync()
    assert (report.servers_changed, report.servers_added, report.servers_gone) == (1, 0, 0)
    assert report.hosts_changed == 0
    project, host, host_id, *_ = servers(deployment)[deployment.server("web-1")]
    assert (project, host) == (deployment.project("web"), "host-b3")
    assert host_id == deployment.host_id("web", "host-b3")


def test_a_server_that_was_deleted_is_gone_at_once(deployment):
    gone = deployment.server("web-1")
    deployment.cloud.remove_server(deployment.cloud.servers[gone])
    assert deployment.sync().servers_gone == 1
    assert gone not in servers(deployment)


def test_a_server_that_is_nowhere_is_on_no_host(deployment):
    deployment.move("web-1", None)
    deployment.sync()
    assert servers(deployment)[deployment.server("web-1")][1] is None


def test_what_nova_says_of_a_host_is_kept(deployment):
    deployment.cloud.hosts["host-a1"].disabled = True
    deployment.cloud.hosts["host-a1"].disabled_reason = "someone else's"
    assert deployment.sync().hosts_changed == 1
    row = hosts(deployment)["host-a1"]
    assert (row["status"], row["disabled_reason"]) == ("disabled", "someone else's")
    assert (row["zone"], row["aggregates"]) == ("zone-a", ["racks-a"])


def test_cratons_rows_are_made_once_and_never_changed(deployment):
    def rename(transaction: Any) -> None:
        transaction.execute(
            sa.update(craton.devices)
            .where(craton.devices.c.name == "host-a1")
            .values(note="mine", ip_address="198.51.100.7")
        )

    deployment.service.database.write(rename)
    assert deployment.sync().created == 0
    with deployment.service.database.read() as connection:
        row = connection.execute(
            sa.select(craton.devices).where(craton.devices.c.name == "host-a1")
        ).one()
    assert (row.note, row.ip_address) == ("mine", "198.51.100.7")


def test_the_address_of_notifications_to_operators_is_the_service_own_project(deployment):
    with deployment.service.database.read() as connection:
        identity = deployment.service.identity(connection)
    assert identity["project_id"] == deployment.project("service")


# -- leaving -----------------------------------------------------------------------


def test_a_host_has_left_after_three_complete_synchronisations_and_ten_minutes(deployment):
    remove(deployment, "host-b3")
    for minutes in (0, 4, 4):
        deployment.pass_time(60 * minutes)
        assert deployment.sync().hosts_gone == 0
        assert "MISSING" in codes(deployment, "host-b3")
    deployment.pass_time(119)
    assert deployment.sync().hosts_gone == 0
    deployment.pass_time(1)
    assert deployment.sync().hosts_gone == 1
    assert "host-b3" not in hosts(deployment)
    assert codes(deployment, "host-b3") == ["NOT_IN_NOVA"]


def test_ten_minutes_are_not_enough_without_three_synchronisations(deployment):
    remove(deployment, "host-b3")
    deployment.sync()
    deployment.pass_time(3600)
    assert deployment.sync().hosts_gone == 0
    assert deployment.sync().hosts_gone == 1


def test_a_host_that_comes_back_has_not_been_away(deployment):
    host = deployment.cloud.hosts["host-b3"]
    remove(deployment, "host-b3")
    for _ in range(2):
        deployment.sync()
        deployment.pass_time(3600)
    deployment.cloud.hosts["host-b3"] = host
    deployment.sync()
    assert hosts(deployment)["host-b3"]["missing_since"] is None
    del deployment.cloud.hosts["host-b3"]
    deployment.pass_time(3600)
    assert deployment.sync().hosts_gone == 0


def test_a_missing_host_stays_in_its_windows_until_it_has_left(deployment):
    window = deployment.operator.set(aggregates=["racks-b"], start=at(days=1))
    remove(deployment, "host-b3")
    deployment.sync()
    deployment.engine()
    path = f"/v1/maintenance-windows/{window['id']}"
    # out of the aggregate, which Nova does say
    assert hosts(deployment)["host-b3"]["aggregates"] == ["racks-b"]
    assert deployment.operator.get(path).json["hosts_count"] == 3
    for _ in range(2):
        deployment.pass_time(600)
        deployment.sync()
    deployment.engine()
    assert deployment.operator.get(path).json["hosts_count"] == 2


# -- partial answers ---------------------------------------------------------------


def test_a_cell_that_does_not_answer_removes_nobody(deployment):
    known, there = hosts(deployment), servers(deployment)
    deployment.cloud.cells_down.add("cell1")
    for _ in range(5):
        deployment.pass_time(3600)
        report = deployment.sync()
        assert report.gaps
        assert (report.hosts_gone, report.servers_gone) == (0, 0)
    assert hosts(deployment).keys() == known.keys()
    assert servers(deployment).keys() == there.keys()
    (state,) = deployment.operator.get("/v1/nova-hosts").json["syncs"]
    assert not state["complete"]
    assert "does not answer" in state["error"]


def test_absence_is_counted_in_complete_synchronisations_only(deployment):
    remove(deployment, "host-b3")
    other = deployment.cloud.hosts["host-a1"]
    other.cell = "cell2"
    deployment.sync()
    deployment.cloud.cells_down.add("cell2")
    for _ in range(5):
        deployment.pass_time(3600)
        assert deployment.sync().hosts_gone == 0
    deployment.cloud.cells_down.clear()
    assert deployment.sync().hosts_gone == 0
    assert deployment.sync().hosts_gone == 1


@pytest.mark.parametrize("path", ["os-services", "os-hypervisors", "os-aggregates", "servers"])
def test_a_call_that_fails_changes_nothing_but_the_error(deploy, path):
    deployment = deploy(nova={"read_retries": 0})
    known, there = hosts(deployment), servers(deployment)
    remove(deployment, "host-b3")
    deployment.cloud.faults.append(Fault(path=path, status=500, times=-1))
    with pytest.raises(nova_exceptions.ClientException):
        deployment.sync()
    assert hosts(deployment) == known
    assert servers(deployment) == there
    (state,) = deployment.operator.get("/v1/nova-hosts").json["syncs"]
    assert not state["complete"]
    assert "500" in state["error"]
    deployment.cloud.faults.clear()
    deployment.sync()
    (state,) = deployment.operator.get("/v1/nova-hosts").json["syncs"]
    assert state["complete"]
    assert state["error"] is None


def test_a_lost_answer_is_asked_for_again(deployment, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    deployment.cloud.faults.append(Fault(path="servers/detail", lost="reset"))
    deployment.move("web-1", "host-b3")
    assert deployment.sync().servers_changed == 1


def test_an_answer_that_never_comes_is_an_error(deploy):
    deployment = deploy(nova={"read_retries": 0})
    deployment.cloud.faults.append(Fault(path="servers/detail", lost="timeout", times=-1))
    with pytest.raises(keystone_exceptions.ClientException):
        deployment.sync()


# -- pages -------------------------------------------------------------------------


def paged() -> simcloud.Fleet:
    made = simcloud.Fleet(name="paged", settings={"max_limit": 3})
    made.add_project("red").add_hosts([f"h{number}" for number in range(8)])
    for number in range(10):
        made.add_server(f"s{number}", "red", f"h{number % 8}")
    return made


def test_every_page_is_read(deploy):
    deployment = deploy(fleet=paged())
    assert len(hosts(deployment)) == 8
    assert all(len(row["hypervisors"]) == 1 for row in hosts(deployment).values())
    assert len(servers(deployment)) == 10


def test_a_marker_that_vanished_has_the_list_read_again(deploy):
    deployment = deploy(fleet=paged())
    cloud = deployment.cloud

    def purge_the_marker(cloud: Any, record: Any) -> None:
        """Deleted and archived: one that was only deleted still marks its place."""
        marker = record.query["marker"][0]
        cloud.remove_server(cloud.servers[marker])
        del cloud.deleted[marker]

    cloud.faults.append(Fault(path="servers/detail", nth=2, effect=purge_the_marker))
    report = deployment.sync()
    assert report.gaps == ()
    assert report.servers_gone == 1
    assert servers(deployment).keys() == cloud.servers.keys()


# -- hosts that are not as usual ---------------------------------------------------


def test_a_service_with_several_hypervisors_is_refused_and_never_part_of_all(deployment):
    deployment.refuse("host-a1")
    operator = deployment.operator
    answer = operator.post("/v1/maintenance-windows", {"scope": {"hosts": ["host-a1"]}})
    assert answer.json["code"] == "HOST_REFUSED"
    assert "Ironic" in answer.json["message"]
    assert "REFUSED" in codes(deployment, "host-a1")
    assert operator.set(regions=["RegionOne"])["hosts_count"] == 5


def test_a_host_without_a_hypervisor_is_told(deployment):
    deployment._write(
        sa.update(tables.nova_hosts)
        .where(tables.nova_hosts.c.host == "host-a1")
        .values(hypervisors=[], hypervisors_count=0)
    )
    assert codes(deployment, "host-a1") == ["NO_HYPERVISOR"]


def test_host_names_that_begin_alike_are_different_hosts(deploy):
    made = simcloud.Fleet(name="alike").add_project("red").add_project("blue")
    made.add_hosts(["c1", "c10", "c1.example.org", "C1"])
    made.add_server("on-c1", "red", "c1").add_server("on-c10", "blue", "c10")
    deployment = deploy(fleet=made)
    window = deployment.operator.set(hosts=["c1"])
    assert (window["hosts_count"], window["servers_count"]) == (1, 1)
    assert deployment.member("red").events()
    assert deployment.member("blue").events() == []
    shown = deployment.operator.get("/v1/nova-hosts?name=c1").json["nova_hosts"]
    assert [one["name"] for one in shown] == ["c1"]


def test_the_name_of_a_host_is_its_service_host_not_its_hypervisors(deploy):
    made = simcloud.Fleet(name="names").add_project("red")
    made.add_host("c1", hypervisor_hostname="hv-7.example.org").add_server("s", "red", "c1")
    deployment = deploy(fleet=made)
    assert set(hosts(deployment)) == {"c1"}
    assert hosts(deployment)["c1"]["hypervisors"][0]["hostname"] == "hv-7.example.org"
    answer = deployment.operator.post(
        "/v1/maintenance-windows", {"scope": {"hosts": ["hv-7.example.org"]}}
    )
    assert answer.json["code"] == "UNKNOWN_NAME"
    assert deployment.operator.set(hosts=["c1"])["servers_count"] == 1


def test_an_empty_cloud_is_a_complete_one(deploy):
    deployment = deploy(fleet=simcloud.Fleet(name="empty"))
    assert hosts(deployment) == {}
    assert deployment.operator.get("/v1/nova-hosts").json["nova_hosts"] == []
    (state,) = deployment.operator.get("/v1/nova-hosts").json["syncs"]
    assert state["complete"]
    assert deployment.operator.set(regions=["RegionOne"])["hosts_count"] == 0


def test_a_cloud_that_became_empty_is_not_believed_at_once(deployment):
    for host in list(deployment.cloud.hosts):
        remove(deployment, host)
    deployment.sync()
    assert len(hosts(deployment)) == 6
    with deployment.service.database.read() as connection:
        assert HostKey(REGION, "host-a1") in {host.key for host in fleet.load(connection)}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda: sa.delete(craton.hosts), "NOT_IN_CRATON"),
        (lambda: sa.update(craton.devices).values(active=False), "INACTIVE_IN_CRATON"),
        (lambda: sa.delete(tables.nova_hosts), "NOT_IN_NOVA"),
    ],
)
def test_differences_between_nova_and_craton_are_listed(deployment, change, code):
    listed = "/v1/nova-hosts?differences=true"
    assert deployment.operator.get(listed).json["nova_hosts"] == []
    deployment._write(change())
    found = deployment.operator.get(listed).json["nova_hosts"]
    assert len(found) == 6
    assert {one["code"] for host in found for one in host["differences"]} == {code}
