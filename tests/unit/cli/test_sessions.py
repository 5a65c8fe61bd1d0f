"""The commands on sessions, replies, constraints and flows: what they ask, what they show."""

import datetime as dt

import pytest

from craton_maintenance.cli import client as clients
from craton_maintenance.cli import session as commands

from .conftest import SESSION_ID, WINDOW_ID, asked, session, session_part, taken, window

NOW = dt.datetime(2030, 1, 31, 12, 0, 0, 654321, tzinfo=dt.UTC)
PATH = f"/v1/maintenance/{SESSION_ID}"
SERVER = "8c9b32b1-80b3-53af-aad3-c605668024a6"


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(commands, "_now", lambda: NOW)


def created():
    whole = session()
    names = "session_id state percent_done workflow window_id maintenance_at maintenance_end links"
    counts = {"hosts_count": 3, "projects_count": 1, "servers_count": 2}
    return {name: whole[name] for name in names.split()} | counts


# Start


def test_start_sends_what_was_said(service, cli):
    service.answer(created())
    done = cli(
        *("session", "start", "--aggregate", "ssd", "--host", "R/a", "--at", "+2h"),
        *("--duration", "90m", "--workflow", "vnf", "--metadata", "release=9"),
        *("--metadata", "note=a=b", "--host-flow", "firmware"),
        *("--action", 'wait:{"message": "swap"}', "--action", "none"),
        *("--reason", "fans", "--announcement", "soon", "--impact", "outage"),
        *("--idempotency-key", "k", "-f", "json"),
    )
    assert done.status == 0
    (request,) = service.requests
    assert (request.method, request.path) == ("POST", "/v1/maintenance")
    assert request.headers["Idempotency-Key"] == "k"
    assert request.body == {
        "scope": {"hosts": [{"region": "R", "name": "a"}], "aggregates": ["ssd"]},
        "maintenance_at": "2030-01-31T14:00:00Z",
        "maintenance_end": "2030-01-31T15:30:00Z",
        "workflow": "vnf",
        "metadata": {"release": "9", "note": "a=b"},
        "actions": [
            {"flow": "firmware"},
            {"plugin": "wait", "options": {"message": "swap"}},
            {"plugin": "none"},
        ],
        "reason": "fans",
        "announcement": "soon",
        "impact": "OUTAGE",
    }
    assert done.json == created()


