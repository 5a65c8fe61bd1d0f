"""Variables: merged on PUT, inherited by nearness, looked for with ``vars``."""

import pytest
import sqlalchemy as sa

from craton_maintenance.db import craton


@pytest.fixture
def tree(api):
    """One variable on each level, and ``who`` on all of them."""
    cloud = api.post("/clouds", name="c", variables={"cloud": 1, "who": "cloud"})["id"]
    region = api.post(
        "/regions", name="r", cloud_id=cloud, variables={"region": 1, "who": "region"}
    )["id"]
    cell = api.post(
        "/cells", name="z", cloud_id=cloud, region_id=region, variables={"cell": 1, "who": "cell"}
    )["id"]
    project = api.get("/projects")["projects"][0]["id"]
    api.put(f"/projects/{project}/variables", project=1, who="project")
    place = (cloud, region, cell)
    top = api.host("top", place, variables={"top": 1, "who": "top"})["id"]
    middle = api.host("middle", (cloud, region), parent_id=top, variables={"middle": 1})["id"]
    bottom = api.host("bottom", (cloud, region), parent_id=middle, variables={"own": 1})["id"]
    return {"place": place, "top": top, "middle": middle, "bottom": bottom, "project": project}


def test_the_nearest_wins(api, tree):
    bottom = f"/hosts/{tree['bottom']}"
    expected = {
        "own": 1,
        "middle": 1,
        "top": 1,
        "region": 1,
        "cloud": 1,
        "project": 1,
        "who": "top",
    }
    assert api.get(bottom)["variables"] == expected
    assert api.get(f"{bottom}/variables")["variables"] == expected
    assert api.get(f"{bottom}?resolved-values=false")["variables"] == {"own": 1}
    assert api.get(f"{bottom}/variables?resolved-values=false")["variables"] == {"own": 1}
    cloud, region, cell = tree["place"]
    assert api.get(f"/cells/{cell}")["variables"]["project"] == 1
    assert api.get(f"/cells/{cell}")["variables"]["who"] == "cell"
    assert api.get(f"/regions/{region}")["variables"]["cloud"] == 1
    assert api.get(f"/clouds/{cloud}")["variables"] == {"cloud": 1, "who": "cloud"}
    assert set(api.get(f"/regions/{region}/variables")["variables"]) == {"region", "who"}


def test_lists_show_them_with_details(api, tree):
    for host in api.get("/hosts?details=all")["hosts"]:
        assert host["variables"] == api.get(f"/hosts/{host['id']}")["variables"]
    for host in api.get("/hosts?details=all&resolved-values=false")["hosts"]:
        assert "region" not in host["variables"]
    for no in ("n", "no", "false", "0", ""):
        assert "variables" not in api.get(f"/hosts?details={no}")["hosts"][0]


def test_put_merges_and_delete_takes_names(api, tree):
    path = f"/hosts/{tree['top']}/variables"
    values = {"k": 1, "j": {"a": [1, None, True, 1.5, "x"]}, "a b.c/d": None}
    assert api.put(path, **values) == {"variables": values | {"top": 1, "who": "top"}}
    assert api.put(path, k=2)["variables"]["k"] == 2
    api.delete(path, ["k", "zz", "top"])
    assert api.get(f"{path}?resolved-values=false")["variables"] == {
        "j": values["j"],
        "a b.c/d": None,
        "who": "top",
    }
    api("DELETE", path, {"k": 1}, 400)


def test_names_are_as_long_as_craton_can_keep(api, tree):
    path = f"/hosts/{tree['top']}/variables"
    api.put(path, **{"x" * 255: 1})
    api(
        "PUT",
        path,
        {"x" * 256: 1},
        400,
    )
    api("PUT", path, {"": 1}, 400)


