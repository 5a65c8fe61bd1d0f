"""Where the service is, and as whom it is asked."""

import argparse

import pytest

from craton_maintenance.cli import connect
from craton_maintenance.cli.client import ClientError

from .conftest import window

#: openstacksdk warns of its own support for InfluxDB whenever it makes a session
influxdb = pytest.mark.filterwarnings("ignore:Support for InfluxDB")

LOCAL = {"OS_PROJECT_ID": "p", "OS_USERNAME": "bob", "OS_PASSWORD": "s3cr3t-key"}
EMPTY = {"maintenance_windows": [], "links": []}


def settings(environ, **options):
    return connect.Settings.read(argparse.Namespace(**options), environ)


def url_of(found):
    return connect.without_keystone(found)._url


def test_the_address_is_this_machine_by_default():
    assert url_of(settings({})) == "http://127.0.0.1:7790/v1"


def test_cratons_address_is_ours_behind_one_proxy():
    assert url_of(settings({"CRATON_URL": "https://fleet/"})) == "https://fleet/v1"


def test_our_own_address_wins_over_cratons():
    environ = {"CRATON_URL": "http://craton", "CRATON_MAINTENANCE_URL": "http://ours/v1/"}
    assert url_of(settings(environ)) == "http://ours/v1"
    assert url_of(settings(environ, url="http://typed")) == "http://typed/v1"


def test_what_is_no_address_is_refused():
    with pytest.raises(ClientError, match="is not an address: write http://HOST:PORT/v1"):
        url_of(settings({}, url="localhost:7790"))


@pytest.mark.parametrize("name", ["OS_CLOUD", "OS_AUTH_URL"])
def test_keystone_is_asked_where_something_says_where_it_is(name):
    assert not settings(LOCAL).keystone
    assert settings(LOCAL | {name: "x"}).keystone


def test_secrets_are_not_in_representations():
    assert "s3cr3t-key" not in repr(settings(LOCAL))


def test_cratons_users_are_asked_for_as_cratons_client_does(service, bare, monkeypatch):
    for name, value in (LOCAL | {"CRATON_MAINTENANCE_URL": service.url}).items():
        monkeypatch.setenv(name, value)
    service.answer(EMPTY)
    assert bare("window", "list").status == 0
    headers = service.requests[0].headers
    assert headers["X-Auth-Project"] == "p"
    assert headers["X-Auth-User"] == "bob"
    assert headers["X-Auth-Token"] == "s3cr3t-key"


def test_options_win_over_the_environment(service, cli, monkeypatch):
    for name, value in LOCAL.items():
        monkeypatch.setenv(name, value)
    service.answer(EMPTY)
    cli("--os-username", "alice", "--os-password", "other", "window", "list")
    assert service.requests[0].headers["X-Auth-User"] == "alice"
    assert service.requests[0].headers["X-Auth-Token"] == "other"


def test_without_credentials_nobody_in_particular_asks(service, cli):
    service.answer(EMPTY)
    cli("window", "list")
    assert not [name for name in service.requests[0].headers if name.startswith("X-")]


def test_a_401_says_whom_we_asked_as(service, cli, monkeypatch):
    service.refuse(401, "UNAUTHENTICATED", "Who are you?")
    assert "no credentials were given: set OS_CLOUD" in cli("window", "list").err
    for name, value in LOCAL.items():
        monkeypatch.setenv(name, value)
    service.refuse(401, "UNAUTHENTICATED", "Who are you?")
    assert cli("window", "list").err == "Who are you? (asked as Craton's user 'bob')\n"


def test_secrets_are_not_shown_with_debug(service, cli, monkeypatch):
    for name, value in LOCAL.items():
        monkeypatch.setenv(name, value)
    service.answer(EMPTY)
    done = cli("--debug", "window", "list")
    assert "GET" in done.err
    assert "s3cr3t-key" not in done.out + done.err
    assert "{SHA256}" not in done.err


def test_a_wrong_cloud_is_named(bare, monkeypatch):
    monkeypatch.setenv("OS_CLOUD", "nosuch")
    done = bare("window", "list")
    assert (done.status, done.err) == (
        1,
        "credentials for Keystone: Cloud nosuch was not found.\n",
    )