def test_start_on_everything_now(service, cli):
    service.answer(created())
    assert cli("session", "start", "--all-computes", "--at", "now").status == 0
    assert service.requests[0].body == {"hosts": []}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say which hosts are maintained"),
        (["--all-computes", "--host", "a"], "say which hosts are maintained"),
        (["--host", "a", "--metadata", "x"], "--metadata: 'x' is not KEY=VALUE"),
        (["--host", "a", "--action", "wait:{"], "--action: '{' is not JSON"),
        (["--host", "a", "--action", "wait:5"], "--action: 'wait:5' is not a plugin"),
        (["--region", "R", "--retire"], "whole regions are never retired"),
        (["--host", "a", "--workflow", "k8s"], "--workflow: invalid choice"),
    ],
)
def test_what_is_typed_wrong_is_said_before_any_request(bare, words, said):
    done = bare("session", "start", *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_a_window_with_a_session(service, cli):
    ref = {"id": SESSION_ID, "state": "MAINTENANCE"}
    service.answer(window(workflow="default", session=ref), 201)
    done = cli("window", "set", "--host", "a", "--workflow", "default", "--metadata", "a=b")
    assert service.requests[0].body == {
        "scope": {"hosts": ["a"]},
        "workflow": "default",
        "metadata": {"a": "b"},
    }
    assert f"{SESSION_ID} MAINTENANCE" in done.out


def test_what_is_for_a_session_needs_a_workflow(bare):
    done = bare("window", "set", "--host", "a", "--action", "none")
    assert done.status == 2
    assert "say --workflow" in done.err


# List, show, detail


def test_the_list_follows_pages(service, cli):
    nextone = {"rel": "next", "href": "http://elsewhere/v1/maintenance?details=true&limit=100"}
    pages = [{"sessions": [], "details": [session()], "links": [nextone]}]
    pages.append({"sessions": [], "details": [session(reason="HOST_DOWN")], "links": []})
    for page in pages:
        service.answer(page)
    done = cli("session", "list", "--state", "paused")
    assert done.out.count(SESSION_ID) == 2
    assert "1 draining, 2 planned" in done.out
    assert "HOST_DOWN" in done.out
    query = {"details": "true", "state": "PAUSED", "limit": "100"}
    assert service.requests[0].query == query


def test_a_project_lists_its_part(service, cli):
    service.answer({"sessions": [SESSION_ID], "details": [session_part()], "links": []})
    done = cli("session", "list", "--long")
    assert "Server IDs" in done.out
    assert "Reason" not in done.out


def test_show(service, cli):
    service.answer(session(state="PAUSED", reason="WINDOW_ENDED"))
    done = cli("session", "show", SESSION_ID)
    assert service.requests[0].path == PATH
    assert "WINDOW_ENDED" in done.out
    service.answer(session())
    assert cli("session", "show", SESSION_ID, "-f", "json").json == session()


def test_detail(service, cli):
    host = {"region": "R", "name": "a"}
    problem = {"code": "HOST_DOWN", "words": "no answer", "since": "2030-01-31T22:00:00Z"}
    document = {
        "session": session(),
        "window": window(),
        "hosts": [host | {"state": "draining", "wave": 1, "problem": problem, "reason": None}],
        "servers": [
            {
                "id": SERVER,
                "project_id": "alpha",
                "name": "x",
                "state": "ready",
                "host": host,
                "action": "MIGRATE",
                "chosen_by": "reply",
                "problem": None,
            }
        ],
        "notices": [
            {
                "id": "n",
                "project_id": "alpha",
                "state": "PLANNED_MAINTENANCE",
                "status": "open",
                "servers": [SERVER],
                "created_at": "2030-01-31T22:00:00Z",
                "delivered_at": None,
                "deadline": None,
            }
        ],
        "steps": [
            {
                "number": 1,
                "kind": "disable_host",
                "host": host,
                "server_id": None,
                "status": "ended",
                "result": "done",
            }
        ],
        "suppressions": [
            {
                "adapter": "masakari",
                "host": host,
                "status": "setting",
                "error": "it is busy",
                "failures": 1,
            }
        ],
        "orders": [{"command": "pause", "actor": "admin"}],
        "blockers": [problem | {"host": host}],
        "estimate": {"ends_at": "2030-01-31T23:00:00Z", "hosts": 1},
    }
    service.answer(document)
    out = cli("session", "detail", SESSION_ID).out
    for words in (
        "HOST_DOWN: R/a: no answer",
        "R/a draining wave 1",
        f"{SERVER} ready MIGRATE by reply",
        "alpha PLANNED_MAINTENANCE open, not handed over",
        "1 disable_host R/a done",
        "masakari: R/a setting: it is busy",
        "pause by admin",
    ):
        assert words in out


# Watch


@pytest.mark.parametrize(
    ("states", "words", "status"),
    [
        (["PLANNED_MAINTENANCE", "MAINTENANCE_DONE"], [], 0),
        (["MAINTENANCE_FAILED"], [], 1),
        (["PAUSED", "MAINTENANCE_DONE"], [], 0),
        (["SCALE_IN", "PAUSED"], ["--until-paused"], 3),
    ],
)
def test_watch_until_it_is_over(service, cli, monkeypatch, states, words, status):
    monkeypatch.setattr(clients.Client.watch, "__defaults__", (lambda seconds: None,))
    for state in states:
        service.answer(session(state=state))
        if state != states[-1]:
            # nothing has changed: no line
            service.answer(session(state=state))
    done = cli("session", "watch", SESSION_ID, "-f", "value", "-c", "State", *words)
    assert done.status == status
    assert done.out.split() == states


def test_watch_says_what_a_session_waits_for(service, cli, monkeypatch):
    monkeypatch.setattr(clients.Client.watch, "__defaults__", (lambda seconds: None,))
    since = "2030-01-31T22:00:00Z"
    waits = {"code": "BUDGET", "words": "group g can't lose a member now", "since": since}
    names = ("hosts", "servers", "notices", "steps", "suppressions", "orders")
    parts = {part: [] for part in names}
    detail = {"session": session(), "window": window(), **parts, "blockers": [waits]} | {
        "estimate": None
    }
    for looks in (4, 3):  # the second time it is no news
        for _ in range(looks):
            service.answer(session())
        service.answer(detail)
    service.answer(session(state="MAINTENANCE_DONE"))
    done = cli("session", "watch", SESSION_ID)
    assert done.status == 0
    first, second, third = done.out.splitlines()[1:]
    assert "BUDGET" not in first + third
    assert second.endswith("BUDGET: group g can't lose a member now")


def test_watch_waits_out_a_restart_of_the_service(service, cli, monkeypatch):
    monkeypatch.setattr(clients.Client.watch, "__defaults__", (lambda seconds: None,))
    service.answer(session())
    service.answer(b"", 503)
    service.answer(session(state="MAINTENANCE_DONE"))
    done = cli("session", "watch", SESSION_ID)
    assert done.status == 0
    assert len(done.out.splitlines()) == 3


# Orders


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["pause", "--reason", "lunch"], {"action": "pause", "reason": "lunch"}),
        (["resume"], {"action": "resume"}),
        (["abort"], {"action": "abort"}),
        (["retry"], {"action": "retry"}),
        (["retry", "--host", "R/a"], {"action": "retry", "host": "a", "region": "R"}),
        (
            ["retry", "--server", SERVER, "--action", "MIGRATE"],
            {"action": "retry", "server_id": SERVER, "server_action": "MIGRATE"},
        ),
        (["override", "--reason", "x"], {"action": "override", "reason": "x"}),
        (
            ["confirm", "--host", "a", "--reason", "x"],
            {"action": "confirm", "host": "a", "reason": "x"},
        ),
        (["skip", "--host", "a"], {"action": "skip", "host": "a"}),
    ],
)
def test_an_order(service, cli, words, body):
    service.answer(session())
    done = cli("session", words[0], SESSION_ID, *words[1:])
    assert done.status == 0
    (request,) = service.requests
    assert (request.method, request.path, request.body) == ("PUT", PATH, body)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["override", "x"], "--reason"),
        (["confirm", "x"], "--reason"),
        (["skip", "x"], "--host"),
        (["retry", "x", "--host", "a", "--server", SERVER], "either --host, or --server"),
        (["retry", "x", "--action", "MIGRATE"], "--action goes with --server"),
    ],
)
def test_an_order_that_is_typed_wrong(bare, words, said):
    done = bare("session", *words)
    assert done.status == 2
    assert said in done.err


