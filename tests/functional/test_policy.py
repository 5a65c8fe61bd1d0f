"""Who may do what: every route, every kind of caller, and nothing besides."""

import re
from typing import Any

import pytest

from craton_maintenance import policies
from craton_maintenance.api import routes
from tests.functional.deployment import Deployment

#: who may: operators who change, those who write the inventory, those who look, projects,
#: those of them who change something, everybody
ADMIN, STOCK, LOOK, PROJECT, ALL = "admin", "stock", "look", "project", "all"
MEMBER = "member"

KINDS = ("clouds", "regions", "cells", "hosts")

OBJECT = {"GET": {LOOK}, "PUT": {ADMIN}, "DELETE": {ADMIN}}
PART = {"GET": {LOOK}, "PUT": {STOCK}, "DELETE": {STOCK}}

REPLY = {"GET": {LOOK, PROJECT}, "PUT": {ADMIN, MEMBER}}
CONSTRAINT = {**REPLY, "DELETE": {ADMIN, MEMBER}}

#: Every route and method, with whom it is for. A new route has to be put here.
ALLOWED: dict[str, dict[str, set[str]]] = {
    "/": {"GET": {ALL}},
    "/health": {"GET": {ALL}},
    "/ready": {"GET": {ALL}},
    "/v1/": {"GET": {ALL}},
    "/v1/maintenance-windows": {"GET": {LOOK, PROJECT}, "POST": {ADMIN}},
    "/v1/maintenance-windows/<window_id>": {
        "GET": {LOOK, PROJECT},
        "PATCH": {ADMIN},
        "DELETE": {ADMIN},
    },
    "/v1/maintenance-windows/<window_id>/start": {"POST": {ADMIN}},
    "/v1/maintenance-windows/<window_id>/finish": {"POST": {ADMIN}},
    "/v1/maintenance-windows/<window_id>/listeners": {"GET": {LOOK}},
    "/v1/maintenance": {"GET": {LOOK, PROJECT}, "POST": {ADMIN}},
    "/v1/maintenance/<session_id>": {"GET": {LOOK, PROJECT}, "PUT": {ADMIN}, "DELETE": {ADMIN}},
    "/v1/maintenance/<session_id>/detail": {"GET": {LOOK}},
    "/v1/maintenance/<session_id>/listeners": {"GET": {LOOK}},
    "/v1/maintenance/<session_id>/<project_id>": REPLY,
    "/v1/maintenance/<session_id>/<project_id>/<instance_id>": REPLY,
    "/v1/maintenance-flows": {"GET": {LOOK, PROJECT}},
    "/v1/instance/<instance_id>": CONSTRAINT,
    "/v1/instance_group/<group_id>": CONSTRAINT,
    "/v1/hosts/<ref>/maintenance": OBJECT,
    "/v1/cells/<ref>/maintenance": OBJECT,
    "/v1/regions/<ref>/maintenance": OBJECT,
    "/v1/clouds/<ref>/maintenance": OBJECT,
    "/v1/events": {"GET": {LOOK, PROJECT}},
    "/v1/events/pending": {"GET": {LOOK, PROJECT}},
    "/v1/links": {"GET": {LOOK}, "PUT": {ADMIN}, "DELETE": {ADMIN}},
    "/v1/links/active": {"GET": {LOOK}},
    "/v1/links/<host>": {"GET": {LOOK}},
    "/v1/links/project/<host_id>": {"GET": {PROJECT}},
    "/v1/listeners": {"GET": {LOOK}},
    "/v1/nova-hosts": {"GET": {LOOK}},
    # whoever was given the address
    "/v1/step-news/<step_id>/<token>": {"POST": {ALL}},
    "/v1/openapi.json": {"GET": {ALL}},
    "/v1/projects/<object_id>/binding": {"GET": {ADMIN}, "PUT": {ADMIN}, "DELETE": {ADMIN}},
    # Craton's own, where no Craton serves them
    "/v1/projects": {"GET": {ADMIN}, "POST": {ADMIN}},
    "/v1/projects/<object_id>": {"GET": {ADMIN}, "DELETE": {ADMIN}},
    "/v1/projects/<object_id>/variables": {"GET": {ADMIN}, "PUT": {ADMIN}, "DELETE": {ADMIN}},
    "/v1/users": {"GET": {ADMIN}, "POST": {ADMIN}},
    "/v1/users/<object_id>": {"GET": {ADMIN}, "DELETE": {ADMIN}},
    "/v1/hosts/<object_id>/labels": PART,
    **{f"/v1/{kind}": {"GET": {LOOK}, "POST": {STOCK}} for kind in KINDS},
    **{f"/v1/{kind}/<object_id>": PART for kind in KINDS},
    **{f"/v1/{kind}/<object_id>/variables": PART for kind in KINDS},
}

