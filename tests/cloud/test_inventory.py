"""What the service learns from Nova."""

import datetime as dt

import pytest

from tests.support.waiting import until

pytestmark = pytest.mark.cloud

FAR = dt.timedelta(days=30)


def test_sync_finds_the_hosts_and_their_servers(
    operator, compute, hosts, fleet, alpha, beta, windows
):
    """All six hosts, and for each project exactly the servers that Nova lists."""

    def listed() -> bool:
        found = operator.api.get("/nova-hosts")["nova_hosts"]
        return sorted(host["name"] for host in found) == sorted(hosts)

    until(listed, "the six hosts in /nova-hosts")
    start = dt.datetime.now(dt.UTC) + FAR
    window = operator.api.announce(
        {"availability_zones": ["az-a", "az-b"]},
        start=start.isoformat(),
        end=(start + dt.timedelta(hours=1)).isoformat(),
    )
    windows.append(window["id"])
    found = operator.api.get(f"/maintenance-windows/{window['id']}?details=true")
    assert sorted(host["name"] for host in found["hosts"]) == sorted(hosts)
    parts = {part["project_id"]: set(part["servers"]) for part in found["projects"]}
    for party in (alpha, beta):
        assert parts[party.project_id] == {server.id for server in fleet[party.name]}
    truth: dict[str, set[str]] = {}
    for server in compute.servers():
        truth.setdefault(server.project_id, set()).add(server.id)
    assert parts == truth


def test_nova_and_craton_agree(operator, hosts, fleet, windows):
    """Nothing differs between Nova's hosts and the embedded inventory made from them."""

    def agreed() -> bool:
        return operator.api.get("/nova-hosts?differences=true")["nova_hosts"] == []

    until(agreed, "no differences")
