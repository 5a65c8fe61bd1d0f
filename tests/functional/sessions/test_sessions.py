"""Sessions over REST: made, listed, shown in the parts that each may see, ordered about."""

import pytest

from craton_maintenance.domain.session.records import Problem
from craton_maintenance.domain.session.states import Blocker, HostState, ServerState, State
from craton_maintenance.errors import Code
from craton_maintenance.simcloud.faults import Fault
from tests.functional.deployment import BEGIN, REGION
from tests.functional.sessions.conftest import A1, A2
from tests.support.sessions import Made

LIST = "/v1/maintenance"

#: What Fenix's clients send.
FENIX = {
    "state": "MAINTENANCE",
    "maintenance_at": "2030-01-01 01:00:00",
    "metadata": {"openstack_version": "Train"},
    "workflow": "default",
    "hosts": [],
}


def fields(answer):
    assert answer.status_code == 400, answer.text
    return [one["field"] for one in answer.json["errors"]]


# -- made --------------------------------------------------------------------------


@pytest.mark.parametrize("workflow", ["default", "vnf"])
def test_a_session_as_fenix_has_it(deployment, operator, workflow):
    answer = operator.post(LIST, FENIX | {"workflow": workflow})
    assert answer.status_code == 200
    made = answer.json
    assert made["state"] == "MAINTENANCE"
    assert made["maintenance_at"] == "2030-01-01T01:00:00Z"
    assert (made["hosts_count"], made["projects_count"]) == (6, 2)
    window = operator.get(f"/v1/maintenance-windows/{made['window_id']}").json
    assert window["scope"] == {"regions": [{"name": REGION}]}
    assert window["workflow"] == workflow
    assert window["session"] == {"id": made["session_id"], "state": "MAINTENANCE"}
    assert operator.get(LIST).json["sessions"] == [made["session_id"]]
    shown = operator.get(f"{LIST}/{made['session_id']}").json
    assert (shown["state"], shown["percent_done"]) == ("MAINTENANCE", 0)
    assert shown["metadata"] == {"openstack_version": "Train"}
    assert shown["hosts"] == {"planned": 6}


def test_a_session_on_named_hosts_with_all_that_is_ours(operator):
    body = {
        "hosts": ["host-a1"],
        "region": REGION,
        "maintenance_at": "2030-01-01T01:00:00Z",
        "maintenance_end": "2030-01-01T03:00:00Z",
        "reason": "fans",
        "announcement": "New fans",
        "impact": "DEGRADED",
        "retire": True,
        "target_host": "host-a2",
        "download": [],
    }
    made = operator.post(LIST, body).json
    window = operator.get(f"/v1/maintenance-windows/{made['window_id']}").json
    assert window["scope"] == {"hosts": [{"name": "host-a1", "region": REGION}]}
    assert (window["reason"], window["announcement"]) == ("fans", "New fans")
    assert window["retire"]
    assert window["target_host"] == {"name": "host-a2", "region": REGION}
    assert made["maintenance_end"] == window["end"] == "2030-01-01T03:00:00Z"


def test_a_session_on_a_scope_for_now(operator):
    made = operator.post(LIST, {"scope": {"aggregates": ["racks-a"]}}).json
    assert (made["hosts_count"], made["workflow"]) == (3, "default")
    assert made["maintenance_at"] == "2030-01-01T00:00:00Z"


