"""Who is calling, by each way of telling."""

import hmac
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_context.context import RequestContext

from craton_maintenance import simcloud
from craton_maintenance.api.auth import from_headers
from craton_maintenance.db import craton
from tests.functional.deployment import BEGIN, Client, Deployment

PATH = "/v1/maintenance-windows"


# -- nobody ------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
def test_without_authentication_everybody_on_loopback_is_an_operator(deployment, address):
    answer = deployment.operator.get(PATH, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 200


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "unknown", "0.0.0.0"])
def test_without_authentication_others_are_refused(deployment, address):
    answer = deployment.operator.get(PATH, environ_base={"REMOTE_ADDR": address})
    assert (answer.status_code, answer.json["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}]
)
def test_without_authentication_what_came_through_a_proxy_is_refused(deployment, headers):
    answer = deployment.operator.get(PATH, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (401, "UNAUTHENTICATED")


def test_what_is_open_to_all_is_so_from_everywhere(deployment):
    far = {"REMOTE_ADDR": "192.0.2.1"}
    for path in ("/", "/health", "/ready", "/v1", "/v1/openapi.json"):
        assert deployment.operator.get(path, environ_base=far).status_code == 200


def test_headers_make_a_project_of_a_caller(deployment):
    caller = from_headers({"HTTP_X_PROJECT_ID": "p", "HTTP_X_USER_ID": "u"})
    assert (caller.project_id, caller.user_id) == ("p", "u")
    assert caller.roles == {"member", "reader"}
    assert not caller.is_root


# -- Craton's users ----------------------------------------------------------------

CRATON_PROJECT = uuid.UUID("0b9f2d4e-5f3c-4c1b-8f0e-8a1d7c6b5a40")


@pytest.fixture
def local(deploy: Any) -> Deployment:
    """With an admin, a user, one without a key, and one whose name differs by its case."""
    deployment = deploy(api={"auth": "local"})
    people = [("root", True, False), ("admin", False, True), ("user", False, False)]

    def make(transaction: Any) -> None:
        association = transaction.execute(
            sa.insert(craton.variable_association).values(discriminator="user", created_at=BEGIN)
        ).lastrowid
        for name, is_root, is_admin in [*people, ("keyless", False, True)]:
            transaction.execute(
                sa.insert(craton.users).values(
                    project_id=CRATON_PROJECT.hex,
                    variable_association_id=association,
                    username=name,
                    api_key=None if name == "keyless" else f"key of {name}",
                    is_root=is_root,
                    is_admin=is_admin,
                    created_at=BEGIN.replace(tzinfo=None),
                )
            )

    deployment.service.database.write(make)
    return deployment


def as_user(deployment: Deployment, name: str, key: str | None = None, **headers: str) -> Client:
    known = {
        "X_Auth_Project": str(CRATON_PROJECT),
        "X_Auth_User": name,
        "X_Auth_Token": f"key of {name}" if key is None else key,
    }
    return deployment.client(**(known | headers))


@pytest.mark.parametrize(("name", "status"), [("root", 201), ("admin", 201), ("user", 403)])
def test_cratons_roots_and_admins_administer_and_others_look(local, name, status):
    client = as_user(local, name)
    assert client.get(PATH).status_code == 200
    assert client.post(PATH, {"scope": {"hosts": ["host-a1"]}}).status_code == status


def test_a_window_records_who_set_it(local):
    window = as_user(local, "admin").set(hosts=["host-a1"])
    assert window["created_by"] == f"admin@{CRATON_PROJECT.hex}"


@pytest.mark.parametrize(
    ("name", "key", "headers"),
    [
        ("admin", "wrong", {}),
        ("admin", "", {}),
        ("admin", "key of admi", {}),
        ("Admin", "key of admin", {}),
        ("keyless", "", {}),
        ("keyless", "None", {}),
        ("nobody", "key of admin", {}),
        ("", "", {}),
        ("admin", "key of admin", {"X_Auth_Project": str(uuid.UUID(int=5))}),
    ],
)
def test_whoever_is_not_known_gets_the_same_401_whatever_is_wrong(local, name, key, headers):
    answers = [as_user(local, name, key, **headers).get(PATH), as_user(local, "x", "y").get(PATH)]
    assert [answer.status_code for answer in answers] == [401, 401]
    bodies = [answer.json | {"request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("project", ["", "not-a-uuid", "1"])
def test_a_project_that_is_no_uuid_is_a_401(local, project):
    answer = as_user(local, "admin", X_Auth_Project=project).get(PATH)
    assert (answer.status_code, answer.json["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("name", ["admin", "nobody", "keyless"])
def test_keys_are_compared_in_constant_time_also_where_there_is_no_user(local, monkeypatch, name):
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *ab: compared.append(ab) or compare(*ab))
    as_user(local, name, "guess").get(PATH)
    assert len(compared) == 1
    assert compared[0][1] == b"guess"


def test_headers_of_keystones_middleware_mean_nothing_to_local_users(local):
    forged = local.client(X_Roles="admin", X_Project_Id="p", OpenStack_System_Scope="all")
    assert forged.get(PATH).status_code == 401
    user = as_user(local, "user", X_Roles="admin", OpenStack_System_Scope="all")
    assert user.post(PATH, {"scope": {"hosts": ["host-a1"]}}).status_code == 403


# -- Keystone ----------------------------------------------------------------------


@pytest.fixture
def keystone(deploy: Any) -> Iterator[Any]:
    """A deployment whose tokens a simulated Keystone checks, over TCP."""
    with simcloud.SimCloudServer(simcloud.Cloud(simcloud.demo_fleet())) as server:
        settings = {
            "auth_type": "password",
            "auth_url": server.auth_url,
            "www_authenticate_uri": server.auth_url,
            "username": "maintenance",
            "password": "secret",
            "project_name": "service",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            "service_token_roles_required": "true",
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        deployment = deploy(
            file="\n".join(["[keystone_authtoken]", *lines]), api={"auth": "keystone"}
        )
        yield SimpleNamespace(deployment=deployment, server=server)


def with_token(keystone: Any, user: str, **headers: str) -> Client:
    token = keystone.server.session(user).get_token()
    return keystone.deployment.client(X_Auth_Token=token, **headers)


def test_an_admins_token_makes_an_operator(keystone):
    window = with_token(keystone, "admin").set(hosts=["host-a1"])
    assert window["servers_count"] == 3
    admin = next(u.id for u in keystone.server.cloud.users.values() if u.name == "admin")
    assert window["created_by"] == admin


def test_a_projects_token_gives_its_own_part(keystone):
    window = with_token(keystone, "admin").set(hosts=["host-a1"])
    shown = with_token(keystone, "web").get(f"{PATH}/{window['id']}").json
    assert shown["servers_count"] == 2
    assert "hosts" not in shown
    assert with_token(keystone, "web").post(PATH, {}).status_code == 403


@pytest.mark.parametrize("token", [None, "", "nonsense"])
def test_without_a_valid_token_the_answer_is_401_in_our_form(keystone, token):
    headers = {} if token is None else {"X_Auth_Token": token}
    answer = keystone.deployment.client(**headers).get(PATH)
    assert (answer.status_code, answer.json["code"]) == (401, "UNAUTHENTICATED")
    assert "Keystone" in answer.headers["WWW-Authenticate"]


def test_headers_that_a_client_forges_are_not_believed(keystone):
    forged = {
        "X_Roles": "admin",
        "X_Project_Id": "another",
        "OpenStack_System_Scope": "all",
        "X_Identity_Status": "Confirmed",
        "X_User_Id": "root",
    }
    assert keystone.deployment.client(**forged).get(PATH).status_code == 401
    member = with_token(keystone, "web", **forged)
    assert member.post(PATH, {"scope": {"hosts": ["host-a1"]}}).status_code == 403
    assert member.get("/v1/nova-hosts").status_code == 403
    assert member.get("/v1/events?all_projects=true").status_code == 403
    window = with_token(keystone, "admin").set(hosts=["host-a1"])
    assert member.get(f"{PATH}/{window['id']}").json["servers_count"] == 2


def test_what_is_open_to_all_needs_no_token(keystone):
    for path in ("/", "/health", "/ready", "/v1"):
        assert keystone.deployment.client().get(path).status_code == 200


# -- middleware before us ----------------------------------------------------------


class CratonContext(RequestContext):
    """As Craton's middleware leaves it for its own users, and for Keystone's."""

    def __init__(self, using_keystone: bool, **more: Any) -> None:
        super().__init__(**more)
        self.using_keystone = using_keystone


@pytest.mark.parametrize(
    ("context", "may_look", "may_set"),
    [
        (CratonContext(False, user_id="bob", project_id=CRATON_PROJECT.hex, is_admin=True), 1, 1),
        (CratonContext(False, user_id="bob", project_id=CRATON_PROJECT.hex, is_admin=False), 1, 0),
        (CratonContext(True, user_id="u", project_id="p", roles=["admin"]), 1, 1),
        (CratonContext(True, user_id="u", project_id="p", roles=["member"]), 1, 0),
        (RequestContext(user_id="u", system_scope="all", roles=["reader"]), 1, 0),
        (RequestContext(user_id="u", project_id="p", roles=["stranger"], is_admin=False), 0, 0),
    ],
)
def test_a_context_that_middleware_made_says_who_is_calling(
    deployment, context, may_look, may_set
):
    """Also from elsewhere: whoever made it has checked who it is."""
    client = deployment.client(X_Roles="admin")
    environ = {"context": context, "REMOTE_ADDR": "192.0.2.1"}
    assert client.get(PATH, environ_base=environ).status_code == (200 if may_look else 403)
    answer = client.post(PATH, {"scope": {"hosts": ["host-a1"]}}, environ_base=environ)
    assert answer.status_code == (201 if may_set else 403)


def test_a_projects_context_gives_its_own_part(deployment):
    window = deployment.operator.set(hosts=["host-a1"])
    context = RequestContext(user_id="u", project_id=deployment.project("web"), roles=["member"])
    shown = deployment.client().get(f"{PATH}/{window['id']}", environ_base={"context": context})
    assert shown.json["servers"] == sorted(
        [deployment.server("web-1"), deployment.server("web-db")]
    )
