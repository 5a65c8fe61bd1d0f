"""Workflows in Mistral: each is started once, whatever is lost, and followed without a thread."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.credentials import Region
from craton_maintenance.workflow import plugins
from craton_maintenance.workflow.plugins import mistral as module
from tests.support.mistral import Mistral

SESSION = "8c8d4a3e-2f5e-4d0b-9c57-0a4b51a8a001"

Look = Callable[..., Outcome]


@pytest.fixture
def conf(tmp_path: Path) -> cfg.ConfigOpts:
    return configuration.load([], {("sessions", "state_dir"): str(tmp_path / "state")})


@pytest.fixture
def mistral() -> Mistral:
    return Mistral("firmware", "0f8f0a86-2a43-4d6c-8f3c-0d8a6c0d3a11")


@pytest.fixture
def look(conf: cfg.ConfigOpts, mistral: Mistral) -> Look:
    """One call of the action, as an engine makes it; options are given at the first."""
    cloud = Cloud(conf, Region("north", mistral.session, "north", "public"))
    #: by step, what its last look has found
    begun: dict[int, dict[str, Any]] = {}

    def look(number: int = 7, server_id: str | None = None, **options: Any) -> Outcome:
        options.setdefault("workflow", "firmware")
        params = {"plugin": "mistral", "options": options}
        host = HostKey("north", "compute-01")
        step = Step(number, StepKind.RUN_PLUGIN, host, server_id, params)
        deadline = time.monotonic() + 60.0
        known = begun.get(number)
        again = known is not None
        found = plugins.run_plugin(conf, SESSION, step, again, deadline, cloud, known)
        begun[number] = dict(found.facts)
        return found

    return look


def test_it_is_started_with_what_is_filled_in_and_followed_to_its_end(look, mistral):
    given = {"host": "{host}", "deep": [{"of": "{session}/{step} in {region}"}], "n": 3}
    first = look(input=given, namespace="ours")
    assert (first.result, first.words, first.look_in) == (Result.UNDER_WAY, "", 1.0)
    _, _, body = mistral.asked[-1]
    assert body["workflow_name"] == "firmware"
    assert body["workflow_namespace"] == "ours"
    deep = [{"of": f"{SESSION}/{SESSION}-7 in north"}]
    assert body["input"] == {"host": "compute-01", "deep": deep, "n": 3}
    assert look(input=given).result is Result.UNDER_WAY
    mistral.only.update(state="SUCCESS", output='{"a": 1}')
    ended = look(input=given)
    assert (ended.result, ended.facts["output"]) == (Result.DONE, '{"a": 1}')
    assert [method for method, _, _ in mistral.asked] == ["POST", "GET", "GET"]


def test_a_workflow_is_named_by_its_id_too(look, mistral):
    look(workflow="0f8f0a86-2a43-4d6c-8f3c-0d8a6c0d3a11")
    assert "workflow_name" not in mistral.asked[0][2]
    assert mistral.started == [mistral.only["id"]]


def test_in_a_servers_flow_it_gets_the_server(look, mistral):
    look(server_id="a-server", input={"server": "{server}"})
    assert mistral.asked[0][2]["input"] == {"server": "a-server"}


def test_each_step_has_an_execution_of_its_own(look, mistral):
    look(number=7)
    look(number=8)
    assert len(set(mistral.started)) == 2


@pytest.mark.parametrize(
    ("state", "result", "code"),
    [
        ("ERROR", Result.REFUSED, "FAILED"),
        ("CANCELLED", Result.REFUSED, "CANCELLED"),
        ("PAUSED", Result.UNDER_WAY, "PAUSED"),
        ("IDLE", Result.UNDER_WAY, ""),
        ("RUNNING", Result.UNDER_WAY, ""),
    ],
)
def test_what_a_state_means(look, mistral, state, result, code):
    look()
    mistral.only["state"] = state
    found = look()
    assert (found.result, found.code) == (result, code)


def test_mistrals_words_are_shortened_to_a_line(look, mistral):
    look()
    words = "Failure caused by error in tasks: w\n\n  w -> " + "oops " * 200
    mistral.only.update(state="ERROR", state_info=words)
    found = look()
    assert "has failed: Failure caused by error in tasks: w w -> oops" in found.words
    assert len(found.words) < 450
    assert "\n" not in found.words


def test_one_that_is_resumed_goes_on(look, mistral):
    look()
    mistral.only["state"] = "PAUSED"
    assert "resume it in Mistral" in look().words
    mistral.only["state"] = "RUNNING"
    assert (look().code, look().words) == ("", "")


def test_it_is_looked_at_more_seldom_the_longer_it_takes(look, mistral):
    look(timeout=3000)
    pauses = []
    for age in (0, 10, 20, 1000, 2995):
        mistral.age(age)
        pauses.append(look(timeout=3000).look_in)
    assert pauses[0] == 1.0
    assert [round(one) for one in pauses[1:4]] == [2, 4, 10]
    # and is not left beyond its time
    assert pauses[4] < 5.5


def test_at_its_time_limit_it_is_cancelled(look, mistral):
    look(timeout=30)
    mistral.age(31)
    assert look(timeout=30).result is Result.UNDER_WAY
    assert mistral.only["state"] == "CANCELLED"
    ended = look(timeout=30)
    assert (ended.result, ended.code) == (Result.REFUSED, "TIMED_OUT")
    assert "its time limit of 30 s is over" in ended.words


def test_one_that_can_not_be_cancelled_is_somebodys_decision(look, mistral):
    look(timeout=30)
    mistral.age(31)
    mistral.faults = [("PUT", 500), ("PUT", 400)]
    for _ in range(2):
        found = look(timeout=30)
        assert (found.result, found.code) == (Result.UNDER_WAY, "UNREACHABLE")
    mistral.age(91)
    ended = look(timeout=30)
    assert (ended.result, ended.code) == (Result.UNCLEAR, "TIMED_OUT")


def test_the_operators_limit_is_the_most(conf, look, mistral):
    conf.set_override("command_timeout", 10.0, group="sessions")
    look(timeout=3000)
    mistral.age(11)
    look(timeout=3000)
    assert mistral.only["state"] == "CANCELLED"


# -- what is lost ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["unheard", "lost", 500, 502])
def test_without_an_answer_it_is_looked_for_and_never_started_twice(look, mistral, fault):
    mistral.faults = [("POST", fault)]
    first = look()
    assert (first.result, first.code) == (Result.UNDER_WAY, "UNREACHABLE")
    assert "Mistral does not say how it stands" in first.words
    second = look()
    assert (second.result, second.words) == (Result.UNDER_WAY, "")
    assert len(mistral.started) == 1
    mistral.only["state"] = "SUCCESS"
    assert look().result is Result.DONE


def test_a_request_that_arrives_late_starts_no_second_one(look, mistral):
    mistral.faults = [("POST", "lost")]
    look()
    (_, _, late) = mistral.asked[-1]
    look()
    # it has been on the way until now
    mistral._start(late)
    assert len(mistral.started) == 1


@pytest.mark.parametrize("fault", [401, 429, 503])
def test_where_nothing_was_taken_it_is_tried_later(look, mistral, fault):
    mistral.faults = [("POST", fault)]
    found = look()
    assert (found.result, found.code) == (Result.LATER, "UNREACHABLE")
    assert look().result is Result.UNDER_WAY
    assert len(mistral.started) == 1


def test_a_mistral_that_is_away_is_waited_for(look, mistral):
    mistral.away = True
    first = look()
    assert (first.result, first.code) == (Result.LATER, "UNREACHABLE")
    assert "can't be reached" in first.words
    # from here on it may have been begun, as far as anybody knows: the words stay the same
    assert [look().words for _ in range(3)] == [look().words] * 3
    mistral.away = False
    assert look().result is Result.UNDER_WAY
    mistral.away = True
    assert (look().result, look().code) == (Result.UNDER_WAY, "UNREACHABLE")
    mistral.away = False
    mistral.only["state"] = "SUCCESS"
    assert look().result is Result.DONE
    assert len(mistral.started) == 1


def test_away_beyond_its_time_it_is_somebodys_decision(look, mistral):
    look()
    mistral.age(200)
    look()
    mistral.away = True
    assert look(timeout=150).result is Result.UNDER_WAY
    found = look(timeout=30)
    assert (found.result, found.code) == (Result.UNCLEAR, "TIMED_OUT")


def test_away_for_as_long_as_it_may_take_it_is_somebodys_decision(look, mistral, monkeypatch):
    """Though it was never seen: an operator who knows better has to have a say."""
    mistral.away = True
    look(timeout=30)
    first = look(timeout=30)
    assert first.result is Result.UNDER_WAY
    assert look(timeout=30).facts == first.facts
    monkeypatch.setattr(module, "_GRACE", -30.0)
    found = look(timeout=30)
    assert (found.result, found.code) == (Result.UNCLEAR, "TIMED_OUT")
    monkeypatch.undo()
    mistral.away = False
    assert look(timeout=30).result is Result.UNDER_WAY
    assert len(mistral.started) == 1


def test_one_that_mistral_has_forgotten_is_started_again_only_where_that_is_safe(look, mistral):
    look()
    mistral.executions.clear()
    assert look(repeat="safe").result is Result.UNDER_WAY
    assert len(mistral.started) == 2
    mistral.executions.clear()
    found = look()
    assert (found.result, found.code) == (Result.UNCLEAR, "GONE")
    assert len(mistral.started) == 2


def test_what_mistral_refuses_is_named(look, mistral):
    found = look(workflow="nonesuch")
    assert (found.result, found.code) == (Result.REFUSED, "NOT_STARTED")
    assert "Workflow not found [workflow_identifier=nonesuch]" in found.words
    mistral.faults = [("POST", 400)]
    assert look().result is Result.REFUSED


@pytest.mark.parametrize("field", ["state", "created_at", "id"])
def test_an_answer_of_something_else_is_no_answer(look, mistral, field):
    look()
    del mistral.only[field]
    found = look()
    assert (found.result, found.code) == (Result.UNDER_WAY, "UNREACHABLE")


def test_without_a_cloud_nothing_is_begun(conf):
    step = Step(
        1,
        StepKind.RUN_PLUGIN,
        HostKey("north", "compute-01"),
        params={"plugin": "mistral", "options": {"workflow": "firmware"}},
    )
    found = plugins.run_plugin(conf, SESSION, step, False, time.monotonic() + 60.0)
    assert (found.result, found.code) == (Result.LATER, "NO_CLOUD")


def test_a_call_is_short_however_long_the_work_may_take(conf):
    step = Step(
        1,
        StepKind.RUN_PLUGIN,
        HostKey("north", "compute-01"),
        params={"plugin": "mistral", "options": {"workflow": "firmware", "timeout": 3000}},
    )
    assert plugins.time_limit(conf, step) < 200.0
    assert plugins.goes_on_elsewhere("mistral")
    assert not plugins.goes_on_elsewhere("command")
