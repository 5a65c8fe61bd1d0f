"""Who may see what: by Keystone tokens, byte by byte."""

import datetime as dt
import uuid

import pytest
from keystoneauth1.session import Session

from . import stack
from .conftest import REASON
from .parties import Api

pytestmark = pytest.mark.cloud


@pytest.fixture
def window(operator, hosts, fleet, windows) -> dict:
    """On the aggregate where both projects have servers."""
    start = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    made = operator.api.announce(
        {"aggregates": ["agg-a"]},
        start=start.isoformat(),
        end=(start + dt.timedelta(hours=1)).isoformat(),
        reason=REASON,
        announcement="new firmware",
    )
    windows.append(made["id"])
    return made


def test_a_project_sees_its_part(window, alpha, beta, operator, hosts, fleet):
    """Windows, history and what is pending: its servers, no hosts, no reason."""
    for party in (alpha, beta):
        mine = {server.id for server in fleet[party.name] if server.host in hosts[:3]}
        one = party.api.get(f"/maintenance-windows/{window['id']}")
        assert set(one["servers"]) == mine
        assert one["announcement"] == "new firmware"
        assert not {"scope", "reason", "hosts", "projects", "created_by"} & one.keys()
        listed = party.api.get("/maintenance-windows")["maintenance_windows"]
        assert window["id"] in [entry["id"] for entry in listed]
        pending = party.api.get("/events/pending")["maintenance_windows"]
        assert [set(entry["servers"]) for entry in pending if entry["id"] == window["id"]] == [
            mine
        ]
        events = party.api.events()
        assert {event["project_id"] for event in events} == {party.project_id}
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert operator.api.get(f"/maintenance-windows/{window['id']}")["reason"] == REASON


def test_an_unknown_window_and_another_projects_look_the_same(
    operator, alpha, beta, hosts, fleet, windows
):
    start = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    foreign = operator.api.announce({"hosts": [hosts[3]]}, start=start.isoformat())
    windows.append(foreign["id"])
    assert beta.api.get(f"/maintenance-windows/{foreign['id']}")["servers_count"] == 1
    bodies = []
    for window_id in (foreign["id"], str(uuid.uuid4())):
        body = alpha.api.get(f"/maintenance-windows/{window_id}", 404)
        body.pop("request_id")
        bodies.append(str(body).replace(window_id, "ID"))
    assert bodies[0] == bodies[1]


def test_what_a_role_lacks_is_refused_before_anything_is_looked_up(alpha, beta, hosts, window):
    scope = {"scope": {"hosts": [hosts[0]]}}
    unknown = str(uuid.uuid4())
    for party in (alpha, beta):
        api = party.api
        api.request("POST", "/maintenance-windows", 403, scope)
        for window_id in (window["id"], unknown):
            path = f"/maintenance-windows/{window_id}"
            api.request("PATCH", path, 403, {"announcement": "mine"})
            api.request("DELETE", path, 403)
            api.request("POST", f"{path}/start", 403)
            api.request("POST", f"{path}/finish", 403)
        api.request("GET", "/nova-hosts", 403)
        api.request("GET", f"/events?project_id={unknown}", 403)
        api.request("GET", "/events?all_projects=true", 403)
        for name in ("no-such-host", "another"):
            api.request("GET", f"/links/{name}", 403)
            api.request("GET", f"/hosts/{name}/maintenance", 403)
            api.request("PUT", f"/hosts/{name}/maintenance", 403, {})
        api.request("PUT", "/links", 403, {"base_url": "http://example.org/links"})


def test_without_a_token_nothing(installation):
    for path in ("/maintenance-windows", "/events", "/nova-hosts", f"/links/project/{'0' * 56}"):
        answer = Session().get(installation.url + path, raise_exc=False, authenticated=False)
        assert answer.status_code == 401, path
    forged = Session().get(
        installation.url + "/maintenance-windows",
        headers={"X-Auth-Token": "gAAAA", "X-Roles": "admin", "X-Identity-Status": "Confirmed"},
        raise_exc=False,
        authenticated=False,
    )
    assert forged.status_code == 401


def test_links_resolve_for_every_server(window, operator, alpha, beta, hosts, fleet):
    """By the hostId that Nova gives each server's owner; a stranger's is a 404."""
    for party, stranger in ((alpha, beta), (beta, alpha)):
        nova = stack.Service(party.session, "compute", stack.NOVA_VERSION)
        shown = {
            server["id"]: server["hostId"] for server in nova.get("/servers/detail")["servers"]
        }
        assert shown.keys() == {server.id for server in fleet[party.name]}
        for server in fleet[party.name]:
            host_id = stack.host_id(party.project_id, server.host)
            assert shown[server.id] == host_id
            state = party.api.get(f"/links/project/{host_id}")
            touched = server.host in hosts[:3]
            assert state["state"] == ("scheduled" if touched else "none")
            assert [entry["id"] for entry in state["next"]] == [window["id"]] * touched
            stranger.api.get(f"/links/project/{host_id}", 404)
    for host in hosts:
        state = operator.api.get(f"/links/{host}")
        assert [entry["id"] for entry in state["next"]] == [window["id"]] * (host in hosts[:3])
    # a host where it has no server: the same 404 as for none at all
    for host_id in (stack.host_id(alpha.project_id, hosts[5]), "0" * 56):
        alpha.api.get(f"/links/project/{host_id}", 404)


def test_a_project_of_nobody_sees_nothing(window, identity, fleet):
    """alice in the project alpha of the test cloud, where she has no servers."""
    other = Api(stack.session("alice", project="alpha"))
    assert other.get("/events")["events"] == []
    assert other.get("/maintenance-windows")["maintenance_windows"] == []
    other.get(f"/maintenance-windows/{window['id']}", 404)
