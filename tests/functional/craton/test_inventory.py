"""Clouds, regions, cells and hosts: Craton's shapes and codes, without its faults."""

import re

import pytest
import sqlalchemy as sa

from craton_maintenance.db import craton

URL = "http://127.0.0.1:7790/v1"


def test_a_host_has_cratons_shape(api):
    cloud, region, cell = api.place()
    made = api.host("h1", (cloud, region, cell), note="x", labels=["rack:1"], variables={"v": 1})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", made.pop("created_at"))
    host_id = made.pop("id")
    assert made == {
        "active": True,
        "cell_id": cell,
        "cloud_id": cloud,
        "device_type": "server",
        "ip_address": "10.0.0.1",
        "links": [{"href": f"{URL}/cells/{cell}", "rel": "up"}],
        "name": "h1",
        "note": "x",
        "parent_id": None,
        "project_id": "0b9f2d4e-5f3c-4f1b-8f0e-8a1d7c6b5a40",
        "region_id": region,
        "updated_at": None,
        "variables": {"v": 1},
    }
    assert api.get(f"/hosts/{host_id}") == api.get(f"/hosts/{host_id}?resolved-values=true")
    changed = api.put(f"/hosts/{host_id}", note="y")
    assert "variables" not in changed
    assert changed["updated_at"] is not None


