"""Windows on hosts and aggregates: who is told, by alarm, by workflow and in the history."""

import datetime as dt

import pytest

from .conftest import CREATED, REASON
from .parties import Party

pytestmark = [pytest.mark.cloud, pytest.mark.journey]

CANCELLED = "maintenance.window.cancelled"


def _later() -> dict[str, str]:
    start = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    return {
        "start": start.isoformat(),
        "end": (start + dt.timedelta(hours=1)).isoformat(),
        "reason": REASON,
        "announcement": "power supplies are exchanged",
        "impact": "OUTAGE",
    }


def _created(party: Party, window_id: str, servers: set[str], figures: list[str]) -> None:
    """The party's alarm and workflow got the window, with its servers only."""
    alarm = party.wait_alarm(window_id, CREATED)
    workflow = party.wait_workflow(window_id)
    payload = workflow.body["payload"]
    assert workflow.body["project_id"] == payload["project_id"] == party.project_id
    assert alarm.traits["project_id"] == party.project_id
    event = party.api.event(window_id, CREATED)
    assert alarm.event["message_id"] == event["id"]
    assert event["payload"].items() <= payload.items()
    if party.name != "operator":
        assert set(event["servers"]) == servers
        assert payload["servers_count"] == len(servers)
        assert set(payload["servers"]) == servers
        assert set(party.api.get(payload["window_url"])["servers"]) == servers
    stored = dt.datetime.fromisoformat(event["time"]).timestamp()
    figures.append(
        f"created {window_id[:8]} {party.name}: alarm {alarm.arrived - stored:.3f} s, "
        f"workflow {workflow.arrived - stored:.3f} s after the event's time"
    )


@pytest.mark.parametrize(
    ("scope", "concerned", "others"),
    [
        pytest.param({"hosts": 0}, ["alpha"], ["beta"], id="host-of-alpha"),
        pytest.param({"hosts": 3}, ["beta"], ["alpha"], id="host-of-beta"),
        pytest.param({"hosts": 1}, ["alpha", "beta"], [], id="host-of-both"),
        pytest.param({"hosts": 2}, [], ["alpha", "beta"], id="host-of-none"),
        pytest.param({"aggregates": "agg-a"}, ["alpha", "beta"], [], id="aggregate-of-both"),
        pytest.param({"aggregates": "agg-b"}, ["beta"], ["alpha"], id="aggregate-of-beta"),
        pytest.param({"availability_zones": "az-b"}, ["beta"], ["alpha"], id="zone-of-beta"),
    ],
)
def test_exactly_the_projects_concerned_are_told(
    scope, concerned, others, operator, alpha, beta, fleet, hosts, windows, figures
):
    """The others' identical alarms and triggers stay silent.

    Silence is shown by what comes later on the same way: a second window, on a host
    of both, must be the next thing that the others hear of.
    """
    parties = {"alpha": alpha, "beta": beta}
    ((kind, which),) = scope.items()
    covered = {
        "hosts": lambda: {hosts[which]},
        "aggregates": lambda: set(hosts[:3] if which == "agg-a" else hosts[3:]),
        "availability_zones": lambda: set(hosts[3:]),
    }[kind]()
    window = operator.api.announce(
        {kind: [hosts[which] if kind == "hosts" else which]}, **_later()
    )
    windows.append(window["id"])
    _created(operator, window["id"], set(), figures)
    for name in concerned:
        servers = {server.id for server in fleet[name] if server.host in covered}
        _created(parties[name], window["id"], servers, figures)
    operator.api.cancel(window["id"])
    for name in (*concerned, "operator"):
        (parties | {"operator": operator})[name].wait_alarm(window["id"], CANCELLED)

    marker = operator.api.announce({"hosts": [hosts[1]]}, **_later())
    windows.append(marker["id"])
    for party in parties.values():
        party.wait_alarm(marker["id"], CREATED)
        party.wait_workflow(marker["id"])
    both = (window["id"], marker["id"])
    for name, party in parties.items():
        mine = [(window["id"], CREATED), (window["id"], CANCELLED)] if name in concerned else []
        alarms = [fired for fired in party.alarms() if fired[0] in both]
        assert _distinct(alarms) == [*mine, (marker["id"], CREATED)]
        started = [window_id for window_id in party.workflows() if window_id in both]
        assert _distinct(started) == [*[window["id"]] * bool(mine), marker["id"]]
    for name in others:
        path = f"/maintenance-windows/{window['id']}"
        assert parties[name].api.get(path, 404)["code"]
        assert window["id"] not in str(parties[name].api.events())


def test_what_is_on_the_bus(operator, alpha, beta, fleet, hosts, windows, tap, service_user):
    """The form that Ceilometer and Mistral need; ids and numbers of the history."""
    window = operator.api.announce({"hosts": [hosts[1]]}, **_later())
    windows.append(window["id"])
    operator.api.cancel(window["id"])
    for party in (alpha, beta, operator):
        party.wait_alarm(window["id"], CREATED)
        party.wait_alarm(window["id"], CANCELLED)
        history = party.api.events(window["id"])
        heard = tap.of(window["id"], party.project_id)
        assert [one.message["message_id"] for one in heard] == [event["id"] for event in history]
        assert [one.message["event_type"] for one in heard] == [CREATED, CANCELLED]
        for one, event in zip(heard, history, strict=True):
            assert event["payload"].items() <= one.payload.items()
            assert one.message["publisher_id"] == "craton-maintenance"
            assert one.message["priority"] == "INFO"
            assert one.context["project_id"] == one.context["tenant_id"] == party.project_id
            assert one.context["user_id"] == service_user
            assert one.context["request_id"]
            assert all(len(str(value)) <= 255 for value in one.payload.values())
            assert None not in one.payload.values()


def _distinct(items: list) -> list:
    """Without repetitions: delivery is at least once."""
    return list(dict.fromkeys(items))
