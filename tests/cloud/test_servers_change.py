"""Servers that come to, or leave, a window's hosts while it is announced."""

import datetime as dt

import pytest

from .conftest import CREATED

pytestmark = pytest.mark.cloud

UPDATED = "maintenance.window.updated"
CANCELLED = "maintenance.window.cancelled"


def _announce(operator, host, windows) -> str:
    start = dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)
    window = operator.api.announce({"hosts": [host]}, start=start.isoformat())
    windows.append(window["id"])
    return window["id"]


def test_a_server_booted_on_the_host_tells_its_project(
    operator, alpha, beta, hosts, fleet, compute, windows
):
    """alpha's host becomes beta's as well: beta is told of its own server alone."""
    window_id = _announce(operator, hosts[0], windows)
    alpha.wait_alarm(window_id, CREATED)
    new = compute.boot(beta.booter, "maintenance-test-late", hosts[0])
    alpha.ledger.forbid(new, "another project's server")
    try:
        compute.active(new)
        alarm = beta.wait_alarm(window_id, CREATED)
        assert alarm.traits["cause"] == "SERVERS_CHANGED"
        assert beta.wait_workflow(window_id).body["payload"]["servers"] == [new]
        assert beta.api.get(f"/maintenance-windows/{window_id}")["servers"] == [new]
        # nothing of it to alpha: the window did not change for alpha
        assert [event["event_type"] for event in alpha.api.events(window_id)] == [CREATED]
    finally:
        compute.delete([new])
    gone = beta.wait_alarm(window_id, CANCELLED)
    assert gone.traits["cause"] == "NOT_CONCERNED"
    beta.api.get("/events/pending")
    assert [event["event_type"] for event in alpha.api.events(window_id)] == [CREATED]


def test_a_server_moved_away_is_told(operator, alpha, beta, hosts, fleet, compute, windows):
    """One of alpha's two servers, then the other, live-migrates from the window's host."""
    window_id = _announce(operator, hosts[0], windows)
    mine = [server.id for server in fleet["alpha"] if server.host == hosts[0]]
    alpha.wait_alarm(window_id, CREATED)
    moved = []
    try:
        compute.live_migrate(mine[0], hosts[2])
        moved.append(mine[0])
        alarm = alpha.wait_alarm(window_id, UPDATED)
        assert (alarm.traits["cause"], alarm.traits["servers_count"]) == ("SERVERS_CHANGED", "1")
        assert alpha.api.event(window_id, UPDATED)["servers"] == [mine[1]]
        compute.live_migrate(mine[1], hosts[2])
        moved.append(mine[1])
        assert alpha.wait_alarm(window_id, CANCELLED).traits["cause"] == "NOT_CONCERNED"
        assert beta.api.events(window_id) == []
    finally:
        for server_id in moved:
            compute.live_migrate(server_id, hosts[0])
    # and back again: concerned again
    events = alpha.api.events(window_id)
    assert [event["event_type"] for event in events[:3]] == [CREATED, UPDATED, CANCELLED]