def test_a_window_that_names_a_workflow_has_its_session(operator):
    window = operator.set(hosts=["host-a1"], workflow="vnf", metadata={"release": "9"})
    shown = operator.get(f"{LIST}/{window['session']['id']}").json
    assert shown["window_id"] == window["id"]
    assert (shown["workflow"], shown["metadata"]) == ("vnf", {"release": "9"})


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "hosts"),
        ({"hosts": ["nobody"]}, "hosts/0"),
        ({"hosts": ["host-a1"], "scope": {"cells": ["c"]}}, "hosts"),
        ({"hosts": [], "region": "Nowhere"}, "region"),
        ({"scope": {"hosts": ["host-a1"]}, "region": REGION}, "region"),
        (FENIX | {"download": ["http://example.org/plugins.tar"]}, "download"),
        (FENIX | {"workflow": "k8s"}, "workflow"),
        (FENIX | {"maintenance_at": "soon"}, "maintenance_at"),
        (FENIX | {"maintenance_end": "2029-01-01 00:00:00"}, "maintenance_end"),
        (FENIX | {"retire": True}, "retire"),
        (FENIX | {"metadata": {"a": {"b": 1}}}, "metadata/a"),
        (FENIX | {"metadata": {"a": "x" * 250}}, "metadata"),
        (FENIX | {"actions": [{"plugin": "dummy", "type": "host"}]}, "actions/0/plugin"),
        (FENIX | {"actions": [{"plugin": "x", "type": "controller"}]}, "actions/0/type"),
        (FENIX | {"actions": [{"flow": "nobodys"}]}, "actions/0/flow"),
        (FENIX | {"actions": [{"type": "host"}]}, "actions/0/plugin"),
        (FENIX | {"note": "x"}, "note"),
    ],
)
def test_what_is_wrong_is_named(operator, body, wrong):
    assert fields(operator.post(LIST, body)) == [wrong]
    assert operator.get(LIST).json["sessions"] == []
    assert operator.get("/v1/maintenance-windows").json["maintenance_windows"] == []


@pytest.mark.parametrize("more", [{"metadata": {"a": "b"}}, {"actions": [{"plugin": "x"}]}])
def test_what_is_for_a_session_needs_a_workflow(operator, more):
    body = {"scope": {"hosts": ["host-a1"]}} | more
    assert fields(operator.post("/v1/maintenance-windows", body)) == list(more)


def test_the_same_key_makes_one_session(operator):
    key = {"Idempotency-Key": "k"}
    first, second = (operator.post(LIST, FENIX, headers=key) for _ in range(2))
    assert first.json == second.json
    assert len(operator.get(LIST).json["sessions"]) == 1


def test_a_body_on_get_is_ignored(deployment, operator, session, web, servers):
    session.tell(web, servers)
    for path in (LIST, session.path, f"{session.path}/{web}"):
        assert operator.get(path, data=b"{", content_type="application/json").status_code == 200


# -- looked at ---------------------------------------------------------------------


def test_the_list_has_the_newest_first_page_by_page(deployment, operator):
    made = []
    for host in ("host-a1", "host-a2", "host-b1"):
        made.insert(0, operator.post(LIST, {"hosts": [host]}).json["session_id"])
        deployment.pass_time(1)
    assert operator.get(LIST).json["sessions"] == made
    first = operator.get(f"{LIST}?limit=2").json
    assert first["sessions"] == made[:2]
    (following,) = [one["href"] for one in first["links"] if one["rel"] == "next"]
    assert operator.get(following[following.index("/v1") :]).json["sessions"] == made[2:]
    assert operator.get(f"{LIST}?state=PAUSED").json["sessions"] == []
    details = operator.get(f"{LIST}?details=true&limit=1").json["details"]
    assert [one["session_id"] for one in details] == made[:1]


def test_a_project_sees_the_sessions_that_it_was_told_of(
    deployment, operator, session, vnf, web, servers, member
):
    assert member.get(LIST).json["sessions"] == []
    assert member.get(session.path).status_code == 404
    session.tell(web, servers)
    listed = member.get(f"{LIST}?details=true").json
    assert listed["sessions"] == [session.id]
    assert listed["details"] == [member.get(session.path).json]
    part = listed["details"][0]
    assert part["instance_ids"] == servers
    assert "hosts" not in part
    assert member.get(vnf.path).json["code"] == "NOT_FOUND"
    window = member.get(f"/v1/maintenance-windows/{part['window_id']}").json
    assert window["session"]["id"] == session.id
    telco = deployment.member("telco").get(f"/v1/maintenance-windows/{part['window_id']}").json
    assert "session" not in telco


