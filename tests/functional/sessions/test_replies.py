"""What projects answer: taken once, in time, for their own servers, in Fenix's dialects too."""

import datetime as dt
import json

import pytest

from craton_maintenance.domain.event import Type
from craton_maintenance.domain.session.states import NoticeStatus, State
from craton_maintenance.errors import Code
from tests.functional.deployment import BEGIN
from tests.functional.sessions.conftest import A1
from tests.support.statements import counted

PLANNED = State.PLANNED_MAINTENANCE
ACK = "ACK_PLANNED_MAINTENANCE"


def path(session, project, server=None):
    return f"{session.path}/{project}" + (f"/{server}" if server else "")


def refused(answer, code, status=409):
    assert answer.status_code == status, answer.text
    assert answer.json["code"] == code
    return answer.json


# -- the dialects of application managers ------------------------------------------


def test_an_answer_for_all_servers_on_a_host(deployment, session, web, servers, member):
    """As the sample application manager answers in workflow ``default``."""
    notice = session.ask(web, PLANNED, servers)
    actions = dict.fromkeys(servers, "MIGRATE")
    body = {"instance_actions": actions, "session_id": session.id, "state": ACK}
    answer = member.put(path(session, web), body)
    assert answer.status_code == 200
    assert answer.json["session_id"] == session.id
    assert answer.json["instance_actions"] == actions
    (came,) = session.inputs()
    assert came == {
        "kind": "reply",
        "notice_id": notice,
        "ack": True,
        "actions": actions,
        "action": None,
        "server_id": None,
        "later": None,
    }


def test_an_answer_for_one_server(deployment, vnf, web, member):
    """As an application manager answers in workflow ``vnf``, where each server has a notice."""
    one, two = deployment.server("web-3"), deployment.server("web-batch")
    vnf.ask(web, PLANNED, [one], server_id=one)
    vnf.ask(web, PLANNED, [two], server_id=two)
    answer = member.put(path(vnf, web, one), {"instance_action": "MIGRATE", "state": ACK})
    assert answer.status_code == 200
    assert answer.json["instance_actions"] == {one: "MIGRATE"}
    (came,) = vnf.inputs()
    assert (came["server_id"], came["action"], came["actions"]) == (one, "MIGRATE", {})


@pytest.mark.parametrize("state", [State.MAINTENANCE, State.SCALE_IN, State.MAINTENANCE_COMPLETE])
def test_an_answer_with_keys_that_nobody_asked_for(session, web, servers, member, state):
    session.ask(web, state, servers)
    body = {
        "instance_ids": servers,
        "session_id": session.id,
        "state": f"ACK_{state}",
        "vnf": {"x": 1},
    }
    assert member.put(path(session, web), body).status_code == 200
    assert [came["ack"] for came in session.inputs()] == [True]


def test_no(session, web, servers, member):
    session.ask(web, State.MAINTENANCE, servers)
    answer = member.put(path(session, web), {"state": "NACK_MAINTENANCE"})
    assert answer.status_code == 200
    assert [came["ack"] for came in session.inputs()] == [False]


def test_one_answer_to_all_notices_of_a_state(deployment, vnf, web, member):
    ids = [deployment.server(name) for name in ("web-3", "web-batch")]
    for one in ids:
        vnf.ask(web, PLANNED, [one], server_id=one)
    answer = member.put(path(vnf, web), {"state": ACK, "instance_action": "OWN_ACTION"})
    assert answer.json["instance_actions"] == dict.fromkeys(ids, "OWN_ACTION")
    assert len(vnf.inputs()) == 2


def test_an_answer_by_an_administrator_in_the_projects_name(deployment, session, web, servers):
    session.ask(web, State.MAINTENANCE, servers)
    admin = deployment.client(X_Project_Id=web, X_Roles="admin", X_User_Id="vnfm-1")
    assert admin.put(path(session, web), {"state": "ACK_MAINTENANCE"}).status_code == 200
    assert _told(deployment, session)["payload"]["actor"] == "vnfm-1"


# -- what operators are told -------------------------------------------------------


def _told(deployment, session):
    """What operators are told once the session has decided on an answer."""
    session.decide()
    (told,) = [
        one
        for one in deployment.operator.events(all_projects="true")
        if one["event_type"] == Type.REPLY
    ]
    return told


def test_operators_are_told_of_an_answer(deployment, session, web, servers, member):
    notice = session.ask(web, PLANNED, servers)
    member.put(path(session, web), {"state": ACK, "instance_action": "MIGRATE"})
    told = _told(deployment, session)
    payload = told["payload"]
    assert payload == {
        "service": "craton-maintenance",
        "project_id": told["project_id"],
        "session_id": session.id,
        "from_project": web,
        "state": ACK,
        "actor": "web",
        "notice_id": notice,
        "window_id": session.load().window_id,
        "servers_count": 3,
    }
    assert all(len(str(value)) <= 255 for value in payload.values())
    assert Type.REPLY not in {one["event_type"] for one in member.events()}


