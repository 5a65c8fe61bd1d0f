"""``keystone setup`` against a Keystone of dictionaries."""

import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from craton_maintenance.cli.keystone import PASSWORD

#: openstacksdk warns of its own support for InfluxDB whenever it makes a session
pytestmark = pytest.mark.filterwarnings("ignore:Support for InfluxDB")

URL = "https://maintenance.example.org/v1"
SECRET = "kept-out-of-sight"
SINGULAR = ["service", "endpoint", "role", "project", "user", "region", "domain"]


class Identity:
    """Keystone as far as the command goes."""

    def __init__(self) -> None:
        self.things: dict[str, list[dict[str, Any]]] = {f"{kind}s": [] for kind in SINGULAR}
        self.things["regions"].append({"id": "RegionOne"})
        self.things["domains"].append({"id": "default", "name": "Default"})
        for role in ("admin", "member"):
            self.things["roles"].append({"id": f"role-{role}", "name": role})
        self.grants: set[str] = set()
        self.writes: list[tuple[str, str, Any]] = []
        #: ``(method, path)`` to status of a refusal
        self.refuse: dict[tuple[str, str], int] = {}
        self.url = ""

    def handle(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if (method, path) in self.refuse:
            return self.refuse[method, path], {"error": {"message": "not you", "code": 403}}
        if path == "/v3":
            links = [{"rel": "self", "href": self.url}]
            return 200, {"version": {"id": "v3.14", "status": "stable", "links": links}}
        if path == "/v3/auth/tokens":
            return 201, {"token": self._token()}
        if method in ("POST", "PUT", "PATCH"):
            self.writes.append((method, path, body))
        if re.fullmatch("/v3/projects/[^/]+/users/[^/]+/roles/[^/]+", path):
            if method == "PUT":
                self.grants.add(path)
            return (204 if path in self.grants else 404), None
        _, _, kinds, *ident = path.split("/")
        things = self.things[kinds]
        if method == "POST":
            made = body[kinds[:-1]]
            things.append({"id": f"{kinds[:-1]}-{len(things)}", "enabled": True} | made)
            return 201, {kinds[:-1]: things[-1]}
        if method == "PATCH":
            found = next(thing for thing in things if thing["id"] == ident[0])
            found |= body[kinds[:-1]]
            return 200, {kinds[:-1]: found}
        return 200, {kinds: things}

    def _token(self) -> dict[str, Any]:
        interfaces = [
            {"interface": name, "region_id": "RegionOne", "region": "RegionOne", "url": self.url}
            for name in ("public", "internal", "admin")
        ]
        return {
            "methods": ["password"],
            "expires_at": "2999-12-31T23:59:59.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "user": {"id": "u", "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p", "name": "p", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "role-admin", "name": "admin"}],
            "catalog": [{"type": "identity", "name": "keystone", "endpoints": interfaces}],
        }


class _Handler(http.server.BaseHTTPRequestHandler):
    identity: Identity

    def _answer(self) -> None:
        where = urllib.parse.urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.identity.handle(
            self.command,
            where.path.rstrip("/"),
            dict(urllib.parse.parse_qsl(where.query)),
            json.loads(content) if content else None,
        )
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Subject-Token", "token")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    """It listens, and the environment names it and its admin."""
    standing = Identity()
    handler = type("Handler", (_Handler,), {"identity": standing})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    standing.url = f"http://127.0.0.1:{server.server_address[1]}/v3"
    for name, value in {
        "AUTH_URL": standing.url,
        "USERNAME": "admin",
        "PASSWORD": "of the admin",
        "PROJECT_NAME": "admin",
        "USER_DOMAIN_NAME": "Default",
        "PROJECT_DOMAIN_NAME": "Default",
    }.items():
        monkeypatch.setenv(f"OS_{name}", value)
    monkeypatch.setenv(PASSWORD, SECRET)
    yield standing
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def setup(bare, identity):
    def run(*words: str, status: int = 0):
        done = bare("keystone", "setup", *words)
        assert done.status == status, done.out + done.err
        assert SECRET not in done.out + done.err
        return done

    return run


def rows(done):
    return {(row["Thing"], row["Value"]): row["Done"] for row in done.json}


def test_everything_is_made_once(setup, identity):
    first = rows(setup("--url", URL, "-f", "json"))
    assert {endpoint["url"] for endpoint in identity.things["endpoints"]} == {URL}
    assert {endpoint["interface"] for endpoint in identity.things["endpoints"]} == {
        "public",
        "internal",
        "admin",
    }
    assert {role["name"] for role in identity.things["roles"]} == {
        "admin",
        "service",
        "member",
        "reader",
    }
    (user,) = identity.things["users"]
    assert (user["name"], user["password"], user["domain_id"]) == (
        "maintenance",
        SECRET,
        "default",
    )
    assert len(identity.grants) == 2
    assert first["role", "admin"] == "as it was"
    assert first["user", "maintenance"] == "made"
    identity.writes.clear()
    again = setup("--url", URL, "-f", "json")
    assert identity.writes == []
    assert set(rows(again).values()) == {"as it was"}
    assert "Nothing to change." in again.err


def test_check_changes_nothing_and_asks_for_no_password(setup, identity, monkeypatch):
    monkeypatch.delenv(PASSWORD)
    done = setup("--url", URL, "--check", "-f", "json")
    assert identity.writes == []
    assert rows(done)["service", "maintenance: craton-maintenance"] == "would be made"
    assert "would be changed." in done.err


def test_a_changed_address_is_updated(setup, identity):
    setup("--url", "http://old:7790")
    assert {endpoint["url"] for endpoint in identity.things["endpoints"]} == {"http://old:7790/v1"}
    identity.writes.clear()
    done = rows(setup("--url", URL, "--internal-url", "http://old:7790/v1", "-f", "json"))
    assert [(method, body) for method, _, body in identity.writes] == [
        ("PATCH", {"endpoint": {"url": URL, "enabled": True}})
    ]
    said = done["public endpoint", f"RegionOne: {URL}"]
    assert said == "changed, was http://old:7790/v1"


def test_only_the_interfaces_asked_for(setup, identity):
    setup("--url", URL, "--interface", "public")
    assert [endpoint["interface"] for endpoint in identity.things["endpoints"]] == ["public"]


def test_the_address_of_the_configuration(setup, identity, tmp_path):
    (tmp_path / "our.conf").write_text(f"[api]\npublic_url = {URL}\n")
    setup("--config-file", str(tmp_path / "our.conf"))
    assert identity.things["endpoints"][0]["url"] == URL


def test_without_an_address(setup, tmp_path):
    (tmp_path / "our.conf").touch()
    done = setup("--config-file", str(tmp_path / "our.conf"), status=1)
    assert "give --url" in done.err


def test_without_a_password_nothing_is_begun(setup, identity, monkeypatch):
    monkeypatch.delenv(PASSWORD)
    monkeypatch.setattr("sys.stdin", type("Pipe", (), {"isatty": lambda self: False})())
    done = setup("--url", URL, status=1)
    assert PASSWORD in done.err
    assert identity.writes == []


def test_a_password_asked_for(setup, identity, monkeypatch):
    monkeypatch.delenv(PASSWORD)
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("getpass.getpass", lambda prompt: SECRET)
    setup("--url", URL)
    assert identity.things["users"][0]["password"] == SECRET


def test_a_password_changed_only_when_asked(setup, identity, monkeypatch):
    setup("--url", URL)
    monkeypatch.setenv(PASSWORD, "another")
    setup("--url", URL)
    assert identity.things["users"][0]["password"] == SECRET
    setup("--url", URL, "--reset-password")
    assert identity.things["users"][0]["password"] == "another"


def test_the_log_does_not_show_the_password(setup, bare, identity, caplog):
    caplog.set_level("DEBUG")
    done = bare("--debug", "keystone", "setup", "--url", URL)
    assert done.status == 0
    assert SECRET not in done.out + done.err + caplog.text


def test_a_region_that_is_not_there(setup):
    done = setup("--url", URL, "--region", "RegionTwo", status=1)
    assert "no region 'RegionTwo'" in done.err
    assert "RegionOne" in done.err


def test_a_disabled_user_is_told(setup, identity):
    identity.things["users"].append(
        {"id": "u", "name": "maintenance", "domain_id": "default", "enabled": False}
    )
    assert "is disabled" in setup("--url", URL, status=1).err


def test_several_services_of_the_type(setup, identity):
    for name in ("one", "two"):
        identity.things["services"].append({"id": name, "type": "maintenance", "name": name})
    assert "one, two" in setup("--url", URL, status=1).err
    setup("--url", URL, "--service-name", "two")
    assert {endpoint["service_id"] for endpoint in identity.things["endpoints"]} == {"two"}


def test_forbidden(setup, identity):
    identity.refuse["POST", "/v3/services"] = 403
    done = setup("--url", URL, status=1)
    assert "refuses (403)" in done.err
    assert "administrator" in done.err


def test_unreachable(setup, monkeypatch):
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:1/v3")
    done = setup("--url", URL, status=1)
    assert "cannot reach Keystone at http://127.0.0.1:1/v3 (connection refused)" in done.err


def test_not_let_in(setup, identity):
    identity.refuse["POST", "/v3/auth/tokens"] = 401
    assert "cannot log in at Keystone" in setup("--url", URL, status=1).err