def test_a_creation_says_where_it_is_and_reads_the_same(api):
    answer = api.api.call("POST", "/v1/clouds", {"name": "c"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{URL}/clouds/{answer.json['id']}"
    assert api.get(f"/clouds/{answer.json['id']}") == answer.json


def test_up_is_the_parent_then_the_cell_then_the_region(api):
    cloud, region, cell = api.place()
    alone = api.host("alone", (cloud, region))
    below = api.host("below", (cloud, region, cell), parent_id=alone["id"])
    assert alone["links"][0]["href"] == f"{URL}/regions/{region}"
    assert below["links"][0]["href"] == f"{URL}/hosts/{alone['id']}"


@pytest.mark.parametrize("kind", ["clouds", "regions", "cells", "hosts"])
def test_an_id_that_is_none_is_404_for_every_method(api, kind):
    api.host("h1", api.place())
    for wrong in ("9999", "1abc", "abc", "0", "-1", "99999999999", "1.0"):
        for method, body in (("GET", None), ("PUT", {"note": "x"}), ("DELETE", None)):
            assert api(method, f"/{kind}/{wrong}", body, 404)["code"] == "NOT_FOUND"
        assert api("PUT", f"/{kind}/{wrong}/variables", {"a": 1}, 404)


def test_a_note_is_cleared_with_null(api):
    cloud = api.post("/clouds", name="c", note="x")["id"]
    assert api.put(f"/clouds/{cloud}", note=None)["note"] is None


def test_a_host_never_moves(api):
    place = api.place()
    host = api.host("h1", place)["id"]
    for field in ("cloud_id", "region_id", "cell_id"):
        api.refused("PUT", f"/hosts/{host}", 400, field, {field: place[0]})


def test_what_is_named_has_to_be_there(api):
    cloud, region, cell = api.place()
    body = {"name": "h", "ip_address": "::1", "device_type": "server"}
    ids = {"cloud_id": cloud, "region_id": region, "cell_id": cell}
    for field in (*ids, "parent_id"):
        api.refused("POST", "/hosts", 400, field, body | ids | {field: 4711})
    api.refused("POST", "/regions", 400, "cloud_id", {"name": "r", "cloud_id": 4711})
    host = api.host("h", (cloud, region))["id"]
    api.refused("PUT", f"/hosts/{host}", 400, "parent_id", {"parent_id": 4711})


def test_cloud_region_and_cell_belong_together(api):
    (cloud, region, _), (other_cloud, other_region, other_cell) = api.place("1"), api.place("2")
    body = {"name": "h", "ip_address": "::1", "device_type": "server"}
    wrong = body | {"cloud_id": other_cloud, "region_id": region}
    api.refused("POST", "/hosts", 400, "region_id", wrong)
    wrong = body | {"cloud_id": cloud, "region_id": region, "cell_id": other_cell}
    api.refused("POST", "/hosts", 400, "cell_id", wrong)
    wrong = {"name": "z", "cloud_id": cloud, "region_id": other_region}
    api.refused("POST", "/cells", 400, "region_id", wrong)


def test_a_host_is_never_in_itself(api):
    place = api.place()
    top = api.host("top", place)["id"]
    middle = api.host("middle", place, parent_id=top)["id"]
    bottom = api.host("bottom", place, parent_id=middle)["id"]
    for parent in (top, middle, bottom):
        api.refused("PUT", f"/hosts/{top}", 400, "parent_id", {"parent_id": parent})
    assert api.put(f"/hosts/{bottom}", parent_id=None)["parent_id"] is None
    assert api.put(f"/hosts/{top}", parent_id=bottom)["parent_id"] == bottom


def test_a_taken_name_is_409_on_creation_and_renaming(api):
    cloud, region, _cell = api.place("1")
    _, other_region, _ = api.place("2")
    one, two = api.host("one", (cloud, region))["id"], api.host("two", (cloud, region))["id"]
    api.refused("PUT", f"/hosts/{two}", 409, "name", {"name": "one"})
    api.host("one", (cloud, region), status=409)
    assert api.put(f"/hosts/{one}", name="one")["name"] == "one"
    api.refused("POST", "/clouds", 409, "name", {"name": "cloud-1"})
    api.refused("POST", "/regions", 409, "name", {"name": "region-1", "cloud_id": cloud})
    body = {"name": "cell-1", "cloud_id": cloud, "region_id": region}
    api.refused("POST", "/cells", 409, "name", body)
    assert api.put(f"/regions/{other_region}", name="region-1")["id"] == other_region


def test_an_address_that_is_none_is_refused(api):
    cloud, region, _ = api.place()
    body = {"name": "h", "device_type": "server", "cloud_id": cloud, "region_id": region}
    for address in ("", "10.0.0", "10.0.0.256", "a.example", "fe80::1%eth0", "10.0.0.1/24", 7):
        api.refused("POST", "/hosts", 400, "ip_address", body | {"ip_address": address})


def test_an_address_that_somebody_else_wrote_is_shown(api, database):
    """In Craton one such row makes every list with it a 500."""
    host = api.host("h1", api.place())["id"]
    database.write(
        lambda transaction: transaction.execute(
            sa.update(craton.devices).values(ip_address="not an address", active=None)
        )
    )
    assert api.get("/hosts")["hosts"][0]["ip_address"] == "not an address"
    assert api.get(f"/hosts/{host}")["active"] is None


def test_what_is_not_empty_is_not_deleted(api):
    cloud, region, cell = api.place()
    parent = api.host("parent", (cloud, region, cell))["id"]
    child = api.host("child", (cloud, region), parent_id=parent)["id"]
    full = (f"/clouds/{cloud}", f"/regions/{region}", f"/cells/{cell}", f"/hosts/{parent}")
    for path in full:
        assert api.delete(path, status=409)["code"] == "NOT_EMPTY"
    for path in (f"/hosts/{child}", *reversed(full)):
        api.delete(path)
        api.get(path, 404)


def test_deletion_leaves_nothing_behind(api, database):
    cloud, region, cell = api.place()
    host = api.host("h", (cloud, region, cell), labels=["a"], variables={"a": 1})["id"]
    paths = (f"/hosts/{host}", f"/cells/{cell}", f"/regions/{region}", f"/clouds/{cloud}")
    for path in paths:
        api.put(f"{path}/variables", b=2)
        api.delete(path)
    tables = (craton.devices, craton.hosts, craton.labels, craton.variables)
    with database.read() as connection:
        for table in tables:
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
        kinds = connection.execute(sa.select(craton.variable_association.c.discriminator))
        assert list(kinds.scalars()) == ["project"]


def test_an_id_is_never_given_twice(api):
    place = api.place()
    first = api.host("h", place)["id"]
    api.delete(f"/hosts/{first}")
    assert api.host("h", place)["id"] != first


def test_labels_are_added_and_taken_off(api):
    path = f"/hosts/{api.host('h', api.place())['id']}/labels"
    assert api.put(path, labels=["b", "a", "b"]) == {"labels": ["a", "b"]}
    assert api.put(path, labels=["c"]) == {"labels": ["a", "b", "c"]}
    api.delete(path, {"labels": ["a", "zz"]})
    assert api.get(path) == {"labels": ["b", "c"]}
    for method, body in (("GET", None), ("PUT", {"labels": []}), ("DELETE", {"labels": []})):
        api(method, "/hosts/4711/labels", body, 404)


def test_unknown_fields_and_methods_are_refused(api):
    api.refused("POST", "/clouds", 400, "bogus", {"name": "c", "bogus": 1})
    api.refused("POST", "/clouds", 400, "name", {})
    api.refused("GET", "/hosts?bogus=1", 400, "bogus")
    answer = api.api.call("PATCH", "/v1/hosts", {})
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_characters_of_every_plane_are_kept(api):
    made = api.post("/clouds", name="Wolke ☁ 𝄞", note="ünï 𝄞", variables={"ключ 𝄞": "значение 𝄞"})
    assert api.get(f"/clouds/{made['id']}") == made


def test_the_same_key_creates_once(api):
    headers = {"Idempotency_Key": "k"}
    answers = [api.api.call("POST", "/v1/clouds", {"name": "c"}, **headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