def test_everything_of_a_session(operator, session, web, servers):
    session.ask(web, State.PLANNED_MAINTENANCE, servers[:2])
    undelivered = session.ask(web, State.MAINTENANCE, servers, delivered=False)
    problem = Problem(Blocker.SERVER_STATE, "it is rescued", BEGIN)
    session.server(servers[0], web, A1, problem=problem, name="web-1")
    session.host(A1, state=HostState.DRAINING, wave=1)
    session.host(A2, problem=Problem(Blocker.HOST_HELD, "by another", BEGIN))
    operator.put(session.path, {"action": "pause", "reason": "lunch"})
    detail = operator.get(f"{session.path}/detail").json
    assert [host["state"] for host in detail["hosts"]] == ["draining", "planned"]
    assert detail["servers"][0]["problem"]["words"] == "it is rescued"
    assert len(detail["notices"]) == 2
    assert detail["window"]["session"]["id"] == session.id
    assert [one["command"] for one in detail["orders"]] == ["pause"]
    found = {one["code"]: one for one in detail["blockers"]}
    assert set(found) == {"SERVER_STATE", "HOST_HELD", "NOTICE_UNDELIVERED", "AWAITING_REPLY"}
    assert found["NOTICE_UNDELIVERED"]["notice_id"] == undelivered
    assert found["SERVER_STATE"]["server_id"] == servers[0]


def test_a_nova_that_can_not_be_read_while_it_acts_is_named(
    deployment, operator, session, web, servers
):
    """A move may end, and nobody would see it: that is why the session does not get on."""
    path = f"{session.path}/detail"
    session.server(servers[0], web, A1, state=ServerState.ACTING)
    assert operator.get(path).json["blockers"] == []
    deployment.cloud.faults.append(Fault(path="^/os-", status=500, times=-1))
    with pytest.raises(Exception, match="500"):
        deployment.sync()
    (found,) = operator.get(path).json["blockers"]
    assert found["code"] == "SERVICE_UNAVAILABLE"
    assert REGION in found["words"]
    assert found["since"] == "2030-01-01T00:00:00Z"
    # nothing is under way: it does not wait for Nova
    session.server(servers[0], web, A1, state=ServerState.READY)
    assert operator.get(path).json["blockers"] == []
    session.server(servers[0], web, A1, state=ServerState.ACTING)
    deployment.cloud.faults.clear()
    deployment.sync()
    assert operator.get(path).json["blockers"] == []


def test_options_of_host_actions_are_shown_to_nobody(deployment, operator):
    """Those of the catalogue may hold credentials."""
    work = [{"plugin": "http", "options": {"headers": {"x": "SECRET"}}, "stage": "pre"}]
    window = operator.set(hosts=["host-a1"])
    session = Made(deployment.service, window["id"], work=work)
    shown = operator.get(session.path)
    assert shown.json["actions"] == [{"plugin": "http", "stage": "pre"}]
    assert "SECRET" not in operator.get(f"{session.path}/detail").text + shown.text


# -- what a project is asked -------------------------------------------------------


def test_what_a_project_is_asked(session, web, servers, member):
    path = f"{session.path}/{web}"
    session.tell(web, servers)
    shown = member.get(path).json
    assert (shown["state"], shown["instance_ids"]) == ("MAINTENANCE", servers)
    assert (shown["awaits_reply"], shown["reply_at"]) == (False, None)
    session.ask(web, State.PLANNED_MAINTENANCE, servers[:2], seconds=60)
    session.server(servers[0], web, A1, problem=Problem(Blocker.MOVE_FAILED, "host-a1", BEGIN))
    shown = member.get(path).json
    assert shown["state"] == "PLANNED_MAINTENANCE"
    assert shown["instance_ids"] == servers[:2]
    assert "MIGRATE" in shown["allowed_actions"]
    assert shown["reply_at"] == shown["actions_at"] == "2030-01-01T00:01:00Z"
    one, two = shown["instances"]
    assert (one["problem"], one["state"], one["answered"]) == ("MOVE_FAILED", "asked", False)
    assert two == {"id": servers[1], "answered": False}
    member.put(f"{path}/{servers[1]}", {"state": "ACK_PLANNED_MAINTENANCE"})
    assert [one["answered"] for one in member.get(path).json["instances"]] == [False, True]


