"""The commands on windows: what they ask, what they show, what they refuse."""

import datetime as dt
import json

import pytest

from craton_maintenance.cli import window as commands

from .conftest import WINDOW_ID, part, window

NOW = dt.datetime(2030, 1, 31, 12, 0, 0, 654321, tzinfo=dt.UTC)
PATH = f"/v1/maintenance-windows/{WINDOW_ID}"


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(commands, "_now", lambda: NOW)


def page(*windows, following=None):
    links = [{"rel": "next", "href": following}] if following else []
    return {"maintenance_windows": list(windows), "links": links}


# Set


def test_set_sends_what_was_said(service, cli):
    service.answer(window(), 201)
    done = cli(
        *("window", "set", "--host", "compute-01", "--host", "RegionTwo/compute-02"),
        *("--label", "/rack/3", "--cell", "c", "--region", "R", "--cloud", "C"),
        *("--aggregate", "ssd", "--zone", "az1", "--start", "+2h", "--duration", "90m"),
        *("--reason", "firmware", "--announcement", "soon", "--impact", "degraded"),
        *("--interruption", "5m", "--target-host", "RegionOne/spare", "--allow-overlap"),
        *("--idempotency-key", "k1", "-f", "json"),
    )
    assert done.status == 0
    request = service.requests[0]
    assert (request.method, request.path) == ("POST", "/v1/maintenance-windows")
    assert request.headers["Idempotency-Key"] == "k1"
    assert request.body == {
        "scope": {
            "hosts": ["compute-01", {"region": "RegionTwo", "name": "compute-02"}],
            "labels": ["rack/3"],
            "cells": ["c"],
            "regions": ["R"],
            "clouds": ["C"],
            "aggregates": ["ssd"],
            "availability_zones": ["az1"],
        },
        "start": "2030-01-31T14:00:00Z",
        "end": "2030-01-31T15:30:00Z",
        "reason": "firmware",
        "announcement": "soon",
        "impact": "DEGRADED",
        "expected_interruption": 300,
        "target_host": {"region": "RegionOne", "name": "spare"},
        "allow_overlap": True,
    }
    assert done.json == window()


def test_what_was_not_said_is_not_sent(service, cli):
    service.answer(window(), 201)
    cli("window", "set", "--host", "compute-01")
    assert service.requests[0].body == {"scope": {"hosts": ["compute-01"]}}
    assert "Idempotency-Key" not in service.requests[0].headers


def test_now_is_the_services_now(service, cli):
    service.answer(window(), 201)
    cli("window", "set", "--host", "compute-01", "--start", "now", "--duration", "1h")
    assert service.requests[0].body == {
        "scope": {"hosts": ["compute-01"]},
        "end": "2030-01-31T13:00:00Z",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what the window is for: --host, --label"),
        (["--host", "a", "--end", "+1h", "--duration", "1h"], "not allowed with argument"),
        (["--host", "a", "--start", "+2h", "--end", "+1h"], "--end: 2030-01-31T13:00:00Z is not"),
        (["--host", "a", "--end", "2029-01-01T00:00Z"], "is not after the start"),
        (["--host", "a", "--start", "2030-01-31 22:00"], "--start: '2030-01-31 22:00' does not"),
        (["--host", "a", "--impact", "bad"], "--impact: invalid choice"),
        (["--host", "a", "--interruption", "long"], "--interruption: 'long' is not a duration"),
        (["--region", "R", "--retire"], "--retire: whole regions are never retired"),
        (["--host", ""], "--host: '' is not a name"),
        (["--host", "R/"], "--host: 'R/' is not a name"),
        (["--hots", "a"], "unrecognized arguments: --hots a"),
        (["--host", "a", "--start", "9999-12-31T23:00Z", "--duration", "2h"], "is too long"),
    ],
)
def test_what_is_typed_wrong_is_said_before_any_request(bare, words, said):
    done = bare("window", "set", *words)
    assert done.status == 2
    first, second = done.err.splitlines()
    assert said in first
    assert second == "Try 'craton-maintenance window set --help'."
    assert done.out == ""


# Errors of the service


def test_fields_are_named(service, cli):
    service.refuse(400, "INVALID", "all of it", scope__hosts__0="no such host", end="has passed")
    done = cli("window", "set", "--host", "a")
    assert (done.status, done.out) == (1, "")
    assert done.err == "scope/hosts/0: no such host; end: has passed\n"


def test_an_overlap_says_how_to_have_both(service, cli):
    service.refuse(409, "WINDOW_OVERLAP", "It overlaps with x.")
    done = cli("window", "set", "--host", "a")
    assert done.err == "It overlaps with x (on the command line: --allow-overlap)\n"


