"""What an engine that died had begun, and when its successor does it again."""

from typing import Any

import pytest

from craton_maintenance.domain.session.steps import StepKind
from craton_maintenance.workflow.flow import Doer


class Killed(BaseException):
    """The engine's end."""


@pytest.mark.parametrize("kind", [StepKind.SURVEY_CAPACITY, StepKind.PROVE_EMPTY])
def test_what_only_looks_is_looked_at_again_at_once(scene, monkeypatch, kind):
    """There is no effect that could still come: nobody waits for its time to be over."""
    end, died = Doer.end, []

    def dies(doer: Doer, session_id: str, step: Any, *more: Any) -> None:
        if step.kind is kind and not died:
            died.append(step.number)
            raise Killed
        end(doer, session_id, step, *more)

    monkeypatch.setattr(Doer, "end", dies)
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1"])
    with pytest.raises(Killed):
        world.finish(session)
    world.restart()
    world.steps.work()
    world.finish(session)
    again = [one for one in world.detail(session)["steps"] if one["number"] in died]
    assert [one["attempts"] for one in again] == [2]


def test_a_host_action_that_has_ended_meanwhile_is_not_waited_for(scene, monkeypatch):
    """Its result is there: nobody waits until it must have ended."""
    end, died = Doer.end, []

    def dies(doer: Doer, session_id: str, step: Any, *more: Any) -> None:
        if step.kind is StepKind.RUN_PLUGIN and not died:
            died.append(step.number)
            raise Killed
        end(doer, session_id, step, *more)

    monkeypatch.setattr(Doer, "end", dies)
    world = scene({"h1": [], "h2": []}, sessions={"direct_actions": "*"})
    command = {"plugin": "command", "options": {"argv": ["true"], "timeout": 3000}}
    session = world.start(hosts=["h1"], actions=[command])
    with pytest.raises(Killed):
        world.finish(session)
    world.restart()
    world.steps.work()
    world.settle()
    assert world.host_states(session)["h1"] == "verifying"
    (step,) = [one for one in world.detail(session)["steps"] if one["number"] in died]
    assert step["result"] == "done"