def test_what_is_asked_about_a_server(vnf, deployment, web, member):
    one, two = deployment.server("web-3"), deployment.server("web-batch")
    vnf.ask(web, State.PLANNED_MAINTENANCE, [one], server_id=one)
    vnf.tell(web, [one, two])
    shown = member.get(f"{vnf.path}/{web}/{one}").json
    assert (shown["instance_ids"], shown["awaits_reply"]) == ([one], True)
    shown = member.get(f"{vnf.path}/{web}/{two}").json
    assert (shown["instance_ids"], shown["awaits_reply"]) == ([two], False)
    assert member.get(f"{vnf.path}/{web}/{deployment.server('web-1')}").status_code == 404


# -- the time to answer begins -----------------------------------------------------


@pytest.mark.parametrize(("handover", "begins"), [("any", True), ("read", True), ("bus", False)])
def test_a_read_of_what_is_asked_begins_the_time_to_answer(deploy, handover, begins):
    d = deploy(sessions_handover=handover)
    session = Made(d.service, d.operator.set(hosts=["host-a1"])["id"])
    web, server = d.project("web"), d.server("web-1")
    notice = session.ask(web, State.MAINTENANCE, [server], delivered=False)
    d.operator.get(f"{session.path}/{web}")
    assert session.notice(notice).delivered_at is None
    d.pass_time(5)
    d.service.session_news.clear()
    d.member("web").get(f"{session.path}/{web}")
    assert (session.notice(notice).delivered_at == d.now) is begins
    assert d.service.session_news.is_set() is begins
    d.pass_time(5)
    d.member("web").get(f"{session.path}/{web}")
    assert session.notice(notice).delivered_at != d.now


def test_a_read_of_the_history_begins_the_time_to_answer(deployment, operator, web):
    session_id = operator.post(LIST, {"hosts": ["host-a1"]}).json["session_id"]
    deployment.decide()

    def delivered():
        detail = operator.get(f"{LIST}/{session_id}/detail").json
        return {one["project_id"]: one["delivered_at"] for one in detail["notices"]}

    operator.events(project_id=web)
    operator.events(all_projects="true")
    assert set(delivered().values()) == {None}
    deployment.pass_time(7)
    told = deployment.member("web").events()
    assert "maintenance.scheduled" in {one["event_type"] for one in told}
    telco = deployment.project("telco")
    assert delivered() == {web: "2030-01-01T00:00:07Z", telco: None}
    deployment.pass_time(7)
    deployment.member("web").events()
    assert delivered()[web] == "2030-01-01T00:00:07Z"


def test_a_stream_of_the_history_begins_the_time_to_answer(deployment, operator, web):
    session_id = operator.post(LIST, {"hosts": ["host-a1"]}).json["session_id"]
    deployment.decide()
    stream = deployment.member("web").get(
        "/v1/events", headers={"Accept": "text/event-stream"}, buffered=False
    )
    for chunk in stream.response:
        detail = operator.get(f"{LIST}/{session_id}/detail").json
        mine = [one for one in detail["notices"] if one["project_id"] == web]
        if mine[0]["delivered_at"] is not None:
            break
        # asked for once more, so the server has sent the one before
        deployment.app.extensions["maintenance-waiting"].closed = b"scheduled" in chunk
    stream.close()
    assert mine[0]["delivered_at"] or b"scheduled" in chunk


# -- ordered about -----------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"action": "pause", "reason": "lunch"},
        {"action": "resume"},
        {"action": "abort"},
        {"action": "retry"},
        {"action": "retry", "host": "host-a1"},
        {"action": "override", "reason": "they are on holiday"},
        {"action": "override", "host": "host-a1", "reason": "they are on holiday"},
        {"action": "confirm", "host": "host-a1", "region": REGION, "reason": "I saw it"},
        {"action": "skip", "host": "host-a1"},
    ],
)
def test_an_order_is_stored_for_the_engine(deployment, session, body):
    chief = deployment.client(X_Project_Id="ops", X_Roles="admin", X_User_Id="chief")
    deployment.service.session_news.clear()
    answer = chief.put(session.path, body)
    assert answer.status_code == 200
    assert answer.json["session_id"] == session.id
    assert session.inputs() == [
        {
            "kind": "order",
            "command": body["action"],
            "actor": "chief",
            "host": [REGION, "host-a1"] if "host" in body else None,
            "server_id": None,
            "action": None,
            "reason": body.get("reason", ""),
        }
    ]
    assert deployment.service.session_news.is_set()