class Keystone:
    """As much of Keystone as a login takes, in the same stand-in."""

    def __init__(self, service, catalogue, monkeypatch):
        self.root = service.url.removesuffix("/v1")
        self.catalogue = catalogue
        # neither of these is an answer of ours, so no schema is checked
        handle = service.handle
        monkeypatch.setattr(
            service,
            "handle",
            lambda request: (
                self.answer(request) if "identity" in request.path else handle(request)
            ),
        )
        for name, value in {
            "OS_AUTH_URL": f"{self.root}/identity/v3",
            "OS_USERNAME": "admin",
            "OS_PASSWORD": "s3cr3t",
            "OS_PROJECT_NAME": "admin",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
        }.items():
            monkeypatch.setenv(name, value)

    def answer(self, request):
        if request.method == "GET":
            link = {"rel": "self", "href": f"{self.root}/identity/v3/"}
            return 200, {"version": {"id": "v3.14", "status": "stable", "links": [link]}}
        user = request.body["auth"]["identity"]["password"]["user"]
        if user["password"] != "s3cr3t":
            return 401, {"error": {"code": 401, "message": "No.", "title": "Unauthorized"}}
        token = {
            "methods": ["password"],
            "user": {"id": "u", "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p", "name": "admin", "domain": {"id": "default", "name": "D"}},
            "roles": [{"id": "r", "name": "admin"}],
            "issued_at": "2030-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "catalog": self.catalogue,
        }
        return 201, {"token": token}, {"X-Subject-Token": "t0k3n"}


def catalogue(url):
    endpoint = {"id": "e", "interface": "public", "region_id": "R", "region": "R", "url": url}
    return [{"id": "s", "type": "maintenance", "name": "m", "endpoints": [endpoint]}]


@influxdb
def test_keystones_catalogue_says_where_we_are(service, bare, monkeypatch):
    Keystone(service, catalogue(service.url), monkeypatch)
    service.answer(EMPTY)
    done = bare("--debug", "window", "list")
    assert done.status == 0
    assert service.requests[0].headers["X-Auth-Token"] == "t0k3n"
    assert "s3cr3t" not in done.err
    assert "t0k3n" not in done.err


@influxdb
def test_an_address_wins_over_the_catalogue(service, cli, monkeypatch):
    Keystone(service, catalogue("http://127.0.0.1:1/v1"), monkeypatch)
    service.answer(EMPTY)
    assert cli("window", "list").status == 0
    assert service.requests[0].headers["X-Auth-Token"] == "t0k3n"


@influxdb
def test_cratons_address_helps_where_the_catalogue_has_none(service, bare, monkeypatch):
    Keystone(service, [], monkeypatch)
    monkeypatch.setenv("CRATON_URL", service.url.removesuffix("/v1"))
    service.answer(EMPTY)
    assert bare("window", "list").status == 0


@influxdb
def test_no_token_is_sent_to_a_guessed_address(service, bare, monkeypatch):
    Keystone(service, [], monkeypatch)
    done = bare("window", "list")
    assert done.status == 1
    assert done.err.startswith("Keystone's catalogue has no endpoint of type 'maintenance'")


@influxdb
def test_a_login_that_fails_is_told_as_such(service, bare, monkeypatch):
    Keystone(service, [], monkeypatch)
    monkeypatch.setenv("OS_PASSWORD", "wrong")
    done = bare("window", "list")
    assert done.status == 1
    assert done.err.startswith("cannot log in at Keystone: ")
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:1/v3")
    done = bare("window", "list")
    assert done.err == "cannot reach Keystone at http://127.0.0.1:1/v3 (connection refused)\n"


def test_redirects_do_not_carry_credentials_away(service, cli):
    service.answer(None, 302, Location="http://127.0.0.1:1/v1/maintenance-windows")
    done = cli("window", "show", window()["id"])
    assert done.status == 1
    assert "redirects to http://127.0.0.1:1/v1/maintenance-windows: use that address" in done.err
