"""Craton's own client and scripts written for it work."""

import pytest

from .client import HttpError, Manager, Session

URL = "http://127.0.0.1:7790/v1"


@pytest.fixture
def managers(local):
    """The managers of ``cratonclient.v1.client.Client``, as the user that bootstrap makes."""
    session = Session(local.app, local.headers(local.project(), "bootstrap", is_root=True))
    keys = ("cloud", "region", "cell", "host", "project")
    return {key: Manager(session, URL, key) for key in keys}


@pytest.fixture
def place(managers):
    cloud = managers["cloud"].create(name="c", note=None)["id"]
    region = managers["region"].create(name="r", cloud_id=cloud)["id"]
    cell = managers["cell"].create(name="z", cloud_id=cloud, region_id=region)["id"]
    return {"cloud_id": cloud, "region_id": region, "cell_id": cell}


def test_the_whole_life_of_a_host(managers, place):
    hosts = managers["host"]
    made = hosts.create(
        name="h", ip_address="10.0.0.1", device_type="server", active=True, **place
    )
    fields = {"id", "name", "active", "device_type", "ip_address", "cloud_id", "region_id"}
    fields |= {"cell_id", "created_at", "updated_at", "note", "variables", "parent_id"}
    assert fields | {"project_id"} <= set(made)
    assert hosts.get(made["id"])["name"] == "h"
    assert hosts.update(made["id"], note="n", active="False")["active"] is False
    assert hosts.vars_set(made["id"], {"k": 1, "j": {"a": None}}, []) == {"k": 1, "j": {"a": None}}
    assert hosts.vars_set(made["id"], {"l": 1.5}, ["j"]) == {"k": 1, "l": 1.5}
    assert hosts.list(vars="k:1", detail=True)[0]["variables"] == {"k": 1, "l": 1.5}
    assert hosts.delete(made["id"]) is True
    with pytest.raises(HttpError, match="404"):
        hosts.get(made["id"])


@pytest.mark.parametrize("sort_key", [None, "device_type", "ip_address", "updated_at", "name"])
def test_all_is_read_page_by_page(managers, place, sort_key):
    names = {f"h{number}" for number in range(21)}
    for name in names:
        managers["host"].create(name=name, ip_address="::1", device_type="server", **place)
    listed = managers["host"].list(limit=10, marker=None, sort_dir="asc", sort_key=sort_key)
    assert {host["name"] for host in listed} == names
    assert len(listed) == len(names)


def test_every_kind_is_listed_shown_changed_and_deleted(managers, place):
    for key in ("cell", "region", "cloud"):
        manager, object_id = managers[key], place[f"{key}_id"]
        assert [found["id"] for found in manager.list(sort_dir="asc")] == [object_id]
        assert manager.update(object_id, name=f"{key}-2")["name"] == f"{key}-2"
        assert manager.vars_set(object_id, {"a": [1]}, ["zz"]) == {"a": [1]}
        assert manager.delete(object_id) is True
        assert manager.list() == []


def test_projects_are_listed_and_made(managers):
    made = managers["project"].create(name="p", variables={"a": 1})
    assert managers["project"].get(made["id"])["variables"] == {"a": 1}
    assert {project["id"] for project in managers["project"].list()} >= {made["id"]}
    assert managers["project"].delete(made["id"]) is True


def test_a_wrong_key_is_401(local, managers):
    headers = local.headers(local.project(), "u") | {"X-Auth-Token": "wrong"}
    with pytest.raises(HttpError, match="401"):
        Manager(Session(local.app, headers), URL, "host").list()
