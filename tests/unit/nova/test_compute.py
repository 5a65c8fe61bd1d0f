"""How a region's Nova is reached: version, threads, what is repeated."""

import threading

import pytest
from keystoneauth1 import exceptions

from craton_maintenance import simcloud
from craton_maintenance.domain.session.steps import Result, StepKind
from craton_maintenance.nova.answers import Unreadable
from craton_maintenance.nova.compute import TooOld, negotiate


@pytest.mark.parametrize(
    ("offered", "used"),
    [(53, (2, 53)), (79, (2, 79)), (87, (2, 87)), (93, (2, 87)), (96, (2, 87))],
)
def test_version_is_compared_as_a_number(make, offered, used):
    stage = make(max_microversion=offered)
    assert stage.nova.reads.version == used
    assert stage.nova.actions.version == used


@pytest.mark.parametrize("offered", [1, 9, 52])
def test_too_old_a_nova_is_refused_with_words(make, offered):
    stage = make(max_microversion=offered)
    with pytest.raises(TooOld, match=f"offers 2.{offered} "):
        _ = stage.nova.reads
    ended = stage.do(StepKind.PROVE_EMPTY)
    assert (ended.result, ended.code) == (Result.REFUSED, "FAILED")
    assert "sessions need 2.53" in ended.words


def test_version_is_asked_once(stage):
    with stage.calls() as calls:
        stage.nova.reads.service("a1")
        stage.nova.reads.service("a1")
    assert calls == ["GET /", "GET /os-services", "GET /os-services"]


@pytest.mark.parametrize("tail", ["/v2.1", "/v2.1/", "/v2.1/6f70656e737461636b20342065766572"])
def test_endpoint_may_go_on_with_a_project(stage, tail):
    reads = stage.nova.reads
    assert negotiate(reads, f"{simcloud.transport.BASE}/compute{tail}") == (2, 87)


def test_no_endpoint_is_no_nova(stage):
    with pytest.raises(exceptions.EndpointNotFound):
        negotiate(stage.nova.reads, None)


@pytest.mark.parametrize("shown", [{}, {"version": None}, {"version": {"version": ""}}])
def test_nova_that_does_not_tell_its_version(stage, monkeypatch, shown):
    monkeypatch.setattr(stage.nova.reads, "get", lambda path: shown)
    with pytest.raises(Unreadable):
        negotiate(stage.nova.reads, "http://nova.invalid/v2.1")


def test_each_thread_has_its_own(stage):
    mine = stage.nova.reads
    theirs = []
    thread = threading.Thread(target=lambda: theirs.append(stage.nova.reads))
    thread.start()
    thread.join()
    assert stage.nova.reads is mine
    assert theirs[0] is not mine


def test_nova_that_is_away_is_asked_again_next_time(stage):
    fault = stage.fault(path="^/$", status=503)
    assert stage.do(StepKind.PROVE_EMPTY).result is Result.LATER
    assert fault.fired == 1
    assert stage.do(StepKind.PROVE_EMPTY, host="b2").facts["empty"]


def test_reads_are_repeated(make, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    stage = make(retries=2)
    for fault in ({"status": 503}, {"lost": "reset"}, {"lost": "timeout"}):
        stage.fault(path="/os-services", times=2, **fault)
        assert stage.nova.reads.service("a1").host == "a1"
        stage.cloud.faults.clear()
        stage.fault(path="/os-services", times=3, **fault)
        with pytest.raises(exceptions.ClientException):
            stage.nova.reads.service("a1")
        stage.cloud.faults.clear()