# Replies


def test_what_is_asked(service, cli):
    service.answer(session_part())
    service.answer(asked())
    done = cli("reply", "show", SESSION_ID)
    assert service.requests[1].path == f"{PATH}/alpha"
    assert "s1 (SERVER_STATE)" in done.out
    assert "MIGRATE, LIVE_MIGRATE" in done.out


def test_an_operator_says_whose_part(service, cli):
    service.answer(session())
    done = cli("reply", "show", SESSION_ID)
    assert done.status == 2
    assert "--project" in done.err
    service.answer(asked())
    assert cli("reply", "show", SESSION_ID, "--project", "alpha").status == 0


def test_agree_to_what_is_asked_now(service, cli):
    service.answer(session_part())
    service.answer(asked())
    service.answer(taken())
    done = cli(
        *("reply", "ack", SESSION_ID, "--action", "LIVE_MIGRATE"),
        *("--server-action", f"{SERVER}=MIGRATE", "--not-before", "2030-02-01T00:00Z"),
    )
    assert done.status == 0
    request = service.requests[-1]
    assert (request.method, request.path) == ("PUT", f"{PATH}/alpha")
    assert request.body == {
        "state": "ACK_PLANNED_MAINTENANCE",
        "instance_action": "LIVE_MIGRATE",
        "instance_actions": {SERVER: "MIGRATE"},
        "not_before": "2030-02-01T00:00:00Z",
    }


