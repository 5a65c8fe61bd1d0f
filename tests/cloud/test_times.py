"""Opening and closing happen at their times."""

import datetime as dt
import time

import pytest

pytestmark = pytest.mark.cloud

#: seconds; the promise is one
TOLERANCE = 2.0
OPENED = "maintenance.window.opened"
CLOSED = "maintenance.window.closed"


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def _on_time(what: str, due: float, party, window_id: str, event_type: str, figures) -> None:
    """The event's own time, and its arrival at the listener, are within the tolerance."""
    alarm = party.wait_alarm(window_id, event_type, max(0.0, due - time.time()) + 20.0)
    event = party.api.event(window_id, event_type)
    late = _seconds(event["time"]) - due
    arrived = alarm.arrived - due
    figures.append(f"{what} {party.name}: event {late:+.3f} s, at the listener {arrived:+.3f} s")
    assert 0 <= late <= TOLERANCE
    assert 0 <= arrived <= TOLERANCE


def test_a_window_opens_and_closes(operator, alpha, beta, hosts, fleet, windows, figures):
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    start, end = now + dt.timedelta(seconds=5), now + dt.timedelta(seconds=9)
    window = operator.api.announce(
        {"hosts": [hosts[1]]}, start=start.isoformat(), end=end.isoformat()
    )
    windows.append(window["id"])
    path = f"/maintenance-windows/{window['id']}"
    assert window["state"] == "scheduled"
    for party in (operator, alpha, beta):
        _on_time("opened", start.timestamp(), party, window["id"], OPENED, figures)
        assert party.api.get(path)["state"] == "open"
    assert operator.api.get(f"/hosts/{hosts[1]}/maintenance")["state"] == "open"
    for party in (operator, alpha, beta):
        _on_time("closed", end.timestamp(), party, window["id"], CLOSED, figures)
        assert party.api.get(path)["state"] == "closed"
    assert operator.api.get(f"/hosts/{hosts[1]}/maintenance")["state"] == "none"
    for party in (alpha, beta):
        told = [event["event_type"] for event in party.api.events(window["id"])]
        assert told == ["maintenance.window.created", OPENED, CLOSED]


def test_an_open_ended_window_closes_when_the_operator_says_so(
    operator, alpha, hosts, fleet, windows, figures
):
    window = operator.api.announce({"hosts": [hosts[0]]})
    windows.append(window["id"])
    path = f"/maintenance-windows/{window['id']}"
    assert operator.api.get(path)["end"] is None
    _on_time("opened", _seconds(window["start"]), alpha, window["id"], OPENED, figures)
    operator.api.request("DELETE", path, 409)
    before = time.time()
    operator.api.request("POST", f"{path}/finish", 200)
    _on_time("finished", before, alpha, window["id"], CLOSED, figures)


def test_a_window_is_moved(operator, alpha, hosts, fleet, windows, figures):
    """Sooner than it was announced: the clock goes by the newest times."""
    start = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    window = operator.api.announce(
        {"hosts": [hosts[0]]},
        start=start.isoformat(),
        end=(start + dt.timedelta(hours=1)).isoformat(),
    )
    windows.append(window["id"])
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    start, end = now + dt.timedelta(seconds=4), now + dt.timedelta(seconds=6)
    path = f"/maintenance-windows/{window['id']}"
    change = {"start": start.isoformat(), "end": end.isoformat()}
    stale = '"41"'
    operator.api.request("PATCH", path, 412, change, If_Match=stale)
    operator.api.request("PATCH", path, 200, change, If_Match=f'"{window["revision"]}"')
    alpha.wait_alarm(window["id"], "maintenance.window.updated")
    _on_time("opened (moved)", start.timestamp(), alpha, window["id"], OPENED, figures)
    _on_time("closed (moved)", end.timestamp(), alpha, window["id"], CLOSED, figures)