def test_a_fault_of_the_service_names_the_request(service, cli):
    service.refuse(500, "INTERNAL", "Something broke.")
    assert cli("window", "list").err == "Something broke. (req-1)\n"


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, {"message": "Not Found", "status": 404}), (502, b"<html>"), (404, ["x"])],
)
def test_somebody_elses_errors_are_told_apart(service, cli, status, body):
    # Craton's own, for example, where no proxy brings us together
    service.answer(body, status)
    done = cli("window", "list")
    assert done.status == 1
    assert f"answered {status}" in done.err
    assert "not from craton-maintenance: another address is given by --url" in done.err


def test_an_answer_that_is_no_json(service, cli):
    service.answer(b"<html>welcome</html>")
    assert "is not craton-maintenance" in cli("window", "list").err


def test_nobody_there(bare):
    done = bare("--url", "http://127.0.0.1:1", "window", "list")
    assert done.status == 1
    assert done.err == (
        "cannot reach http://127.0.0.1:1/v1 (connection refused): is it running there? "
        "another address is given by --url or CRATON_MAINTENANCE_URL\n"
    )


def test_a_traceback_only_with_debug(service, cli):
    service.refuse(404, "NOT_FOUND", "No.")
    assert "Traceback" not in cli("window", "show", "x").err
    service.refuse(404, "NOT_FOUND", "No.")
    assert "Traceback" in cli("--debug", "window", "show", "x").err


# List


def test_list_asks_for_what_is_not_over(service, cli):
    service.answer(page())
    done = cli("window", "list")
    assert service.requests[0].query == {
        "state": "scheduled,open",
        "sort_keys": "start,id",
        "sort_dir": "asc",
        "limit": "100",
    }
    assert "There is no maintenance window that is scheduled or open" in done.err


def test_list_filters(service, cli):
    service.answer(page())
    cli(
        *("window", "list", "--state", "open", "--state", "closed", "--host", "h"),
        *("--region", "R", "--project", "p", "--retire", "--starts-before", "+1h"),
        *("--ends-after", "now", "--sort", "end", "--reverse", "--limit", "20"),
    )
    assert service.requests[0].query == {
        "state": "open,closed",
        "host": "h",
        "region": "R",
        "project_id": "p",
        "retire": "true",
        "starts_before": "2030-01-31T13:00:00Z",
        "ends_after": "2030-01-31T12:00:00Z",
        "sort_keys": "end,id",
        "sort_dir": "desc",
        "limit": "20",
    }


def test_list_all(service, cli):
    service.answer(page())
    cli("window", "list", "--all")
    assert "state" not in service.requests[0].query


def test_pages_are_followed_to_the_end(service, cli):
    # behind a proxy the service may know itself by another name
    service.answer(page(window(), following=f"http://inside:1/v1/x?limit=10&marker={WINDOW_ID}"))
    service.answer(page(window(state="open", end=None)))
    done = cli("window", "list", "-f", "json")
    assert [row["State"] for row in done.json] == ["scheduled", "open"]
    assert [row["End"] for row in done.json] == ["2030-01-31T23:30:00Z", None]
    assert service.requests[1].path == "/v1/maintenance-windows"
    assert service.requests[1].query == {"limit": "10", "marker": WINDOW_ID}


def test_no_page_is_asked_for_beyond_the_limit(service, cli):
    rows = [window(), window()]
    service.answer(page(*rows, following=f"http://x/?marker={WINDOW_ID}"))
    assert len(cli("window", "list", "--limit", "2", "-f", "json").json) == 2
    assert service.requests[0].query["limit"] == "10"


def test_a_table_is_for_people(service, cli):
    scope = {
        "labels": [{"name": "rack/3"}],
        "hosts": [{"name": f"c{n}", "region": "R"} for n in range(4)],
    }
    service.answer(page(window(end=None, scope=scope)))
    out = cli("window", "list").out
    assert "open-ended" in out
    assert "label /rack/3, R/c0, R/c1 and 2 more" in out


def test_projects_see_what_is_theirs(service, cli):
    service.answer(page(part()))
    row = cli("window", "list", "--long", "-f", "json").json[0]
    assert row["Server IDs"] == ["s1", "s2"]
    assert "Scope" not in row


@pytest.mark.parametrize("limit", ["0", "-1", "many", "²"])
def test_a_limit_is_a_number(bare, limit):
    done = bare("window", "list", f"--limit={limit}")
    assert done.status == 2
    assert f"--limit: '{limit}' is not a number above 0" in done.err


# Show


