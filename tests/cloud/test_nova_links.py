"""The filter in a real nova-api: one beside the cloud's own, on the same database."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.waiting import until

from . import nova_api, stack

pytestmark = [pytest.mark.cloud, pytest.mark.journey]

#: Microversions before, at, and after those where these answers changed their shape.
VERSIONS = ("2.1", "2.53", "2.69", "2.93")


@pytest.fixture(scope="module")
def nova(tmp_path_factory, installation) -> Iterator[str]:
    """The address of a nova-api with the filter."""
    folder = tmp_path_factory.mktemp("nova")
    (folder / "password").write_text(stack.PASSWORD)
    links = {
        "url": installation.url,
        "interval": 0.2,
        "max_age": 3,
        "auth_url": stack.AUTH_URL,
        "username": "maintenance",
        "password_file": folder / "password",
    }
    with nova_api.running(folder, links) as url:
        yield url


def _links(session: Any, base: str, path: str, version: str = "2.93") -> Any:
    """The answer of the nova-api with the filter, after a look at what is ours in it."""
    answer = session.get(
        f"{base}{path}",
        headers={"OpenStack-API-Version": f"compute {version}"},
        authenticated=True,
    )
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    return answer.json()


def _ours(item: dict[str, Any]) -> list[str]:
    return [link["href"] for link in item.get("links", []) if link["rel"] == "maintenance"]


def _wait_links(party, nova: str, host: str, wanted: bool) -> None:
    def look() -> bool:
        services = _links(party.session, nova, "/os-services?binary=nova-compute")["services"]
        return bool(_ours(next(one for one in services if one["host"] == host))) is wanted

    until(look, f"link of {host} {'there' if wanted else 'gone'}", 20.0, 0.1)


def test_links_of_services_and_servers(nova, operator, alpha, beta, hosts, fleet, windows):
    host = hosts[1]
    _wait_links(operator, nova, host, False)
    made = operator.api.announce({"hosts": [host]}, announcement="new disks")
    windows.append(made["id"])
    operator.api.request("PUT", "/links", 200, {"base_url": "https://portal.example.org/m"})
    try:
        until(
            lambda: (
                _ours(
                    next(
                        one
                        for one in _links(operator.session, nova, "/os-services")["services"]
                        if one["host"] == host
                    )
                )
                == [f"https://portal.example.org/m/{host}"]
            ),
            "the link of the service",
            20.0,
            0.1,
        )
        for version in VERSIONS:
            services = _links(operator.session, nova, "/os-services", version)["services"]
            assert {one["host"] for one in services if _ours(one)} == {host}
            for party in (alpha, beta):
                touched = stack.host_id(party.project_id, host)
                href = f"https://portal.example.org/m/project/{touched}"
                servers = _links(party.session, nova, "/servers/detail", version)["servers"]
                mine = {server.id: server.host for server in fleet[party.name]}
                assert {one["id"]: _ours(one) for one in servers} == {
                    ident: [href] if place == host else [] for ident, place in mine.items()
                }
                for one in servers:
                    path = f"/servers/{one['id']}"
                    assert _ours(_links(party.session, nova, path, version)["server"]) == _ours(
                        one
                    )
    finally:
        operator.api.request("DELETE", "/links", 204)


def test_nova_is_as_ever_when_nothing_is_announced_and_when_we_are_down(
    nova, operator, alpha, beta, hosts, fleet, windows, installation, figures
):
    host = hosts[1]
    made = operator.api.announce({"hosts": [host]})
    windows.append(made["id"])
    _wait_links(operator, nova, host, True)
    with installation.away("api"):
        _wait_links(operator, nova, host, False)
        real = operator.session.get_endpoint(service_type="compute", region_name=stack.REGION)
        times: dict[str, list[float]] = {nova: [], real: []}
        for _ in range(20):
            bodies = []
            for base, taken in times.items():
                begun = time.perf_counter()
                bodies.append(_links(operator.session, base, "/servers/detail?all_tenants=1"))
                taken.append(time.perf_counter() - begun)
            # but for the address in Nova's own links they are the same
            ids = [[(one["id"], one["hostId"]) for one in body["servers"]] for body in bodies]
            assert ids[0] == ids[1]
        ours, theirs = (sorted(taken)[10] * 1000 for taken in times.values())
        figures.append(
            f"servers of a real Nova: {ours:.1f} ms with the filter, {theirs:.1f} without"
        )
    installation.wait_ready()
    _wait_links(operator, nova, host, True)