def test_names_that_differ_in_case_are_never_mixed_up(api, tree):
    """MariaDB's usual collation takes K for k: refused there, kept apart elsewhere."""
    path = f"/hosts/{tree['top']}/variables"
    api.put(path, k=1)
    answer = api.api.call("PUT", f"/v1{path}", {"K": 2})
    assert answer.status_code in (200, 409), answer.text
    assert api.get(path)["variables"]["k"] == 1
    both = api.api.call("PUT", f"/v1{path}", {"q": 1, "Q": 2})
    assert both.status_code == answer.status_code, both.text


def test_variables_do_not_change_when_the_host_was_updated(api, tree):
    api.put(f"/hosts/{tree['top']}/variables", z=1)
    assert api.get(f"/hosts/{tree['top']}")["updated_at"] is None


def test_they_are_stored_as_craton_stores_them(api, tree, database):
    api.put(f"/hosts/{tree['top']}/variables", u="ü", n=None)
    with database.read() as connection:
        rows = {
            row.key_: row
            for row in connection.execute(
                sa.select(craton.variables).where(craton.variables.c.key_.in_(["u", "n"]))
            )
        }
    assert rows["u"].value_ == '"\\u00fc"'
    assert rows["n"].value_ == "null"
    assert rows["n"].created_at is not None
    assert rows["n"].updated_at is None


def test_vars_finds_by_what_is_inherited(api, tree):
    everybody = ["top", "middle", "bottom"]
    for text, names in (
        ("own:1", ["bottom"]),
        ("top:1", everybody),
        ("region:1", everybody),
        ("cell:1", ["top"]),
        ("project:1,cloud:1", everybody),
        ('who:"top"', everybody),
        ('who:"region"', []),
        ("own:1,middle:1", ["bottom"]),
        ("own:true", []),
        ("nothing:1", []),
    ):
        found = api.get(f"/hosts?vars={text}")
        assert [host["name"] for host in found["hosts"]] == names, text


def test_vars_looks_at_its_own_only_where_asked(api, tree):
    assert api.get("/hosts?vars=region:1&resolved-values=false")["hosts"] == []
    assert len(api.get("/hosts?vars=top:1&resolved-values=false")["hosts"]) == 1


def test_vars_looks_into_values_on_every_kind(api, tree):
    cloud, region, cell = tree["place"]
    value = {"a": {"b": [{"c": 1}, {"c": True}]}}
    paths = {"clouds": cloud, "regions": region, "cells": cell, "projects": tree["project"]}
    for kind, object_id in paths.items():
        api.put(f"/{kind}/{object_id}/variables", deep=value)
        for text in ("deep.a.b[*].c:true", "deep.a.b[0].c:1", 'deep:{"a":{"b":[{"c":1}]}}'):
            assert [found["id"] for found in api.get(f"/{kind}?vars={text}")[kind]] == [object_id]
        assert api.get(f"/{kind}?vars=deep.a.b[0].c:true")[kind] == []


def test_a_filter_that_cannot_be_read_is_400(api):
    for text in ("k", "k:", "k:x", ":1", "k:NaN", "k[x]:1", "k:1,", "k:1x", "a..b:1"):
        api.refused("GET", f"/hosts?vars={text}", 400, "vars")


def test_vars_pages_without_losing_any(api):
    place = api.place()
    for number in range(35):
        api.host(f"h{number}", place, variables={"odd": bool(number % 2)})
    found, path = [], "/hosts?vars=odd:true&limit=10&sort_keys=device_type"
    while True:
        page = api.get(path)
        if not page["hosts"]:
            break
        found += [host["name"] for host in page["hosts"]]
        links = {link["rel"]: link["href"] for link in page["links"]}
        path = links["next"].partition("/v1")[2]
    assert sorted(found) == sorted(f"h{number}" for number in range(1, 35, 2))


def test_hosts_in_a_circle_are_shown(api, tree, database):
    """Two PUTs at once can make one in Craton."""
    database.write(
        lambda transaction: transaction.execute(
            sa.update(craton.devices)
            .where(craton.devices.c.id == tree["top"])
            .values(parent_id=tree["bottom"])
        )
    )
    assert api.get(f"/hosts/{tree['top']}")["variables"]["own"] == 1