def test_do_not_agree_about_a_server(service, cli):
    service.answer(taken(state="NACK_SCALE_IN"))
    words = ("--project", "alpha", "--server", SERVER, "--state", "scale_in")
    assert cli("reply", "nack", SESSION_ID, *words).status == 0
    (request,) = service.requests
    assert (request.path, request.body) == (f"{PATH}/alpha/{SERVER}", {"state": "NACK_SCALE_IN"})


def test_nothing_is_asked(service, cli):
    service.answer(asked(awaits_reply=False))
    done = cli("reply", "ack", SESSION_ID, "--project", "alpha")
    assert done.status == 2
    assert "nothing is asked now" in done.err


# Constraints and flows


def test_a_constraint_of_a_server(service, cli):
    granted = {
        "instance_id": SERVER,
        "project_id": "alpha",
        "group_id": None,
        "instance_name": "x",
        "max_interruption_time": 2,
        "migration_type": "LIVE_MIGRATE",
        "resource_mitigation": True,
        "lead_time": 300,
    }
    service.answer(granted | {"clipped": ["lead_time"]})
    done = cli(
        *("constraint", "instance", "set", SERVER, "--action", "LIVE_MIGRATE"),
        *("--lead-time", "1h", "--max-interruption", "2", "--name", "x", "--mitigation"),
        *("--group", WINDOW_ID, "--project", "alpha"),
    )
    assert done.status == 0
    assert service.requests[0].path == f"/v1/instance/{SERVER}"
    assert service.requests[0].body == {
        "migration_type": "LIVE_MIGRATE",
        "lead_time": 3600,
        "max_interruption_time": 2,
        "instance_name": "x",
        "resource_mitigation": True,
        "group_id": WINDOW_ID,
        "project_id": "alpha",
    }
    service.answer(granted)
    assert cli("constraint", "instance", "show", SERVER, "-f", "json").json == granted
    service.answer({})
    done = cli("constraint", "instance", "unset", SERVER)
    assert (done.status, done.out) == (0, "")


def test_a_constraint_of_a_group(service, cli):
    granted = {
        "group_id": WINDOW_ID,
        "project_id": "alpha",
        "group_name": "",
        "anti_affinity_group": True,
        "max_instances_per_host": 1,
        "max_impacted_members": 1,
        "recovery_time": 60,
        "resource_mitigation": False,
        "migration_type": None,
    }
    service.answer(granted | {"clipped": []})
    done = cli(
        *("constraint", "group", "set", WINDOW_ID, "--max-impacted", "1"),
        *("--recovery-time", "1m", "--max-per-host", "1", "--anti-affinity"),
    )
    assert done.status == 0
    assert service.requests[0].body == {
        "max_impacted_members": 1,
        "recovery_time": 60,
        "max_instances_per_host": 1,
        "anti_affinity_group": True,
    }
    service.answer(granted)
    assert cli("constraint", "group", "show", WINDOW_ID).status == 0
    service.answer({})
    assert cli("constraint", "group", "unset", WINDOW_ID).status == 0


def test_the_catalogue(service, cli):
    server = {"name": "restart", "for": "server", "description": "Restarts it"}
    server |= {"action": "flow:restart", "steps": ["stop", "start"], "interrupts": True}
    host = {"name": "firmware", "for": "host", "description": "New firmware"}
    service.answer({"flows": [server, host | {"actions": [{"plugin": "http"}]}]})
    out = cli("flow", "list").out
    assert "flow:restart" in out
    assert "stop, start" in out
    assert "http" in out