def test_the_engine_is_woken(deployment, session, web, servers, member):
    session.ask(web, PLANNED, servers)
    deployment.service.session_news.clear()
    member.put(path(session, web), {"state": ACK})
    assert deployment.service.session_news.is_set()


# -- once --------------------------------------------------------------------------


def test_the_same_answer_again_is_no_second_one(deployment, session, web, servers, member):
    session.ask(web, PLANNED, servers)
    body = {"state": ACK, "instance_actions": dict.fromkeys(servers, "MIGRATE")}
    first = member.put(path(session, web), body)
    events = len(deployment.operator.events(all_projects="true"))
    # also once its time is over, and once the engine has taken it
    deployment.pass_time(9999)
    for _ in range(2):
        again = member.put(path(session, web), body)
        assert (again.status_code, again.json) == (200, first.json)
    assert len(session.inputs()) == 1
    assert len(deployment.operator.events(all_projects="true")) == events


def test_the_same_answer_after_it_was_taken(session, web, servers, member):
    notice = session.ask(web, PLANNED, servers)
    body = {"state": ACK, "instance_action": "MIGRATE"}
    member.put(path(session, web), body)
    session.write_notice(notice, status=NoticeStatus.ANSWERED.value)
    assert member.put(path(session, web), body).status_code == 200
    other = body | {"instance_action": "LIVE_MIGRATE"}
    refused(member.put(path(session, web), other), Code.ALREADY_ANSWERED)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"state": ACK, "instance_action": "MIGRATE"}, {"state": ACK}),
        ({"state": ACK}, {"state": "NACK_PLANNED_MAINTENANCE"}),
        ({"state": ACK}, {"state": ACK, "instance_action": "NOTHING"}),
        ({"state": ACK}, {"state": ACK, "not_before": "2030-01-01T00:10:00Z"}),
    ],
)
def test_another_answer_is_refused(session, web, servers, member, first, second):
    session.ask(web, PLANNED, servers)
    assert member.put(path(session, web), first).status_code == 200
    refused(member.put(path(session, web), second), Code.ALREADY_ANSWERED)
    assert len(session.inputs()) == 1


def test_servers_answered_for_one_by_one_and_the_rest_together(session, web, servers, member):
    notice = session.ask(web, PLANNED, servers)
    one, two, three = servers
    first = {"state": ACK, "instance_action": "OWN_ACTION"}
    assert member.put(path(session, web, one), first).status_code == 200
    refused(
        member.put(path(session, web, one), {"state": ACK, "instance_action": "NOTHING"}),
        Code.ALREADY_ANSWERED,
    )
    rest = {"state": ACK, "instance_actions": {two: "MIGRATE"}, "instance_action": "LIVE_MIGRATE"}
    answer = member.put(path(session, web), rest)
    assert answer.json["instance_actions"] == {
        one: "OWN_ACTION",
        two: "MIGRATE",
        three: "LIVE_MIGRATE",
    }
    assert member.put(path(session, web), rest).json == answer.json
    assert [came["server_id"] for came in session.inputs()] == [one, None]
    assert session.inputs()[1]["actions"] == {two: "MIGRATE"}
    kept = session.notice(notice).replies
    assert {name: said["action"] for name, said in kept.items()} == {
        one: "OWN_ACTION",
        two: "MIGRATE",
        "*": "LIVE_MIGRATE",
    }


def test_everybody_named_and_then_something_else_for_all(session, web, servers, member):
    session.ask(web, PLANNED, servers)
    named = {"state": ACK, "instance_actions": dict.fromkeys(servers, "MIGRATE")}
    assert member.put(path(session, web), named).status_code == 200
    assert member.put(path(session, web), {"state": ACK}).status_code == 200
    refused(
        member.put(path(session, web), {"state": ACK, "instance_action": "NOTHING"}),
        Code.ALREADY_ANSWERED,
    )
    assert len(session.inputs()) == 1


# -- in time -----------------------------------------------------------------------


def test_an_answer_at_the_last_moment_and_one_after_it(deployment, session, web, servers, member):
    session.ask(web, State.MAINTENANCE, servers, seconds=60)
    deployment.pass_time(60)
    assert member.put(path(session, web), {"state": "ACK_MAINTENANCE"}).status_code == 200
    session.ask(web, State.SCALE_IN, servers, seconds=60)
    deployment.pass_time(60.001)
    said = refused(member.put(path(session, web), {"state": "ACK_SCALE_IN"}), Code.REPLY_LATE)
    assert "2030-01-01T00:02:00Z" in said["message"]
    assert len(session.inputs()) == 1