@pytest.mark.parametrize("body", [{}, {"state": "PLANNED_MAINTENANCE"}])
def test_going_on_as_fenix_has_it(operator, session, body):
    assert operator.put(session.path, body).status_code == 200
    assert [came["command"] for came in session.inputs()] == ["retry"]


def test_an_order_about_a_server(operator, session, web, servers):
    session.server(servers[0], web, A1)
    body = {"action": "retry", "server_id": servers[0], "server_action": "MIGRATE"}
    assert operator.put(session.path, body).status_code == 200
    (came,) = session.inputs()
    assert (came["server_id"], came["action"]) == (servers[0], "MIGRATE")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"action": "explode"}, "action"),
        ({"action": "override"}, "reason"),
        ({"action": "confirm", "reason": " "}, "reason"),
        ({"action": "skip"}, "host"),
        ({"action": "skip", "host": "host-b3"}, "host"),
        ({"action": "skip", "host": "host-a1", "region": "Nowhere"}, "host"),
        ({"action": "pause", "host": "host-a1"}, "host"),
        ({"action": "retry", "server_id": "0" * 8 + "-0000-0000-0000-" + "0" * 12}, "server_id"),
        ({"action": "retry", "server_id": "x"}, "server_id"),
        ({"action": "retry", "server_action": "flow:nobodys"}, "server_action"),
        ({"action": "retry", "region": REGION}, "region"),
        ({"action": "retry", "who": "me"}, "who"),
    ],
)
def test_what_is_wrong_with_an_order_is_named(operator, session, body, wrong):
    assert fields(operator.put(session.path, body)) == [wrong]
    assert session.inputs() == []


def test_a_session_that_is_over_takes_no_orders(operator, session):
    session.state(State.MAINTENANCE_DONE)
    answer = operator.put(session.path, {"action": "pause"})
    assert (answer.status_code, answer.json["code"]) == (409, Code.SESSION_OVER)
    answer = operator.delete(session.path)
    assert (answer.status_code, answer.json["state"]) == (200, "MAINTENANCE_DONE")
    assert session.inputs() == []


def test_to_delete_is_to_abort(operator, session):
    for _ in range(2):
        assert operator.delete(session.path).status_code == 200
    assert {came["command"] for came in session.inputs()} == {"abort"}
    session.change(aborting=True)
    count = len(session.inputs())
    assert operator.delete(session.path).json["aborting"]
    assert len(session.inputs()) == count


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_session_that_there_is_not(operator, method):
    answer = operator(method, f"{LIST}/nonsense", {} if method == "PUT" else None)
    assert (answer.status_code, answer.json["code"]) == (404, Code.NOT_FOUND)


# -- windows with a session --------------------------------------------------------


def test_a_window_ends_with_its_session_not_under_it(deployment, operator):
    window = operator.set(hosts=["host-a1"], start=deployment.now_plus(60), workflow="default")
    path = f"/v1/maintenance-windows/{window['id']}"
    refused = [operator.delete(path), operator.post(f"{path}/finish")]
    refused.append(operator.delete("/v1/hosts/host-a1/maintenance"))
    for answer in refused:
        assert (answer.status_code, answer.json["code"]) == (409, Code.SESSION_RUNNING)
        assert "abort the session first" in answer.json["message"]
    changed = operator.patch(path, {"announcement": "later", "start": deployment.now_plus(120)})
    assert changed.status_code == 200
    assert changed.json["session"]["state"] == "MAINTENANCE"
    operator.delete(f"{LIST}/{window['session']['id']}")
    deployment.decide()
    over = operator.get(path).json
    assert (over["state"], over["session"]["state"]) == ("cancelled", "MAINTENANCE_FAILED")
