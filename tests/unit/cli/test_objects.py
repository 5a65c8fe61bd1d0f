"""Hosts, regions, cells, clouds; Nova's hosts; links; what is pending."""

import pytest

from .conftest import part, window

STATE = {"state": "open", "now": [window(state="open", retire=True)], "next": [window(end=None)]}
HOST = {"host": {"region": "R", "name": "compute-01"}}


@pytest.mark.parametrize("noun", ["host", "region", "cell", "cloud"])
def test_the_same_for_every_kind(service, cli, noun):
    service.answer(STATE | {"name": "x y"})
    service.answer(window(), 201)
    service.answer(None, 204)
    assert cli(noun, "show", "x y", "-f", "json").json["state"] == "open"
    assert cli(noun, "set", "x y", "--end", "+1h", "--reason", "r", "-f", "json").json == window()
    assert cli(noun, "unset", "x y").out == ""
    assert [x.method for x in service.requests] == ["GET", "PUT", "DELETE"]
    assert {x.path for x in service.requests} == {f"/v1/{noun}s/x%20y/maintenance"}
    body = service.requests[1].body
    assert set(body) == {"end", "reason"}


def test_a_duration_counts_from_the_start_of_the_window_that_is_changed(service, cli):
    zone = window(scope={"availability_zones": [{"name": "az1"}]}, start="2029-01-01T00:00:00Z")
    service.answer({"state": "scheduled", "now": [], "next": [zone, window()]} | HOST)
    service.answer(window())
    cli("host", "set", "compute-01", "--duration", "3h")
    assert service.requests[1].body == {"end": "2030-02-01T01:00:00Z"}


@pytest.mark.parametrize("noun", ["host", "cell"])
def test_a_region_tells_the_same_names_apart(service, cli, noun):
    service.answer(None, 204)
    cli(noun, "unset", "RegionTwo/one")
    assert service.requests[0].path == f"/v1/{noun}s/one/maintenance"
    assert service.requests[0].query == {"region": "RegionTwo"}


def test_an_ambiguous_name_says_how_to_type_it(service, cli):
    service.refuse(400, "AMBIGUOUS_NAME", "…", path="exists in the regions A, B")
    done = cli("host", "show", "compute-05")
    assert done.err == ("path: exists in the regions A, B (on the command line: REGION/NAME)\n")


def test_windows_are_told_in_a_line(service, cli):
    service.answer(STATE | HOST)
    out = cli("host", "show", "compute-01").out
    assert "R/compute-01" in out
    assert "to 2030-01-31T23:30:00Z OUTAGE RETIRE: planned maintenance" in out
    assert "to open-ended OUTAGE: planned maintenance" in out


def test_a_whole_region_is_never_retired(bare):
    done = bare("region", "set", "R", "--retire")
    assert done.status == 2
    assert "--retire: a whole region is never retired" in done.err


@pytest.mark.parametrize("words", [("host", "show", ""), ("host", "show", "R/"), ("link", "show")])
def test_a_name_is_needed(bare, words):
    assert bare(*words).status == 2


def test_nova_hosts_on_all_pages(service, cli):
    def row(name, nova, craton, *differences):
        found = [{"code": "X", "text": text} for text in differences]
        return {"region": "R", "name": name, "nova": nova, "craton": craton, "differences": found}

    nova = {"status": "enabled", "state": "up", "availability_zone": "az1"}
    ok = {"region": "R", "generation": 1, "complete": True, "finished_at": None, "error": None}
    service.answer(
        {
            "nova_hosts": [row("a", nova, {"id": 1})],
            "links": [{"rel": "next", "href": "http://x/v1/nova-hosts?marker=R%2Fa"}],
            "syncs": [ok],
        }
    )
    service.answer(
        {
            "nova_hosts": [row("b", None, {"id": 2}, "Nova does not know it.")],
            "links": [],
            "syncs": [ok, ok | {"region": "S", "complete": False}, ok | {"error": "refused"}],
        }
    )
    done = cli("nova-host", "list", "--differences", "-f", "json")
    assert service.requests[0].query == {"limit": "100", "differences": "true"}
    assert service.requests[1].query == {"marker": "R/a"}
    assert [(x["Name"], x["Status"], x["Craton ID"]) for x in done.json] == [
        ("a", "enabled", 1),
        ("b", None, 2),
    ]
    assert done.err.splitlines() == [
        "S: last read from Nova: not all of Nova answered",
        "R: last read from Nova: refused",
    ]


NOTICE = {
    "notice_id": "0d7c5e6a-3f0e-4e58-9d3c-6f1f3a0c2b11",
    "session_id": "1d7c5e6a-3f0e-4e58-9d3c-6f1f3a0c2b11",
    "window_id": "2d7c5e6a-3f0e-4e58-9d3c-6f1f3a0c2b11",
    "state": "PLANNED_MAINTENANCE",
    "instance_ids": ["a"],
    "allowed_actions": ["MIGRATE"],
    "reply_at": "2030-01-31T22:00:00Z",
    "actions_at": None,
    "reply_url": "http://127.0.0.1:7790/v1/maintenance/1/p",
    "metadata": {},
}


def test_pending(service, cli):
    service.answer({"seq": 5, "maintenance_windows": [part()], "notices": [NOTICE]})
    done = cli("pending", "show", "--project", "p", "-f", "json")
    assert service.requests[0].query == {"project_id": "p"}
    assert done.json == {"seq": 5, "maintenance_windows": [part()], "notices": [NOTICE]}


def test_links(service, cli):
    service.answer(STATE | HOST)
    service.answer({"state": "none", "now": [], "next": [], "host_id": "abc"})
    cli("link", "show", "RegionOne/compute-01")
    cli("link", "show", "--host-id", "abc")
    assert service.requests[0].path == "/v1/links/compute-01"
    assert service.requests[0].query == {"region": "RegionOne"}
    assert service.requests[1].path == "/v1/links/project/abc"


def test_either_a_host_or_a_host_id(bare):
    done = bare("link", "show", "compute-01", "--host-id", "abc")
    assert done.status == 2
    assert done.err.startswith("give either a host, or --host-id\n")


def test_base_url(service, cli):
    links = {"base_url": "https://x", "is_default": False, "host": "h", "project": "p"}
    service.answer(links)
    service.answer(links)
    service.answer(None, 204)
    assert cli("base-url", "set", "https://x", "-f", "json").json == links
    assert cli("base-url", "show", "-f", "json").json == links
    assert cli("base-url", "unset").status == 0
    assert service.requests[0].body == {"base_url": "https://x"}
    assert [x.method for x in service.requests] == ["PUT", "GET", "DELETE"]
