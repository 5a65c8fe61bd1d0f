"""What breaks on a real cloud: the broker away, the engine killed."""

import datetime as dt
import time

import pytest

from tests.support.waiting import until

from .conftest import CREATED
from .test_times import OPENED

pytestmark = pytest.mark.cloud


def test_nothing_is_lost_while_the_broker_is_away(
    operator, alpha, beta, hosts, fleet, installation, wire, tap, windows, figures
):
    """Windows set meanwhile are announced when it is back, in their order."""
    assert installation.readiness()["ready"]
    wire.cut()
    try:
        made = [operator.api.announce({"hosts": [hosts[place]]})["id"] for place in (0, 3)]
        windows += made
        for party, window_id in ((alpha, made[0]), (beta, made[1])):
            party.api.event(window_id, OPENED)

        def told() -> bool:
            checks = installation.readiness()["checks"]
            return any(not check["ok"] for check in checks.values())

        until(told, "readiness says that events do not get through")
        for party, window_id in ((alpha, made[0]), (beta, made[1])):
            assert window_id not in [entry for entry, _ in party.alarms()]
    finally:
        mended = time.time()
        wire.mend()
    for party, window_id in ((alpha, made[0]), (beta, made[1])):
        post = party.wait_alarm(window_id, OPENED, 60.0)
        party.wait_workflow(window_id)
        figures.append(f"broker back {party.name}: told after {post.arrived - mended:.3f} s")
        party.wait_alarm(window_id, CREATED)
        # Aodh's notifier has several threads: the order is that of the bus
        heard = [one.message["event_type"] for one in tap.of(window_id, party.project_id)]
        assert list(dict.fromkeys(heard)) == [CREATED, OPENED]
    installation.wait_ready()


def test_a_killed_engine_opens_the_window_when_it_is_back(
    operator, alpha, hosts, fleet, installation, windows, figures
):
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    start = now + dt.timedelta(seconds=4)
    window = operator.api.announce({"hosts": [hosts[0]]}, start=start.isoformat())
    windows.append(window["id"])
    alpha.wait_alarm(window["id"], CREATED)
    with installation.away("engine"):
        # the state follows from the clock, engine or not
        path = f"/maintenance-windows/{window['id']}"
        until(lambda: alpha.api.get(path)["state"] == "open", "open by the clock", 10.0)
        assert [event["event_type"] for event in alpha.api.events(window["id"])] == [CREATED]
        back = time.time()
    post = alpha.wait_alarm(window["id"], OPENED, 60.0)
    figures.append(f"engine back: opened told {post.arrived - back:.3f} s after its start")
    assert [event["event_type"] for event in alpha.api.events(window["id"])] == [CREATED, OPENED]