def test_what_was_handed_over_late_is_answered_later(deployment, session, web, servers, member):
    notice = session.ask(web, State.MAINTENANCE, servers, seconds=60, delivered=False)
    deployment.pass_time(300)
    session.delivered(notice)
    deployment.pass_time(60)
    assert member.put(path(session, web), {"state": "ACK_MAINTENANCE"}).status_code == 200


def test_an_answer_proves_that_the_notice_is_there(deployment, session, web, servers, member):
    notice = session.ask(web, State.MAINTENANCE, servers, seconds=60, delivered=False)
    deployment.pass_time(9999)
    assert member.put(path(session, web), {"state": "ACK_MAINTENANCE"}).status_code == 200
    assert session.notice(notice).delivered_at == deployment.now


@pytest.mark.parametrize("status", [NoticeStatus.DEFAULTED, NoticeStatus.OVERRIDDEN])
def test_what_was_decided_without_an_answer(session, web, servers, member, status):
    notice = session.ask(web, PLANNED, servers)
    session.write_notice(notice, status=status.value)
    refused(member.put(path(session, web), {"state": ACK}), Code.REPLY_LATE)
    assert session.inputs() == []


def test_an_answer_that_is_late_for_some(deployment, session, web, servers, member):
    one, two, three = servers
    session.ask(web, PLANNED, [one], seconds=60)
    deployment.pass_time(61)
    session.ask(web, PLANNED, [two, three], seconds=60)
    body = {"state": ACK, "instance_actions": dict.fromkeys(servers, "MIGRATE")}
    answer = member.put(path(session, web), body)
    assert answer.status_code == 200
    assert answer.json["late"] == [one]
    assert set(answer.json["instance_actions"]) == {two, three}


# -- to what was asked -------------------------------------------------------------


def test_a_state_that_is_not_awaited(session, web, servers, member):
    session.tell(web, servers)
    said = refused(member.put(path(session, web), {"state": "ACK_MAINTENANCE"}), Code.NOT_AWAITED)
    assert "nothing is awaited now" in said["message"]
    session.ask(web, PLANNED, servers)
    said = refused(member.put(path(session, web), {"state": "ACK_MAINTENANCE"}), Code.NOT_AWAITED)
    assert "ACK_PLANNED_MAINTENANCE" in said["message"]


def test_a_notice_that_was_replaced_is_not_answered(session, web, servers, member):
    notice = session.ask(web, State.MAINTENANCE, servers)
    session.write_notice(notice, status=NoticeStatus.SUPERSEDED.value)
    refused(member.put(path(session, web), {"state": "ACK_MAINTENANCE"}), Code.NOT_AWAITED)
    session.ask(web, State.MAINTENANCE, servers)
    assert member.put(path(session, web), {"state": "ACK_MAINTENANCE"}).status_code == 200


def test_an_answer_to_an_earlier_wave_again(deployment, session, web, servers, member):
    """A retry that comes when the next host is asked about answers nothing of that one."""
    one, two, _ = servers
    session.ask(web, PLANNED, [one])
    body = {"state": ACK, "instance_actions": {one: "MIGRATE"}}
    member.put(path(session, web), body)
    deployment.pass_time(5)
    session.ask(web, PLANNED, [two])
    assert member.put(path(session, web), body).status_code == 200
    assert len(session.inputs()) == 1


def test_what_an_answer_does_not_name_it_may_not_know(session, web, servers, member):
    one, two, _ = servers
    session.ask(web, PLANNED, [one])
    other = session.ask(web, PLANNED, [two])
    member.put(path(session, web), {"state": ACK, "instance_actions": {one: "MIGRATE"}})
    assert session.notice(other).replies is None


def test_one_server_does_not_answer_for_the_project(session, web, servers, member):
    session.ask(web, State.MAINTENANCE, servers)
    answer = member.put(path(session, web, servers[0]), {"state": "ACK_MAINTENANCE"})
    refused(answer, Code.NOT_AWAITED)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"state": "GARBAGE"}, "state"),
        ({}, "state"),
        ({"state": ACK, "instance_actions": {"x": "MIGRATE"}}, "instance_actions/x"),
        ({"state": ACK, "instance_action": "EVACUATE"}, "instance_action"),
        ({"state": ACK, "instance_action": "flow:nobodys"}, "instance_action"),
        ({"state": ACK, "instance_action": 5}, "instance_action"),
        ({"state": ACK, "instance_actions": ["MIGRATE"]}, "instance_actions"),
        ({"state": ACK, "not_before": "later"}, "not_before"),
    ],
)
def test_what_is_wrong_is_named(session, web, servers, member, body, field):
    session.ask(web, PLANNED, servers)
    said = refused(member.put(path(session, web), body), Code.INVALID, 400)
    assert [one["field"] for one in said["errors"]] == [field]
    assert session.inputs() == []


