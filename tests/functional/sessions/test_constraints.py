"""Projects' standing wishes, in the bodies that application managers send."""

import uuid

import pytest

from craton_maintenance.errors import Code
from tests.functional.deployment import Deployment

GROUP = "5d7c9f2e-4d5a-4b7e-9d0f-0a1b2c3d4e5f"


def wish(project, server, **more):
    """What is recorded of an application manager's request for a server."""
    return {
        "instance_id": server,
        "project_id": project,
        "group_id": GROUP,
        "instance_name": "nonha_1",
        "max_interruption_time": 120,
        "migration_type": "MIGRATE",
        "resource_mitigation": True,
        "lead_time": 40,
    } | more


def group_wish(project, **more):
    """The same for a group."""
    return {
        "group_id": GROUP,
        "project_id": project,
        "group_name": "nonha",
        "anti_affinity_group": False,
        "max_instances_per_host": 0,
        "max_impacted_members": 2,
        "recovery_time": 5,
        "resource_mitigation": True,
    } | more


@pytest.fixture
def web(deployment: Deployment) -> str:
    return deployment.project("web")


@pytest.fixture
def server(deployment: Deployment) -> str:
    return deployment.server("web-1")


@pytest.mark.parametrize("order", [1, -1])
def test_what_application_managers_send_in_any_order(deployment, member, web, server, order):
    requests = [
        (f"/v1/instance_group/{GROUP}", group_wish(web)),
        (f"/v1/instance/{server}", wish(web, server)),
    ][::order]
    for path, body in requests:
        for _ in range(2):
            answer = member.put(path, body)
            assert answer.status_code == 200
            granted = answer.json
            assert granted.pop("clipped") == []
            assert {name: granted[name] for name in body} == body
            assert member.get(path).json == granted
            assert deployment.operator.get(path).json == granted
    for path, _ in requests[::-1]:
        answer = member.delete(path)
        assert (answer.status_code, answer.json) == (200, {})
        assert member.get(path).status_code == 404
        assert member.delete(path).status_code == 404


def test_what_is_beyond_the_caps_is_clipped_and_said(deploy):
    d = deploy(sessions_max_lead_time=60.0, sessions_max_recovery_time=30.0)
    web, server, member = d.project("web"), d.server("web-1"), d.member("web")
    answer = member.put(f"/v1/instance/{server}", wish(web, server, lead_time=61)).json
    assert (answer["lead_time"], answer["clipped"]) == (60.0, ["lead_time"])
    body = group_wish(web, max_impacted_members=0, recovery_time=100)
    answer = member.put(f"/v1/instance_group/{GROUP}", body).json
    assert (answer["max_impacted_members"], answer["recovery_time"]) == (1, 30.0)
    assert sorted(answer["clipped"]) == ["max_impacted_members", "recovery_time"]
    assert member.get(f"/v1/instance_group/{GROUP}").json["recovery_time"] == 30.0


def test_a_wish_with_nothing_but_itself(member, web, server):
    granted = member.put(f"/v1/instance/{server}", {"migration_type": "OWN_ACTION"}).json
    assert (granted["project_id"], granted["lead_time"]) == (web, 0)
    assert (granted["group_id"], granted["max_interruption_time"]) == (None, None)


def test_an_administrator_speaks_for_any_project(deployment, web, server):
    operator = deployment.operator
    granted = operator.put(f"/v1/instance/{server}", {"lead_time": 5}).json
    assert granted["project_id"] == web
    answer = operator.put(f"/v1/instance/{uuid.uuid4()}", {"lead_time": 5})
    assert [one["field"] for one in answer.json["errors"]] == ["project_id"]
    answer = operator.put(f"/v1/instance/{uuid.uuid4()}", {"project_id": web})
    assert answer.status_code == 200


def test_what_is_anothers_does_not_exist(deployment, member, web, server):
    telco = deployment.member("telco")
    theirs = deployment.project("telco")
    member.put(f"/v1/instance_group/{GROUP}", group_wish(web))
    member.put(f"/v1/instance/{server}", wish(web, server))
    other = str(uuid.uuid4())
    answers = [
        telco.put(f"/v1/instance/{server}", wish(theirs, server, group_id=None)),
        telco.put(f"/v1/instance_group/{GROUP}", group_wish(theirs)),
        telco.put(f"/v1/instance/{other}", wish(theirs, other)),
        telco.put(f"/v1/instance/{server}", wish(web, server)),
        telco.get(f"/v1/instance/{server}"),
        telco.delete(f"/v1/instance/{server}"),
        telco.get(f"/v1/instance_group/{GROUP}"),
        telco.delete(f"/v1/instance_group/{GROUP}"),
        # a server of the inventory that nobody has wished anything for
        telco.put(f"/v1/instance/{deployment.server('web-2')}", {}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json["code"]) == (404, Code.NOT_FOUND)
    assert member.get(f"/v1/instance/{server}").json["project_id"] == web


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"migration_type": "EVACUATE"}, "migration_type"),
        ({"migration_type": "flow:nobodys"}, "migration_type"),
        ({"lead_time": -1}, "lead_time"),
        ({"lead_time": "soon"}, "lead_time"),
        ({"group_id": "my-group"}, "group_id"),
        ({"instance_id": GROUP}, "instance_id"),
        ({"note": 1}, "note"),
    ],
)
def test_what_is_wrong_is_named(member, web, server, more, field):
    answer = member.put(f"/v1/instance/{server}", wish(web, server, **more))
    assert answer.status_code == 400, answer.text
    assert [one["field"] for one in answer.json["errors"]] == [field]


def test_an_id_that_is_none(member):
    assert member.put("/v1/instance/nonsense", {}).status_code == 404


def test_the_catalogue_of_flows(deploy, tmp_path):
    file = tmp_path / "flows.yaml"
    d = deploy()
    file.write_text(
        "flows:\n"
        "  - {name: restart, for: server, description: Restarts it, steps: [stop, start]}\n"
        "  - {name: special, for: server, description: For telco only, steps: [live_migrate], "
        f"projects: [{d.project('telco')}]}}\n"
    )
    changed = deploy(sessions_flows_file=str(file))
    listed = {
        name: [flow["action"] for flow in caller.get("/v1/maintenance-flows").json["flows"]]
        for name, caller in (
            ("operator", changed.operator),
            ("web", changed.member("web")),
            ("telco", changed.member("telco")),
        )
    }
    assert listed == {
        "operator": ["flow:restart", "flow:special"],
        "web": ["flow:restart"],
        "telco": ["flow:restart", "flow:special"],
    }
    server = changed.server("web-1")
    member = changed.member("web")
    for flow, status in (("restart", 200), ("special", 400)):
        answer = member.put(f"/v1/instance/{server}", {"migration_type": f"flow:{flow}"})
        assert answer.status_code == status