#: Callers: headers that Keystone's middleware would set, and whom they make of them.
CALLERS: dict[str, tuple[dict[str, str], set[str]]] = {
    "admin": (
        {"X-Project-Id": "ops", "X-Roles": "admin"},
        {ADMIN, STOCK, LOOK, PROJECT, MEMBER, ALL},
    ),
    "system admin": (
        {"OpenStack-System-Scope": "all", "X-Roles": "admin"},
        {ADMIN, STOCK, LOOK, ALL},
    ),
    "system member": ({"OpenStack-System-Scope": "all", "X-Roles": "member"}, {STOCK, LOOK, ALL}),
    "system reader": ({"OpenStack-System-Scope": "all", "X-Roles": "reader"}, {LOOK, ALL}),
    "member": ({"X-Project-Id": "web", "X-Roles": "member"}, {PROJECT, MEMBER, ALL}),
    "reader": ({"X-Project-Id": "web", "X-Roles": "reader"}, {PROJECT, ALL}),
    "foreign project": (
        {"X-Project-Id": "nobodys", "X-Roles": "member,reader"},
        {PROJECT, MEMBER, ALL},
    ),
    "other role": ({"X-Project-Id": "web", "X-Roles": "load-balancer_member"}, {ALL}),
    "service": ({"X-Project-Id": "service", "X-Roles": "service"}, {ALL}),
    "role without project": ({"X-Roles": "member"}, {ALL}),
    "part of the system": ({"OpenStack-System-Scope": "half", "X-Roles": "reader"}, {ALL}),
}


def table() -> list[tuple[str, str, Any]]:
    """Every path, method and resource that is served."""
    served = []
    for prefix, found in (("", routes.UNVERSIONED), ("/v1", routes.V1 | routes.CRATON_V1)):
        for path, resource in found.items():
            for method in resource.methods:
                plain = re.sub(r"<\w+:", "<", f"{prefix}{path}")
                served.append((plain, method, resource))
    return served


#: in an order that is the same in every process
SERVED = sorted(table(), key=lambda one: one[:2])


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Deployment(tmp_path_factory.mktemp("policy"))
    yield made
    made.close()


def test_the_table_of_this_test_has_every_route_and_no_other():
    served: dict[str, set[str]] = {}
    for path, method, _ in SERVED:
        served.setdefault(path, set()).add(method)
    assert served == {path: set(methods) for path, methods in ALLOWED.items()}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("path", "method"), [one[:2] for one in SERVED])
def test_a_caller_may_do_what_policy_says_and_nothing_else(deployment, caller, path, method):
    """Whatever the ids and bodies are: they are looked at only once somebody is let in."""
    headers, groups = CALLERS[caller]
    client = deployment.client(**headers)
    target = re.sub(r"<\w+>", "there-is-no-such-thing", path)
    answer = client(method, target, [], headers={"If-Match": "nonsense"})
    if groups & ALLOWED[path][method]:
        assert answer.status_code not in (401, 403), answer.text
        assert answer.status_code < 500
    else:
        assert answer.status_code == 403, answer.text
        assert answer.json["code"] == "FORBIDDEN"


@pytest.mark.parametrize(("path", "method"), [one[:2] for one in SERVED])
def test_where_policy_lets_nobody_in_the_answer_is_the_same_for_what_is_there(
    deployment, path, method
):
    """403 is decided before anything is looked up: it can't tell what exists."""
    window = deployment.operator.set(hosts=["host-a1"], allow_overlap=True)
    client = deployment.client(X_Project_Id="web", X_Roles="nothing")
    if ALL in ALLOWED[path][method]:
        return
    bodies = [
        client(method, re.sub(r"<\w+>", name, path), {"scope": {"hosts": [name]}}).json
        for name in (window["id"], "host-a1", "RegionOne", "unknown", "%00")
    ]
    for body in bodies:
        body.pop("request_id")
    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize(("path", "method"), [one[:2] for one in SERVED])
def test_methods_beside_those_of_the_table_are_not_possible(deployment, path, method):
    methods = {one[1] for one in SERVED if one[0] == path}
    target = re.sub(r"<\w+>", "x", path)
    for other in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - methods:
        answer = deployment.operator(other, target)
        assert answer.status_code == 405, f"{other} {target}"
        assert answer.json["code"] == "METHOD_NOT_ALLOWED"
        assert set(answer.headers["Allow"].split(", ")) >= methods


def test_every_operation_declares_its_rules_and_every_rule_is_of_an_operation():
    declared = {}
    for path, method, resource in SERVED:
        operation = getattr(resource, method.lower()).operation
        for rule in (operation.operator, operation.project):
            if rule is not None:
                plain = re.sub(r"<(?:\w+:)?(\w+)>", "{}", path)
                declared.setdefault(rule, set()).add((method, plain))
    documented = {
        rule.name: {
            (one["method"], re.sub(r"{\w+}", "{}", one["path"])) for one in rule.operations
        }
        for rule in policies.list_rules()
    }
    assert documented == declared
    assert all(rule.description for rule in policies.list_rules())


def test_a_policy_file_changes_who_may(deploy, tmp_path):
    rules = tmp_path / "policy.yaml"
    rules.write_text('"maintenance:windows:set": "role:dispatcher"\n')
    changed = deploy(file=f"[oslo_policy]\npolicy_file = {rules}\n")
    body = {"scope": {"hosts": ["host-a1"]}}
    dispatcher = changed.client(X_Project_Id="ops", X_Roles="dispatcher")
    assert dispatcher.post("/v1/maintenance-windows", body).status_code == 201
    assert changed.operator.post("/v1/maintenance-windows", body).status_code == 403
