"""Requests at the same time: what is decided is decided once."""

import threading
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from craton_maintenance.db import craton


def at_once(calls: Sequence[Callable[[], int]]) -> list[int]:
    """The statuses of requests that are sent together."""
    barrier = threading.Barrier(len(calls))
    statuses = [0] * len(calls)

    def run(index: int) -> None:
        barrier.wait()
        statuses[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return statuses


def send(api, method, path, body=None):
    return lambda: api.api.call(method, f"/v1{path}", body).status_code


def body(place, name):
    ids = {"cloud_id": place[0], "region_id": place[1]}
    return {"name": name, "ip_address": "::1", "device_type": "server"} | ids


def test_a_name_is_taken_once(api):
    place = api.place()
    statuses = at_once([send(api, "POST", "/hosts", body(place, "h")) for _ in range(6)])
    assert sorted(statuses) == [201] + [409] * 5


def test_a_region_is_deleted_or_gets_a_host(api, database):
    cloud = api.post("/clouds", name="c")["id"]
    for number in range(6):
        region = api.post("/regions", name=f"r{number}", cloud_id=cloud)["id"]
        created, deleted = at_once(
            [
                send(api, "POST", "/hosts", body((cloud, region), "h")),
                send(api, "DELETE", f"/regions/{region}"),
            ]
        )
        assert (created, deleted) in ((201, 409), (400, 204))
        hosts = sa.select(craton.devices.c.id).where(craton.devices.c.region_id == region)
        with database.read() as connection:
            assert len(connection.execute(hosts).all()) == (created == 201)


def test_two_hosts_are_never_in_each_other(api):
    place = api.place()
    for number in range(6):
        one, two = (api.host(f"{name}{number}", place)["id"] for name in ("a", "b"))
        statuses = at_once(
            [
                send(api, "PUT", f"/hosts/{one}", {"parent_id": two}),
                send(api, "PUT", f"/hosts/{two}", {"parent_id": one}),
            ]
        )
        assert sorted(statuses) == [200, 400]


def test_no_variable_is_lost(api):
    path = f"/hosts/{api.host('h', api.place())['id']}/variables"
    calls = [send(api, "PUT", path, {"same": number, f"v{number}": 1}) for number in range(6)]
    assert at_once(calls) == [200] * 6
    assert set(api.get(path)["variables"]) == {"same", *(f"v{number}" for number in range(6))}
