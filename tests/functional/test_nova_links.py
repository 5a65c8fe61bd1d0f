"""The filter of nova-api, fed by the service over HTTP; Nova is the simulated one."""

import json
import threading
import urllib.error
import wsgiref.simple_server
from collections.abc import Iterator
from typing import Any

import pytest
import werkzeug.test

from craton_maintenance import simcloud
from craton_maintenance_nova_links import Active, Links, Options, Source
from craton_maintenance_nova_links.source import EMPTY
from tests.functional.deployment import Deployment


class _Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Front:
    """The service on a port, and what it was asked."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.statuses: list[str] = []
        self.tokens: list[str] = []
        #: tokens that it does not take
        self.revoked: set[str] = set()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        token = environ.get("HTTP_X_AUTH_TOKEN", "")
        self.tokens.append(token)

        def noted(status: str, *more: Any) -> Any:
            self.statuses.append(status[:3])
            return start_response(status, *more)

        if token in self.revoked:
            noted("401 Unauthorized", [("Content-Length", "0")])
            return [b""]
        return self._app(environ, noted)


class Stage:
    """Service, Nova, and the filter between a caller and Nova."""

    def __init__(self, deployment: Deployment, url: str, front: Front) -> None:
        self.deployment = deployment
        self.front = front
        self.url = url
        nova = simcloud.create_app(deployment.cloud)

        def compute(environ: Any, start_response: Any) -> Any:
            path = "/compute/v2.1" + environ["PATH_INFO"]
            return nova(environ | {"PATH_INFO": path}, start_response)

        self.nova = compute
        options = Options(f"{url}/v1")
        self.active = Active(Source(options), options)
        self.filtered = Links(compute, self.active, options.max_body)

    def ask(self, user: str, path: str) -> Any:
        """Nova's answer through the filter; the same as Nova's but for our links."""
        token = simcloud.session(self.deployment.cloud, user).get_token()
        found = []
        for app in (self.filtered, self.nova):
            answer = werkzeug.test.Client(app).get(path, headers={"X-Auth-Token": token})
            found.append(answer)
        assert found[0].status == found[1].status
        document = found[0].json
        if found[0].data != found[1].data:
            plain = found[1].json
            without = json.loads(found[0].data)
            for items in without.values():
                for item in items if isinstance(items, list) else [items]:
                    links = [x for x in item.pop("links", []) if x["rel"] != "maintenance"]
                    item |= {"links": links} if links else {}
            assert without == plain
        return document


@pytest.fixture
def stage(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    front = Front(deployment.app)
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, front, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made = Stage(deployment, f"http://127.0.0.1:{server.server_port}", front)
    # asked when the test says so
    monkeypatch.setattr(made.active, "_follow", lambda: None)
    made.active.current()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def ours(items: list[dict[str, Any]], key: str) -> dict[str, list[str]]:
    return {
        item[key]: [x["href"] for x in item.get("links", []) if x["rel"] == "maintenance"]
        for item in items
    }


def test_links_come_and_go_with_the_window(stage, deployment, operator):
    stage.active.refresh()
    assert stage.active.current() == EMPTY
    window = operator.set(hosts=["host-a1"], announcement="fans")
    operator.put("/v1/links", {"base_url": "https://portal.example.org/m"})
    stage.active.refresh()

    services = ours(stage.ask("admin", "/os-services")["services"], "host")
    assert services["host-a1"] == ["https://portal.example.org/m/host-a1"]
    assert not any(hrefs for host, hrefs in services.items() if host != "host-a1")

    servers = stage.ask("web", "/servers/detail")["servers"]
    touched = deployment.host_id("web", "host-a1")
    expected = {
        server["id"]: [f"https://portal.example.org/m/project/{touched}"]
        if server["hostId"] == touched
        else []
        for server in servers
    }
    assert ours(servers, "id") == expected
    assert sum(map(bool, expected.values())) == 2
    one = next(ident for ident, hrefs in expected.items() if hrefs)
    assert ours([stage.ask("web", f"/servers/{one}")["server"]], "id") == {one: expected[one]}

    operator.delete("/v1/links")
    stage.active.refresh()
    (href,) = ours([stage.ask("web", f"/servers/{one}")["server"]], "id")[one]
    path = href.removeprefix("http://127.0.0.1:7790")
    assert deployment.member("web").get(path).json["now"][0]["id"] == window["id"]

    operator.post(f"/v1/maintenance-windows/{window['id']}/finish")
    deployment.engine()
    stage.active.refresh()
    assert stage.active.current() == EMPTY
    assert not any(ours(stage.ask("web", "/servers/detail")["servers"], "id").values())


def test_nothing_is_sent_while_nothing_changes(stage, operator):
    operator.set(hosts=["host-a1"])
    for _ in range(3):
        stage.active.refresh()
    assert stage.front.statuses == ["200", "304", "304"]
    assert stage.active.current().hosts == {"host-a1"}


def test_nova_answers_while_we_are_down(stage, deployment, operator, monkeypatch, caplog):
    operator.set(hosts=["host-a1"])
    stage.active.refresh()
    monkeypatch.setattr(stage.active, "_clock", lambda: float("inf"))
    assert not any(ours(stage.ask("web", "/servers/detail")["servers"], "id").values())
    gone = Options("http://127.0.0.1:1/v1")
    active = Active(Source(gone), gone)
    active.refresh()
    assert "does not say" in caplog.text


def test_hosts_of_one_region(stage, deployment, operator):
    deployment.second_region()
    operator.set(hosts=[{"region": "RegionTwo", "name": "host-a1"}])
    for region, hosts in (("RegionOne", set()), ("RegionTwo", {"host-a1"})):
        found = Source(Options(f"{stage.url}/v1", region=region)).read()
        assert found.hosts == hosts
        assert found.host_ids == frozenset()


def test_with_a_token(stage, deployment, operator):
    operator.set(hosts=["host-a1"])
    with simcloud.SimCloudServer(deployment.cloud) as keystone:
        login = {"auth_url": keystone.auth_url, "username": "maintenance", "password": "secret"}
        source = Source(Options(f"{stage.url}/v1", **login))
        assert source.read().hosts == {"host-a1"}
        source.read()
        first, again = stage.front.tokens
        assert first == again != ""
        stage.front.revoked.add(first)
        assert source.read().hosts == {"host-a1"}
        assert stage.front.tokens[-1] not in ("", first)
        wrong = Source(Options(f"{stage.url}/v1", **login | {"password": "wrong"}))
        with pytest.raises(urllib.error.HTTPError, match="401"):
            wrong.read()
