"""Pages as Craton's, and no row is lost in any order."""

import datetime as dt
import itertools

import pytest
import sqlalchemy as sa

from craton_maintenance.craton import objects
from craton_maintenance.craton.kinds import HOST
from craton_maintenance.craton.tenancy import Tenant
from craton_maintenance.db import craton

PROJECT = "0b9f2d4e5f3c4f1b8f0e8a1d7c6b5a40"


@pytest.fixture
def hosts(api, database):
    """35 hosts that are equal in most of what they can be sorted by; some without a value."""
    place = api.place()
    names = [f"host-{number:02}" for number in range(35)]
    later = dt.datetime(2030, 1, 1)  # noqa: DTZ001 - as in Craton's tables

    def work(transaction):
        devices = craton.devices
        for number, name in enumerate(names):
            host = {
                "name": name,
                "cloud_id": place[0],
                "region_id": place[1],
                "cell_id": place[2] if number % 2 else None,
                "device_type": "server" if number % 3 else "box",
                "ip_address": "10.0.0.1",
            }
            objects.create(transaction, HOST, Tenant(PROJECT, True), host, later)
        odd = devices.c.id % 2 == 1
        transaction.execute(
            sa.update(devices).where(odd).values(updated_at=later, note="n", active=None)
        )
        transaction.execute(sa.update(devices).where(devices.c.id % 5 == 0).values(active=False))

    database.write(work)
    return names


def walk(api, path, key="hosts"):
    """Pages as Craton's client reads them: on and on, until one is empty."""
    pages = []
    while True:
        answer = api.get(path)
        if not answer[key]:
            return pages
        pages.append(answer)
        links = {link["rel"]: link["href"] for link in answer["links"]}
        path = links["next"].partition("/v1")[2]


KEYS = (
    *(None, "id", "name", "created_at"),
    *("device_type", "updated_at", "note", "active", "cell_id", "parent_id"),
    *("active, updated_at", "cell_id device_type name"),
)


@pytest.mark.parametrize("down", ["asc", "desc"])
def test_every_row_is_seen_once_whatever_it_is_sorted_by(api, hosts, down):
    for keys in KEYS:
        query = f"&sort_keys={keys}" if keys else ""
        pages = walk(api, f"/hosts?limit=10&sort_dir={down}{query}")
        seen = [host["name"] for page in pages for host in page["hosts"]]
        assert sorted(seen) == hosts, keys
        assert [len(page["hosts"]) for page in pages] == [10, 10, 10, 5], keys
        if keys in KEYS[:4]:
            assert seen == (hosts if down == "asc" else hosts[::-1])


def test_the_way_back_is_the_same(api, hosts):
    pages = walk(api, "/hosts?limit=10&sort_keys=updated_at")
    for before, after in itertools.pairwise(pages):
        links = {link["rel"]: link["href"] for link in after["links"]}
        assert api.get(links["prev"].partition("/v1")[2])["hosts"] == before["hosts"]
    assert [link["rel"] for link in pages[0]["links"]] == ["first", "prev", "self", "next"]


def test_links_say_what_was_taken_by_default(api, hosts):
    links = {link["rel"]: link["href"] for link in api.get("/hosts?device_type=box")["links"]}
    taken = "device_type=box&sort_keys=created_at%2Cid&sort_dir=asc&limit=30"
    assert links["first"] == f"http://127.0.0.1:7790/v1/hosts?{taken}"
    assert links["self"] == links["first"]


def test_an_empty_page_has_no_next(api):
    assert [link["rel"] for link in api.get("/hosts")["links"]] == ["first", "prev", "self"]


def test_a_limit_that_is_none_is_400(api):
    for limit in ("9", "101", "x", "1.5", "-1", ""):
        api.refused("GET", f"/hosts?limit={limit}", 400, "limit")


def test_a_marker_that_is_not_there_is_400(api, hosts):
    for marker in ("999", "x", "0", "99999999999"):
        answer = api.get(f"/hosts?marker={marker}", 400)
        assert f'Marker "{marker}" does not exist' in answer["message"]


def test_a_sort_key_that_is_none_is_400(api):
    for key in ("bogus", "api_key", "variable_association_id", "type"):
        answer = api.get(f"/hosts?sort_keys={key}", 400)
        assert f'"{key}" is an invalid sort key' in answer["message"]


def test_filters_narrow(api, hosts):
    cloud, region, cell = (
        api.get(f"/{kind}")[kind][0]["id"] for kind in ("clouds", "regions", "cells")
    )
    everything = api.get("/hosts?limit=100")["hosts"]
    host = everything[7]
    api.put(f"/hosts/{host['id']}/labels", labels=["rack:7"])
    api.put(f"/hosts/{host['id']}", ip_address="10.0.0.7")
    for query in (f"id={host['id']}", "name=host-07", "label=rack:7", "ip_address=10.0.0.7"):
        assert [found["id"] for found in api.get(f"/hosts?{query}")["hosts"]] == [host["id"]]
    boxes = {one["name"] for one in everything if one["device_type"] == "box"}
    assert {one["name"] for one in api.get("/hosts?device_type=box")["hosts"]} == boxes
    assert len(api.get(f"/hosts?cell_id={cell}&limit=100")["hosts"]) == 17
    assert len(api.get(f"/hosts?region_id={region}&cloud_id={cloud}&limit=100")["hosts"]) == 35
    assert api.get(f"/hosts?region_id={region + 1}")["hosts"] == []
    assert len(api.get(f"/cells?region_id={region}")["cells"]) == 1


def test_a_region_or_cloud_is_looked_for_by_name_or_not_at_all(api):
    api.place()
    for kind in ("clouds", "regions"):
        found = api.get(f"/{kind}?name={kind[:-1]}-1")
        assert found["links"] == []
        assert len(found[kind]) == 1
        api.get(f"/{kind}?name=bogus", 404)
        api.get(f"/{kind}?id=4711", 404)
    assert api.get("/cells?name=bogus")["cells"] == []
