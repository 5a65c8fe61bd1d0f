"""What Nova shows, read to the end; and what is not taken for it."""

import copy
import datetime as dt
import json
import time
from types import SimpleNamespace

import pytest
from keystoneauth1 import exceptions

from craton_maintenance.nova import answers, placement
from craton_maintenance.nova.answers import Unreadable
from craton_maintenance.nova.reads import Partial, host_of, moment


def names(servers):
    return sorted(server["name"] for server in servers)


def test_servers_on_a_host_in_pages(make):
    stage = make(max_limit=1)
    with stage.calls() as calls:
        assert names(stage.nova.reads.servers_on("a1")) == ["pinned", "solo", "trio-1"]
    assert calls.count("GET /servers/detail") == 4


def test_one_look_does_for_several_servers_for_a_moment(stage, monkeypatch):
    reads = stage.nova.reads
    with stage.calls() as calls:
        reads.look_together("a1")
        assert reads.server(stage.id("solo"))["name"] == "solo"
        assert reads.server(stage.id("pinned"))["name"] == "pinned"
    assert (calls.count("GET /servers/detail"), calls.count("GET /servers/{server}")) == (1, 0)
    with stage.calls() as calls:
        reads.server(stage.id("solo"))  # what was acted on is another by now
        assert reads.server("there-is-none") is None
    assert calls.count("GET /servers/{server}") == 2
    reads.look_together("a1")
    moment = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: moment + 3)
    with stage.calls() as calls:
        reads.server(stage.id("solo"))
    assert calls.count("GET /servers/{server}") == 1


def test_list_is_read_on_though_no_link_leads_on(stage):
    """An answer that was cut short is made whole by the next page."""
    stage.fault(path="/servers/detail", partial=0.5)
    assert names(stage.nova.reads.servers_on("a1")) == ["pinned", "solo", "trio-1"]


def test_vanished_marker_begins_the_list_anew(make):
    stage = make(max_limit=1)
    message = "marker [x] not found"
    stage.fault(path="/servers/detail", nth=2, status=400, message=message)
    assert names(stage.nova.reads.servers_on("a1")) == ["pinned", "solo", "trio-1"]
    stage.cloud.faults.clear()
    stage.fault(path="/servers/detail", nth=2, times=-1, status=400, message=message)
    with pytest.raises(exceptions.BadRequest, match="marker"):
        stage.nova.reads.servers_on("a1")
    stage.cloud.faults.clear()
    fault = stage.fault(path="/servers/detail", times=-1, status=400, message="other")
    with pytest.raises(exceptions.BadRequest, match="400 other"):
        stage.nova.reads.servers_on("a1")
    assert fault.fired == 1


def test_servers_elsewhere_are_left_out(stage):
    """A filter that is ignored, or does not tell small letters from great ones."""
    answered = stage.nova.reads.servers
    stage.nova.reads.servers = lambda **query: answered()
    assert names(stage.nova.reads.servers_on("a1")) == ["pinned", "solo", "trio-1"]


def test_silent_cell_is_not_an_empty_one(stage):
    stage.cloud.cells_down.add("cell1")
    reads = stage.nova.reads
    with pytest.raises(Partial, match="host a1"):
        reads.service("a1")
    with pytest.raises(Partial, match=stage.id("solo")):
        reads.server(stage.id("solo"))
    with pytest.raises(Partial):
        host_of({"id": "x", "status": "UNKNOWN"})


def test_who_may_not_see_hosts_is_told_so():
    with pytest.raises(Partial, match="administrator"):
        host_of({"id": "x", "status": "ACTIVE"})


def test_no_list_in_an_answer_is_not_an_empty_list(stage, monkeypatch):
    reads = stage.nova.reads
    monkeypatch.setattr(reads, "get", lambda path, service="compute", **query: {})
    for read in (
        lambda: reads.servers(),
        lambda: reads.migrations(),
        lambda: reads.server_groups(),
        lambda: reads.service("a1"),
        lambda: reads.hypervisors(),
        lambda: reads.under_way("s"),
        lambda: reads.newest_migration("s"),
        lambda: reads.newest_action("s"),
        lambda: reads.server("s"),
        lambda: placement.capacity(stage.nova),
    ):
        with pytest.raises(Unreadable):
            read()


@pytest.mark.parametrize("body", ["<html>", "[]", ""])
def test_answer_that_is_no_object_is_unreadable(stage, monkeypatch, body):
    reads = stage.nova.reads
    answer = SimpleNamespace(status_code=200, headers={}, json=lambda: json.loads(body))
    monkeypatch.setattr(reads._session, "get", lambda path, **options: answer)
    with pytest.raises(Unreadable, match="not an object"):
        reads.get("/servers/detail")


def test_migrations_before_they_had_pages(make):
    for version, calls in ((58, 1), (59, 2)):
        stage = make(max_microversion=version)
        stage.admin.servers.live_migrate(stage.id("solo"), "b2", "auto")
        stage.clock.advance(60)
        _ = stage.nova.reads
        with stage.calls() as asked:
            (found,) = stage.nova.reads.migrations(host="b2")
            newest = stage.nova.reads.newest_migration(stage.id("solo"))
        assert asked == ["GET /os-migrations"] * (calls + 1)
        assert found == newest
        assert (found.type, found.status) == ("live-migration", "completed")
        assert (found.source, found.dest, found.server_id) == ("a1", "b2", stage.id("solo"))
        assert found.updated_at <= dt.datetime.fromtimestamp(stage.clock.now(), dt.UTC)


def test_groups_of_all_projects_have_a_policy_whatever_the_version(make):
    for version in (63, 64):
        stage = make(max_microversion=version, max_limit=1)
        stage.cloud.groups["extra"] = copy.copy(next(iter(stage.cloud.groups.values())))
        groups = stage.nova.reads.server_groups()
        assert len(groups) == 2
        assert {group["policy"] for group in groups} == {"anti-affinity"}


def test_nova_tells_the_time(stage):
    stage.nova.reads.service("a1")
    assert stage.nova.reads.date == dt.datetime.fromtimestamp(stage.clock.now(), dt.UTC)


def test_times():
    noon = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
    for text in (
        "2030-01-01T12:00:00Z",
        "2030-01-01T12:00:00.000000",
        "2030-01-01T13:00:00+01:00",
    ):
        assert moment(text) == noon
    assert moment(None) is None
    with pytest.raises(Unreadable):
        moment("noon")


def test_refusal_of_a_read_has_novas_words(stage):
    stage.fault(path="/os-services", status=403, message="Policy doesn't allow it.")
    with pytest.raises(exceptions.Forbidden) as caught:
        stage.nova.reads.service("a1")
    ended = answers.of_read(caught.value)
    assert (ended.code, ended.words) == (
        "FORBIDDEN",
        "GET /os-services: 403 Policy doesn't allow it.",
    )
