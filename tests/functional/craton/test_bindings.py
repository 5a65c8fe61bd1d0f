"""A Craton project bound to one of Nova's: its users are members of that one, and no more."""

import pytest

from tests.support import deployment

OURS, THEIRS = "a" * 32, "b" * 32
FLEET = {"secret-host-1": {OURS: ["ours-1"], THEIRS: ["theirs-1"]}, "secret-host-2": {}}

OPERATORS_PATHS = (
    "/hosts",
    "/clouds",
    "/regions",
    "/cells",
    "/projects",
    "/users",
    "/nova-hosts",
    "/links",
    "/links/secret-host-1",
    "/hosts/secret-host-1/maintenance",
    "/events?all_projects=true",
    f"/events?project_id={THEIRS}",
    "/maintenance-windows?host=secret-host-1",
)


@pytest.fixture
def project(local):
    deployment.stock(local.database, FLEET)
    return local.project()


@pytest.fixture
def admin(local, project):
    return local.user(project, "admin", is_admin=True)


@pytest.fixture
def user(local, project):
    return local.user(project, "user")


def window(admin):
    body = {"scope": {"hosts": ["secret-host-1"]}, "reason": "secret-host-1 burns"}
    return admin("POST", "/maintenance-windows", body, 201)


def test_users_are_operators_until_their_project_is_bound(admin, user, project):
    assert user.get("/nova-hosts")["nova_hosts"]
    path = f"/projects/{project}/binding"
    admin.get(path, 404)
    bound = admin.put(path, nova_project_id=OURS)
    assert bound["nova_project_id"] == OURS
    assert bound["created_by"] == f"admin@{project}"
    assert admin.get(path) == bound
    user.get("/nova-hosts", 403)
    admin.delete(path)
    admin.delete(path, status=404)
    assert user.get("/nova-hosts")["nova_hosts"]


def test_a_bound_user_sees_its_own_part_and_nothing_else(admin, user, project):
    admin.put(f"/projects/{project}/binding", nova_project_id=OURS)
    made = window(admin)
    seen = user.api.call("GET", "/v1/maintenance-windows").text
    one = user.get(f"/maintenance-windows/{made['id']}")
    assert one["servers"] == ["ours-1"]
    events = user.api.call("GET", "/v1/events").text
    assert "ours-1" in events
    for text in (seen, str(one), events):
        for secret in ("secret-host", "theirs-1", THEIRS, "burns"):
            assert secret not in text
    for path in OPERATORS_PATHS:
        answer = user.api.call("GET", f"/v1{path}")
        assert answer.status_code == 403, f"{path}: {answer.text}"
        assert "secret" not in answer.text
    user("POST", "/clouds", {"name": "c"}, 403)
    user("PUT", "/hosts/1/variables", {"maintenance_window": {}}, 403)
    user("DELETE", f"/maintenance-windows/{made['id']}", None, 403)


def test_a_bound_user_of_an_untouched_project_learns_nothing(admin, user, project):
    admin.put(f"/projects/{project}/binding", nova_project_id="c" * 32)
    made = window(admin)
    assert user.get("/maintenance-windows")["maintenance_windows"] == []
    user.get(f"/maintenance-windows/{made['id']}", 404)


def test_admins_of_a_bound_project_stay_operators(admin, project):
    admin.put(f"/projects/{project}/binding", nova_project_id=OURS)
    assert len(admin.get("/nova-hosts")["nova_hosts"]) == 2


def test_only_admins_bind_and_only_their_own_project(local, admin, user, project):
    path = f"/projects/{project}/binding"
    for method, body in (("GET", None), ("PUT", {"nova_project_id": OURS}), ("DELETE", None)):
        user(method, path, body, 403)
        other = f"/projects/{local.project()}/binding"
        admin(method, other, body, 404)
    admin.refused("PUT", path, 400, "nova_project_id", {})


def test_a_binding_goes_with_its_project(local, project):
    root = local.user(local.project(), "root", is_root=True, is_admin=True)
    path = f"/projects/{project}"
    root.put(f"{path}/binding", nova_project_id=OURS)
    root.delete(path)
    root.get(f"{path}/binding", 404)
