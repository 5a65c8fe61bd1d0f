"""Tokens, the catalog, and a service's validation of its users' tokens."""

import json

import pytest
import requests
from keystoneauth1 import exceptions
from keystoneauth1.session import Session

from craton_maintenance.simcloud import Cloud, Fleet, SimCloudServer, session, transport


def test_a_token_is_for_one_project_and_names_the_endpoints(cloud):
    access = session(cloud, "alice").auth.get_access(session(cloud, "alice"))
    assert access.project_name == "alpha"
    assert sorted(access.role_names) == ["member", "reader"]
    catalog = access.service_catalog
    assert catalog.url_for("compute").endswith("/v2.1")
    assert catalog.url_for("placement", interface="internal")
    assert catalog.url_for("identity").endswith("/v3")


@pytest.mark.parametrize("change", [{"_password": "wrong"}, {"_username": "nobody"}])
def test_a_wrong_name_or_password_is_refused(cloud, change):
    http = requests.Session()
    transport.mount(cloud, http)
    auth = transport.auth(cloud, "alice")
    for method in auth.auth_methods:
        for name, value in change.items():
            setattr(method, name.lstrip("_"), value)
    with pytest.raises(exceptions.Unauthorized):
        Session(auth=auth, session=http).get_token()


def test_a_user_gets_no_token_for_a_project_without_a_role(cloud):
    with pytest.raises(exceptions.Unauthorized):
        session(cloud, "alice", "beta").get_token()


def test_revoked_tokens_are_renewed_by_the_client(cloud, alice):
    assert alice.servers.list()
    cloud.tokens.clear()
    assert alice.servers.list()


def test_tokens_are_validated_for_services(cloud):
    service, user = session(cloud, "maintenance"), session(cloud, "alice")
    url = transport.AUTH_URL + "/auth/tokens"
    found = service.get(url, headers={"X-Subject-Token": user.get_token()}).json()["token"]
    assert (found["user"]["name"], found["project"]["name"]) == ("alice", "alpha")
    with pytest.raises(exceptions.NotFound):
        service.get(url, headers={"X-Subject-Token": "nonsense"})
    with pytest.raises(exceptions.Forbidden):
        user.get(url, headers={"X-Subject-Token": service.get_token()})


def test_only_administrators_list_projects_and_users(cloud):
    admin, alice = session(cloud), session(cloud, "alice")
    names = {p["name"] for p in admin.get(transport.AUTH_URL + "/projects").json()["projects"]}
    assert {"alpha", "beta", "admin", "service"} <= names
    for what in ("projects", "users"):
        with pytest.raises(exceptions.Forbidden):
            alice.get(f"{transport.AUTH_URL}/{what}")
    mine = alice.get(transport.AUTH_URL + "/auth/projects").json()["projects"]
    assert [p["name"] for p in mine] == ["alpha"]


# webob, which keystonemiddleware imports, still uses the standard library's cgi.
@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")
def test_keystonemiddleware_accepts_its_tokens_over_tcp():
    from keystonemiddleware import auth_token

    def inner(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        seen = [
            environ.get(name)
            for name in ("HTTP_X_USER_NAME", "HTTP_X_PROJECT_NAME", "HTTP_X_ROLES")
        ]
        return [json.dumps(seen).encode()]

    cloud = Cloud(Fleet(name="tcp").add_project("alpha").add_user("alice", {"alpha": ["member"]}))
    with SimCloudServer(cloud) as server:
        app = auth_token.AuthProtocol(
            inner,
            {
                "auth_type": "password",
                "auth_url": server.auth_url,
                "username": "maintenance",
                "password": "secret",
                "project_name": "service",
                "user_domain_name": "Default",
                "project_domain_name": "Default",
                "www_authenticate_uri": server.auth_url,
            },
        )
        http = requests.Session()
        http.mount("http://service.invalid", transport.WsgiAdapter(app))
        token = server.session("alice").get_token()
        good = http.get("http://service.invalid/", headers={"X-Auth-Token": token})
        assert good.json() == ["alice", "alpha", "member"]
        assert (
            http.get("http://service.invalid/", headers={"X-Auth-Token": "nonsense"}).status_code
            == 401
        )