def test_show_asks_for_all(service, cli):
    projects = [{"project_id": "p", "servers": ["s1"]}, {"project_id": "q", "servers": ["a", "b"]}]
    hosts = [{"region": "R", "name": f"c{n}"} for n in range(20)]
    service.answer(window(hosts=hosts, projects=projects))
    out = cli("window", "show", WINDOW_ID).out
    assert service.requests[0].query == {"details": "true"}
    assert "p: 1 server " in out
    assert "q: 2 servers" in out
    assert "and 9 more (all with -f json)" in out
    assert "2030-01-01T00:00:00Z" in out  # to the second
    service.answer(window(hosts=hosts, projects=projects))
    assert cli("window", "show", WINDOW_ID, "-f", "json").json["hosts"] == hosts


def test_ids_are_quoted(service, cli):
    service.refuse(404, "NOT_FOUND", "There is no such maintenance window.")
    cli("window", "show", "../links?x#y")
    assert service.requests[0].path == "/v1/maintenance-windows/..%2Flinks%3Fx%23y"


# Change


def test_change_is_of_the_revision_just_read(service, cli):
    service.answer(window(revision=7))
    service.answer(window(revision=8))
    cli("window", "change", WINDOW_ID, "--reason", "x", "--no-end", "--no-retire")
    read, change = service.requests
    assert (read.method, read.path) == ("GET", PATH)
    assert (change.method, change.path) == ("PATCH", PATH)
    assert change.headers["If-Match"] == '"7"'
    assert change.body == {"reason": "x", "end": None, "retire": False}


def test_change_by_force_or_of_a_known_revision_reads_nothing(service, cli):
    service.answer(window())
    service.answer(window())
    cli("window", "change", WINDOW_ID, "--announcement", "", "--force")
    cli("window", "change", WINDOW_ID, "--no-target-host", "--revision", "2")
    forced, known = service.requests
    assert "If-Match" not in forced.headers
    assert forced.body == {"announcement": ""}
    assert known.headers["If-Match"] == '"2"'
    assert known.body == {"target_host": None}


def test_a_duration_counts_from_the_windows_own_start(service, cli):
    service.answer(window())
    service.answer(window())
    cli("window", "change", WINDOW_ID, "--duration", "3h", "--force")
    assert service.requests[1].body == {"end": "2030-02-01T01:00:00Z"}
    assert "If-Match" not in service.requests[1].headers


def test_a_duration_counts_from_the_new_start(service, cli):
    service.answer(window())
    cli(
        *("window", "change", WINDOW_ID, "--start", "+1h", "--duration", "3h", "--force"),
    )
    assert service.requests[0].body == {
        "start": "2030-01-31T13:00:00Z",
        "end": "2030-01-31T16:00:00Z",
    }


def test_an_end_before_the_windows_own_start(service, cli):
    service.answer(window())
    done = cli("window", "change", WINDOW_ID, "--end", "+1h")
    assert done.status == 2
    assert "is not after the start, 2030-01-31T22:00:00Z" in done.err


def test_change_of_nothing(bare):
    done = bare("window", "change", WINDOW_ID)
    assert done.status == 2
    assert done.err.startswith("say what to change")


def test_somebody_else_was_faster(service, cli):
    service.answer(window())
    service.refuse(412, "STALE_REVISION", "It was changed meanwhile. Read it again.")
    done = cli("window", "change", WINDOW_ID, "--reason", "x")
    assert done.err == "It was changed meanwhile. Read it again (or insist with --force)\n"


# Cancel, start, finish


def test_cancel_several_tells_each_that_fails(service, cli):
    service.answer(None, 204)
    service.refuse(409, "WINDOW_OPEN", "The window is open.")
    service.refuse(404, "NOT_FOUND", "There is no such maintenance window.")
    done = cli("window", "cancel", "a", "b", "c", "a")
    assert [x.path.rpartition("/")[2] for x in service.requests] == ["a", "b", "c"]
    assert done.status == 1
    assert done.err.splitlines() == [
        "b: The window is open (on the command line: window finish b)",
        "c: There is no such maintenance window.",
    ]


def test_cancel_says_nothing_when_done(service, cli):
    service.answer(None, 204)
    done = cli("window", "cancel", "a")
    assert (done.status, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("verb", ["start", "finish"])
def test_start_and_finish(service, cli, verb):
    service.answer(window(state="open"))
    done = cli("window", verb, WINDOW_ID, "-f", "value", "-c", "state")
    assert service.requests[0].path == f"{PATH}/{verb}"
    assert service.requests[0].body is None
    assert done.out == "open\n"


def test_formats(service, cli):
    service.answer(page(window()))
    assert cli("window", "list", "-f", "csv", "-c", "id", "-c", "Start").out.splitlines() == [
        '"ID","Start"',
        f'"{WINDOW_ID}","2030-01-31T22:00:00Z"',
    ]
    service.answer(window())
    assert json.loads(cli("window", "show", "x", "-f", "json").out)["target_host"] is None