def test_an_action_where_none_is_offered(session, web, servers, member):
    session.ask(web, State.MAINTENANCE, servers)
    body = {"state": "ACK_MAINTENANCE", "instance_action": "MIGRATE"}
    said = refused(member.put(path(session, web), body), Code.INVALID, 400)
    assert "nothing is" in said["message"]


def test_another_server_than_the_path_names(session, web, servers, member):
    session.ask(web, PLANNED, servers)
    body = {"state": ACK, "instance_actions": {servers[1]: "MIGRATE"}}
    refused(member.put(path(session, web, servers[0]), body), Code.INVALID, 400)


def test_what_is_nobodys_is_answered_as_what_does_not_exist(deployment, session, web, servers):
    session.ask(web, PLANNED, servers)
    telco = deployment.member("telco")
    bodies = []
    for target in (
        path(session, web),
        path(session, web, servers[0]),
        path(session, deployment.project("telco")),
        f"/v1/maintenance/{'0' * 8}-0000-0000-0000-{'0' * 12}/{deployment.project('telco')}",
        f"/v1/maintenance/nonsense/{deployment.project('telco')}",
        path(session, "detail"),
    ):
        for answer in (telco.put(target, {"state": ACK}), telco.get(target)):
            assert answer.status_code in (404, 403, 405), (target, answer.text)
            if not target.endswith("detail"):
                bodies.append(answer.json | {"request_id": ""})
    assert all(body == bodies[0] for body in bodies)
    assert session.inputs() == []


def test_detail_is_no_project(deployment, session):
    answer = deployment.operator.put(path(session, "detail"), {"state": ACK})
    assert answer.status_code == 405


# -- later, please -----------------------------------------------------------------


def test_a_wish_for_a_later_time(deployment, session, web, servers, member):
    session.ask(web, PLANNED, servers)
    wish = (BEGIN + dt.timedelta(minutes=20)).isoformat()
    answer = member.put(path(session, web), {"state": ACK, "not_before": wish})
    assert answer.json["not_before"] == "2030-01-01T00:20:00Z"
    assert answer.json["clipped"] == []
    assert session.inputs()[0]["later"] == "2030-01-01T00:20:00Z"


def test_a_wish_beyond_the_caps_is_clipped(deployment, session, web, servers, member):
    session.ask(web, PLANNED, servers)
    wish = (BEGIN + dt.timedelta(days=20)).isoformat()
    body = {"state": ACK, "not_before": wish}
    answer = member.put(path(session, web), body)
    assert answer.json["not_before"] == "2030-01-01T01:00:00Z"
    assert answer.json["clipped"] == ["not_before"]
    deployment.pass_time(30)
    again = member.put(path(session, web), body)
    assert again.json["not_before"] == "2030-01-01T01:00:00Z"


def test_who_has_postponed_too_often_is_not_granted_more(
    deployment, session, web, servers, member
):
    session.ask(web, PLANNED, servers)
    session.server(servers[0], web, A1, postponed=3)
    wish = (BEGIN + dt.timedelta(minutes=20)).isoformat()
    answer = member.put(path(session, web), {"state": ACK, "not_before": wish})
    assert (answer.json["not_before"], answer.json["clipped"]) == (None, ["not_before"])


# -- cheap -------------------------------------------------------------------------


def _statements(found):
    return [one for one in found if not one.lstrip().upper().startswith(("BEGIN", "COMMIT"))]


def test_an_answer_is_few_statements_however_many_notices_there_are(deployment, vnf, web, member):
    one = deployment.server("web-3")
    vnf.ask(web, PLANNED, [one], server_id=one)
    for number in range(30):
        vnf.ask(f"project-{number}", PLANNED, [f"server-{number}"])
    member.get("/v1/events")
    with counted(deployment.service.database) as found:
        answer = member.put(path(vnf, web, one), {"state": ACK, "instance_action": "MIGRATE"})
    assert answer.status_code == 200
    assert len(_statements(found)) <= 5, json.dumps(found, indent=1)


def test_an_answer_to_many_notices_is_few_statements(deployment, vnf, web, member):
    vnf.ask_each(web, PLANNED, [f"server-{number}" for number in range(50)])
    with counted(deployment.service.database) as found:
        answer = member.put(path(vnf, web), {"state": ACK, "instance_action": "MIGRATE"})
    assert answer.status_code == 200
    assert len(_statements(found)) <= 5, json.dumps(found, indent=1)
    assert len(vnf.inputs()) == 50
