"""Which servers lists show, page by page."""

import datetime as dt
import uuid
from typing import Any

from .clouds import Cloud, Standing, refusal


def _ids(cloud: Cloud, path: str, user: str = "admin", version: str = "2.93") -> list[str]:
    answer = cloud.call(path, user, version)
    assert answer.status_code == 200, answer.text
    return [server["id"] for server in answer.json()["servers"]]


def _pages(cloud: Cloud, path: str, user: str) -> list[list[str]]:
    pages = []
    while True:
        body = cloud.call(path, user).json()
        pages.append([server["id"] for server in body["servers"]])
        if "servers_links" not in body:
            return pages
        (link,) = body["servers_links"]
        assert link["rel"] == "next"
        path = "/servers" + link["href"].partition("/servers")[2]


def test_list_by_host(cloud: Cloud, standing: Standing) -> None:
    found = _ids(cloud, "/servers/detail?all_tenants=1&host=compute-06")
    assert {standing.first.id, standing.third.id, standing.bobs.id} <= set(found)
    assert standing.second.id not in found
    # from another project all the same
    assert _ids(cloud, "/servers?host=compute-06") == []


def test_owners_host_filter_is_ignored(cloud: Cloud, standing: Standing) -> None:
    found = _ids(cloud, "/servers?host=compute-06", "alice")
    assert standing.second.id in found
    assert standing.bobs.id not in found


def test_list_by_project(cloud: Cloud, standing: Standing) -> None:
    beta = cloud.project_id("beta")
    for name in ("project_id", "tenant_id"):
        found = _ids(cloud, f"/servers?all_tenants=1&{name}={beta}")
        assert standing.bobs.id in found
        assert standing.first.id not in found


def test_list_by_name_and_status(cloud: Cloud, standing: Standing) -> None:
    name = standing.first.name
    assert _ids(cloud, f"/servers?name={name}", "alice") == [standing.first.id]
    assert _ids(cloud, f"/servers?name={name}&status=ACTIVE", "alice") == [standing.first.id]
    assert _ids(cloud, f"/servers?name={name}&status=SHUTOFF", "alice") == []
    # a regular expression
    assert _ids(cloud, f"/servers?name=^{name[:-2]}..$", "alice") == [standing.first.id]


def test_list_by_id(cloud: Cloud, standing: Standing) -> None:
    path = f"/servers?all_tenants=1&uuid={standing.bobs.id}"
    assert _ids(cloud, path) == [standing.bobs.id]


def test_all_tenants_must_be_yes_or_no(cloud: Cloud) -> None:
    message = refusal(cloud.call("/servers?all_tenants=maybe"), 400)
    assert "'maybe'" in message


def test_unknown_parameter_is_400_since_2_75(cloud: Cloud) -> None:
    assert cloud.call("/servers?nonsense=1", version="2.74").status_code == 200
    message = refusal(cloud.call("/servers?nonsense=1", version="2.75"), 400)
    assert message == "'nonsense' does not match any of the regexes: '^_'"


def test_pages_are_followed_by_links(cloud: Cloud, standing: Standing) -> None:
    mine = {standing.first.id, standing.second.id, standing.third.id}
    for path in ("/servers?limit=2", "/servers/detail?limit=2"):
        pages = _pages(cloud, path, "alice")
        assert all(len(page) <= 2 for page in pages)
        seen = [ident for page in pages for ident in page]
        assert mine <= set(seen)
        assert len(seen) == len(set(seen))


def test_full_page_links_to_the_next(cloud: Cloud, standing: Standing) -> None:
    body = cloud.call(f"/servers?limit=1&name={standing.first.name}", "alice").json()
    (link,) = body["servers_links"]
    assert link["href"].endswith(f"&marker={standing.first.id}")
    body = cloud.call("/servers" + link["href"].partition("/servers")[2], "alice").json()
    assert body == {"servers": []}


def test_page_that_is_not_full_has_no_link(cloud: Cloud, standing: Standing) -> None:
    body = cloud.call(f"/servers?limit=2&name={standing.first.name}", "alice").json()
    assert set(body) == {"servers"}


def test_pages_of_all_projects(cloud: Cloud, standing: Standing) -> None:
    pages = _pages(cloud, "/servers/detail?all_tenants=1&host=compute-06&limit=1", "admin")
    seen = {ident for page in pages for ident in page}
    assert {standing.first.id, standing.third.id, standing.bobs.id} <= seen


def test_marker_that_never_was_is_400(cloud: Cloud) -> None:
    for marker in ("nonsense", str(uuid.uuid4())):
        message = refusal(cloud.call(f"/servers?marker={marker}"), 400)
        assert message == f"marker [{marker}] not found"


def test_marker_that_was_deleted_still_marks_its_place(cloud: Cloud, standing: Standing) -> None:
    older = cloud.boot("alice", "compute-06")
    marker = cloud.boot("alice", "compute-06")
    newer = cloud.boot("alice", "compute-06")
    marker.delete()
    cloud.gone(marker)
    found = _ids(cloud, f"/servers?marker={marker.id}", "alice")
    assert older.id in found
    assert standing.first.id in found
    assert newer.id not in found


def test_limits(cloud: Cloud, standing: Standing) -> None:
    assert cloud.call("/servers?limit=0", "alice").json()["servers"] == []
    for limit in ("-1", "x"):
        message = refusal(cloud.call(f"/servers?limit={limit}"), 400)
        assert message.startswith(f"Invalid input for query parameters limit. Value: {limit}.")


def test_newest_come_first(cloud: Cloud, standing: Standing) -> None:
    server = cloud.boot("alice", "compute-06")
    assert _ids(cloud, "/servers?limit=1", "alice") == [server.id]
    path = "/servers?sort_key=created_at&sort_dir=asc"
    assert _ids(cloud, path, "alice")[-1] == server.id


def test_unknown_sort_key_is_400(cloud: Cloud) -> None:
    message = refusal(cloud.call("/servers?sort_key=nonsense"), 400)
    assert message.startswith("Invalid input for query parameters sort_key. Value: nonsense.")


def _later(moment: str, seconds: int) -> str:
    return (dt.datetime.fromisoformat(moment) + dt.timedelta(seconds=seconds)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def _since(cloud: Cloud, moment: str, user: str = "alice") -> dict[str, Any]:
    listed = cloud.call(f"/servers/detail?changes-since={moment}", user).json()["servers"]
    return {server["id"]: server for server in listed}


def test_changes_since_shows_what_changed(cloud: Cloud, standing: Standing) -> None:
    server = cloud.boot("alice", "compute-06")
    assert server.id in _since(cloud, server.updated)
    assert server.id not in _since(cloud, _later(server.updated, 2))


def test_changes_since_shows_what_was_deleted(cloud: Cloud) -> None:
    server = cloud.boot("alice", "compute-06")
    server.delete()
    cloud.gone(server)
    found = _since(cloud, server.created)[server.id]
    assert found["status"] == "DELETED"
    assert found["OS-EXT-STS:vm_state"] == "deleted"
    assert found["OS-SRV-USG:terminated_at"]
    assert server.id not in _ids(cloud, "/servers", "alice")


def test_changes_since_that_is_no_time_is_400(cloud: Cloud) -> None:
    assert refusal(cloud.call("/servers?changes-since=nonsense"), 400)


def test_deleted_servers_for_administrators(cloud: Cloud) -> None:
    server = cloud.boot("alice", "compute-06")
    server.delete()
    cloud.gone(server)
    path = f"/servers?all_tenants=1&deleted=true&uuid={server.id}"
    assert _ids(cloud, path) == [server.id]
