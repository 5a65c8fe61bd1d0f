"""Synchronisation of a large cloud: few statements, and none to write when nothing changed."""

import pytest

from craton_maintenance import simcloud
from craton_maintenance.db import migrate, nova
from craton_maintenance.db.database import Database, Transaction
from craton_maintenance.engine.clock import Follower
from craton_maintenance.inventory.sync import Sync
from craton_maintenance.nova.credentials import Region
from craton_maintenance.windows.service import Windows
from tests.support import craton, databases, deployment, history
from tests.support.deployment import REGION
from tests.support.statements import counted

HOSTS = 1000
SERVERS = 3000

#: what a synchronisation may ask, whatever the size: rows come and go in chunks of 2,000
MOST = 20


@pytest.fixture
def database(kind, migrated) -> Database:
    """Nothing in the inventory yet."""
    return databases.wiped(migrated(kind))


@pytest.fixture(scope="module")
def large() -> simcloud.Cloud:
    return _cloud(HOSTS, SERVERS)


def _cloud(hosts: int, servers: int) -> simcloud.Cloud:
    fleet = simcloud.large_fleet(hosts=hosts, servers=servers, projects=20)
    return simcloud.Cloud(fleet, clock=simcloud.VirtualClock())


def _region(cloud: simcloud.Cloud) -> Region:
    return Region(REGION, lambda: simcloud.session(cloud, "maintenance"), REGION, "public")


def test_a_large_cloud_is_few_statements_and_a_repetition_writes_nothing(
    service, large, figures, kind
):
    sync = Sync(service, _region(large), may_create=False)
    with counted(service.database) as first:
        report = sync.run()
    assert (report.hosts_added, report.servers_added) == (HOSTS, SERVERS)
    before = _inventory(service.database)
    with counted(service.database) as again:
        report = sync.run()
    assert not report.changed
    assert [text for text in again.writes if "maintenance_nova" in text] == []
    assert _inventory(service.database) == before
    assert len(first) <= MOST
    assert len(again) <= MOST
    figures.append(
        f"sync of {HOSTS} hosts and {SERVERS} servers on {kind}: {len(first)} statements, "
        f"{len(first.writes)} of them writes; repeated: {len(again)}, {len(again.writes)} writes"
    )


def test_ten_times_the_hosts_are_the_same_number_of_statements(service):
    counts = {}
    for hosts in (30, 300):
        databases.wiped(service.database)
        with counted(service.database) as statements:
            Sync(service, _region(_cloud(hosts, hosts)), may_create=False).run()
        counts[hosts] = len(statements)
    assert counts[30] == counts[300]


def test_cratons_rows_are_made_in_few_statements_and_only_once(service, large):
    sync = Sync(service, _region(large), may_create=True)
    with counted(service.database) as first:
        assert sync.run().created == HOSTS
    assert len(first) <= 2 * MOST
    assert sync.run().created == 0
    # what a window names is found in Craton's rows
    body = {"scope": {"clouds": ["openstack"]}}
    answer = deployment.api(service).call("POST", "/v1/maintenance-windows", body)
    assert answer.json["hosts_count"] == HOSTS
    assert answer.json["servers_count"] == SERVERS
    history.assert_complete(service.database)


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_rows_made_beside_a_craton_leave_its_own_as_they_are(kind, tmp_path):
    """Rows are added, with ids that are theirs; no row and no definition changes."""
    with (
        databases.empty(kind, tmp_path, charset="utf8mb3") as url,
        databases.connected(url) as database,
    ):
        craton.make(database)
        migrate.upgrade(database)
        before = craton.snapshot(database)
        fleet = simcloud.Fleet(name="few").add_hosts(["compute-01", "Compute-02", "compute-03"])
        cloud = simcloud.Cloud(fleet.complete(), clock=simcloud.VirtualClock())
        service = deployment.service(database)
        # Craton's collation takes Compute-02 for compute-02, which it has
        assert Sync(service, _region(cloud), may_create=True).run().created == 1
        after = craton.snapshot(database)
        for table, rows in before["rows"].items():
            assert set(rows) <= set(after["rows"][table]), table
        added = {
            table: len(rows) - len(before["rows"][table])
            for table, rows in after["rows"].items()
            if len(rows) != len(before["rows"][table])
        }
        assert added == {"variable_association": 1, "devices": 1, "hosts": 1}


def test_windows_follow_a_server_that_moved(service):
    fleet = simcloud.Fleet(name="moves").add_project("alpha").add_flavor("tiny")
    fleet.add_hosts(["compute-01", "compute-02"]).add_server("one", "alpha", "compute-01")
    cloud = simcloud.Cloud(fleet.complete(), clock=simcloud.VirtualClock())
    sync = Sync(service, _region(cloud), may_create=False)
    sync.run()
    window = deployment.api(service).set_window(["compute-02"])
    assert window["servers_count"] == 0
    cloud.server_named("one").host = "compute-02"
    assert sync.run().servers_changed == 1
    Follower(service).work()
    path = f"/v1/maintenance-windows/{window['id']}"
    assert deployment.api(service).get(path)["servers_count"] == 1
    with service.database.read() as connection:
        assert nova.unresolved(connection) == {}


def test_a_window_that_can_not_follow_holds_up_no_other(service, monkeypatch):
    fleet = simcloud.Fleet(name="moves").add_project("alpha").add_flavor("tiny")
    fleet.add_hosts(["compute-01", "compute-02"]).add_server("one", "alpha", "compute-01")
    cloud = simcloud.Cloud(fleet.complete(), clock=simcloud.VirtualClock())
    sync, operator = Sync(service, _region(cloud), may_create=False), deployment.api(service)
    sync.run()
    ill, well = (operator.set_window([host])["id"] for host in ("compute-01", "compute-02"))
    cloud.server_named("one").host = "compute-02"
    sync.run()
    refresh = Windows.refresh

    def fails(windows: Windows, transaction: Transaction, window_id: str) -> None:
        if window_id == ill:
            raise KeyError("a fault of ours")
        refresh(windows, transaction, window_id)

    monkeypatch.setattr(Windows, "refresh", fails)
    with pytest.raises(ExceptionGroup) as caught:
        Follower(service).work()
    assert [error.__notes__ for error in caught.value.exceptions] == [[f"window {ill}"]]

    def servers(window: str) -> int:
        return operator.get(f"/v1/maintenance-windows/{window}")["servers_count"]

    assert (servers(ill), servers(well)) == (1, 1)
    # it is not given up
    monkeypatch.undo()
    Follower(service).work()
    assert (servers(ill), servers(well)) == (0, 1)


def _inventory(database: Database) -> tuple[object, object, int]:
    with database.read() as connection:
        return (
            nova.hosts(connection, REGION),
            nova.servers(connection, REGION),
            nova.sync_of(connection, REGION).generation,
        )
