"""Projects and users: who sees and makes which, and that keys are never shown."""

import uuid

import pytest

from tests.support.deployment import Api

from .conftest import Caller


@pytest.fixture
def project(local):
    return local.project()


@pytest.fixture
def root(local):
    return local.user(local.project(), "root", is_root=True, is_admin=True)


@pytest.fixture
def admin(local, project):
    return local.user(project, "admin", is_admin=True)


@pytest.fixture
def plain(local, project):
    return local.user(project, "plain")


def test_a_key_is_shown_once(local, project, admin):
    answer = admin.api.call(
        "POST", "/v1/users", {"username": "new", "project_id": project, "is_admin": False}
    )
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    key = answer.json["api_key"]
    headers = {
        "X-Auth-Project": answer.json["project_id"],
        "X-Auth-User": "new",
        "X-Auth-Token": key,
    }
    assert Caller(Api(local.app, headers)).get("/hosts")["hosts"] == []
    for path in ("/users", f"/users/{answer.json['id']}", "/users?name=new"):
        assert key not in admin.api.call("GET", f"/v1{path}").text
        assert "api_key" not in admin.api.call("GET", f"/v1{path}").text


def test_a_user_has_cratons_shape(project, admin):
    (shown,) = admin.get("/users")["users"]
    del shown["created_at"], shown["id"]
    assert shown == {
        "username": "admin",
        "project_id": str(uuid.UUID(project)),
        "is_admin": True,
        "is_root": False,
        "updated_at": None,
    }


def test_a_taken_user_and_an_unknown_project_are_named(project, admin, root):
    body = {"username": "admin", "project_id": project}
    admin.refused("POST", "/users", 409, "username", body)
    for wrong in (body | {"project_id": uuid.uuid4().hex}, body | {"project_id": "x"}):
        root.refused("POST", "/users", 400, "project_id", wrong)


def test_an_admin_knows_nothing_of_other_projects(local, project, admin, root):
    (other,) = [found for found in root.get("/users")["users"] if found["username"] == "root"]
    admin.get(f"/users/{other['id']}", 404)
    admin.delete(f"/users/{other['id']}", status=404)
    admin.get(f"/projects/{other['project_id']}", 404)
    admin.get(f"/projects/{other['project_id']}/variables", 404)
    body = {"username": "x", "project_id": other["project_id"]}
    admin.refused("POST", "/users", 400, "project_id", body)
    listed = admin.get("/projects")["projects"]
    assert [found["id"] for found in listed] == [str(uuid.UUID(project))]
    admin.get(f"/users?marker={other['id']}", 400)


def test_only_a_root_makes_projects_and_roots(project, admin, root):
    admin("POST", "/projects", {"name": "p"}, 403)
    admin("POST", "/users", {"username": "r", "project_id": project, "is_root": True}, 403)
    made = root.post("/projects", name="p", variables={"a": 1})
    assert made["variables"] == {"a": 1}
    assert root.get(f"/projects/{made['id']}") == made
    assert root.get(f"/projects/{made['id'].replace('-', '')}") == made
    assert [found["id"] for found in root.get("/projects?name=p")["projects"]] == [made["id"]]
    user = root.post("/users", username="r", project_id=made["id"], is_root=True)
    assert root.delete(f"/projects/{made['id']}", status=409)["code"] == "NOT_EMPTY"
    root.delete(f"/users/{user['id']}")
    root.delete(f"/projects/{made['id']}")
    root.get(f"/projects/{made['id']}", 404)


def test_projects_are_looked_for_by_a_pattern(root):
    # no other project's name, hex digits, begins with z
    names = ("z_b", "zxb", "z\\b")
    ids = {name: root.post("/projects", name=name)["id"] for name in names}
    for pattern, found in (("z_b", names), ("z%25", names), ("z\\b", names[2:]), ("z\\", ())):
        listed = root.get(f"/projects?name={pattern}")["projects"]
        assert {project["id"] for project in listed} == {ids[name] for name in found}, pattern


def test_an_admin_cannot_delete_a_root_of_its_project(local, project, admin):
    local.user(project, "boss", is_root=True)
    (boss,) = admin.get("/users?name=boss")["users"]
    admin.delete(f"/users/{boss['id']}", status=403)


def test_who_is_no_admin_writes_the_inventory_and_nothing_else(plain):
    place = plain.place()
    host = plain.host("h", place)["id"]
    plain.put(f"/hosts/{host}/variables", a=1)
    for path in ("/projects", "/users", "/users/1"):
        plain.get(path, 403)
    plain("POST", "/users", {"username": "x", "project_id": uuid.uuid4().hex}, 403)
    plain("POST", "/maintenance-windows", {"scope": {"hosts": ["h"]}}, 403)


def test_projects_do_not_see_each_others_inventory(local, root, plain):
    other = local.user(local.project(), "other", is_admin=True)
    place = plain.place("1")
    host = plain.host("h", place, labels=["x"])["id"]
    paths = [f"/hosts/{host}", f"/cells/{place[2]}", f"/regions/{place[1]}", f"/clouds/{place[0]}"]
    for path in paths:
        for more in ("", "/variables"):
            other.get(f"{path}{more}", 404)
            root.get(f"{path}{more}")
        other("PUT", path, {"note": "x"}, 404)
        other("PUT", f"{path}/variables", {"a": 1}, 404)
        other.delete(f"{path}/variables", ["a"], 404)
        other.delete(path, status=404)
    other.get(f"/hosts/{host}/labels", 404)
    for kind in ("hosts", "cells", "regions", "clouds"):
        assert other.get(f"/{kind}")[kind] == []
        assert len(root.get(f"/{kind}")[kind]) == 1
    other.get(f"/hosts?marker={host}", 400)
    other.refused("POST", "/regions", 400, "cloud_id", {"name": "r", "cloud_id": place[0]})
    own = other.place("2")
    mixed = {"name": "h2", "ip_address": "::1", "device_type": "server", "cloud_id": own[0]}
    mixed |= {"region_id": own[1]}
    other.refused("POST", "/hosts", 400, "parent_id", mixed | {"parent_id": host})
    # a name in somebody else's region is neither taken nor told
    other.host("h", own)


def test_what_is_created_is_the_callers_projects(local, project, plain, root):
    made = plain.post("/clouds", name="c")
    assert made["project_id"] == str(uuid.UUID(project))
    plain.refused("POST", "/clouds", 400, "project_id", {"name": "d", "project_id": project})
    assert root.put(f"/clouds/{made['id']}", note="x")["project_id"] == made["project_id"]


def test_a_projects_variables_are_its_admins(project, admin, plain):
    path = f"/projects/{project}/variables"
    assert admin.put(path, a=1) == {"variables": {"a": 1}}
    plain("PUT", path, {"a": 2}, 403)
    admin.delete(path, ["a"])
    assert admin.get(path) == {"variables": {}}


def test_keystones_project_is_cratons_made_on_first_use(api, app):
    nova_project = uuid.uuid4()
    headers = {"X-Project-Id": nova_project.hex, "X-Roles": "admin"}
    keystone = Caller(Api(app, headers))
    assert keystone.post("/clouds", name="c")["project_id"] == str(nova_project)
    assert keystone.get(f"/projects/{nova_project}")["name"] == nova_project.hex
    member = Caller(Api(app, headers | {"X-Roles": "member"}))
    for kind in ("clouds", "hosts", "projects", "users"):
        member.get(f"/{kind}", 403)
    member("POST", "/clouds", {"name": "d"}, 403)
