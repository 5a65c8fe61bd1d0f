"""The history: read once, and followed."""

import itertools
import json

import pytest
import yaml

from craton_maintenance.cli import connect
from craton_maintenance.cli.client import ApiError, Unreachable

from .conftest import event


def events(*found, following=None):
    return {"events": list(found), "next": following or (found[-1]["seq"] if found else 0)}


@pytest.fixture
def client(service):
    made = connect.without_keystone(connect.Settings(url=service.url))
    yield made
    made.close()


def test_list_reads_to_the_end(service, cli):
    service.answer(events(*(event(n) for n in range(1, 501))))
    service.answer(events(event(501)))
    done = cli("event", "list", "--wait", "20", "-f", "json")
    assert [row["Seq"] for row in done.json] == list(range(1, 502))
    # only where there is nothing yet is something waited for
    assert [x.query for x in service.requests] == [
        {"since": "0", "wait": "20", "limit": "500"},
        {"since": "500", "limit": "500"},
    ]


def test_list_within_limits(service, cli):
    service.answer(events(event(8), event(9)))
    cli("event", "list", "--since", "7", "--limit", "2", "--project", "p")
    assert service.requests[0].query == {"since": "7", "limit": "2", "project_id": "p"}


def test_everybodys_events_are_numbered_by_position(service, cli):
    service.answer(events(event(1, position=40), following=40))
    done = cli("event", "list", "--all-projects", "--long", "-f", "json")
    assert service.requests[0].query["all_projects"] == "true"
    row = done.json[0]
    assert (row["Position"], row["Project"]) == (40, "alpha")
    assert row["Payload"]["servers_count"] == 2


def test_one_project_or_all(bare):
    assert bare("event", "list", "--project", "p", "--all-projects").status == 2


def test_follow_neither_loses_nor_repeats(service, client):
    pauses = []
    service.answer(events(event(3), event(4)))
    service.answer(events(following=4))
    service.refuse(503, "UNAVAILABLE", "Back soon.")
    service.answer(b"<html>", 502)
    service.refuse(429, "TOO_MANY_WAITING", "Too many.")
    service.answers[-1][2]["Retry_After"] = "7"
    # a repeated delivery of the same number is not shown again
    service.answer(events(event(4), event(5)))
    service.answer(events(event(6)))
    found = client.follow(since=2, wait=9, sleep=pauses.append)
    assert [x["seq"] for x in itertools.islice(found, 4)] == [3, 4, 5, 6]
    assert [x.query["since"] for x in service.requests] == ["2", "4", "4", "4", "4", "4", "5"]
    assert {x.query["wait"] for x in service.requests} == {"9"}
    assert pauses == [1, 2, 7]


def test_follow_by_position(service, client):
    service.answer(events(event(9, position=1), event(1, position=2), following=2))
    service.answer(events(event(2, position=3), following=3))
    found = client.follow(all_projects=True)
    assert [x["position"] for x in itertools.islice(found, 3)] == [1, 2, 3]
    assert service.requests[1].query["since"] == "2"


def test_follow_outlives_the_service(service, client, monkeypatch):
    pauses = []
    service.answer(events(event(1)))
    service.answer(events(event(2)))
    found = client.follow(sleep=pauses.append)
    assert next(found)["seq"] == 1
    ask, failures = client.events, iter([Unreachable("gone"), Unreachable("gone")])

    def events_(*args, **kwargs):
        for failure in failures:
            raise failure
        return ask(*args, **kwargs)

    monkeypatch.setattr(client, "events", events_)
    assert next(found)["seq"] == 2
    assert pauses == [1, 2]


def test_follow_ends_at_once_where_nobody_ever_answered(client, monkeypatch):
    client._url = "http://127.0.0.1:1/v1"
    with pytest.raises(Unreachable):
        next(client.follow())


def test_follow_ends_at_a_refusal(service, client):
    service.answer(events(event(1)))
    service.refuse(403, "FORBIDDEN", "Not yours.")
    found = client.follow()
    next(found)
    with pytest.raises(ApiError, match="Not yours"):
        next(found)


def follow(service, cli, *words):
    service.answer(events(event(1), event(2, payload={"window_id": "w", "state": "open"})))
    done = cli("event", "list", "--follow", "--limit", "2", *words)
    assert done.status == 0
    assert service.requests[-1].query["wait"] == "30"
    return done.out


def test_followed_as_lines_for_people(service, cli):
    head, first, second = follow(service, cli).splitlines()
    assert head.split() == ["Seq", "Time", "Event", "State", "About", "Window", "Servers"]
    assert first.split()[:2] == ["1", "2030-01-01T00:00:00Z"]
    assert first.index("scheduled") == second.index("open")


def test_followed_as_json_lines(service, cli):
    rows = [json.loads(line) for line in follow(service, cli, "-f", "json").splitlines()]
    assert [row["Seq"] for row in rows] == [1, 2]
    assert rows[0]["Time"] == "2030-01-01T00:00:00.500000Z"
    assert rows[1]["Servers"] is None


def test_followed_in_other_formats(service, cli):
    out = follow(service, cli, "-f", "csv", "-c", "seq", "-c", "servers")
    assert out.splitlines() == ['"Seq","Servers"', "1,2", '2,""']
    out = follow(service, cli, "-f", "value", "-c", "seq", "-c", "state")
    assert out.splitlines() == ["1 scheduled", "2 open"]
    out = follow(service, cli, "-f", "yaml", "-c", "seq")
    assert yaml.safe_load(out) == [{"Seq": 1}, {"Seq": 2}]


def test_follow_stops_at_its_limit_without_asking_for_more(service, cli):
    service.answer(events(event(1), event(2)))
    assert (
        len(cli("event", "list", "--follow", "--limit", "1", "-f", "json").out.splitlines()) == 1
    )
    assert len(service.requests) == 1
