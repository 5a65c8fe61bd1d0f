"""Which events an alarm fires on, as Aodh's evaluator has it."""

from typing import Any

import pytest

from craton_maintenance.domain.alarm import Alarm, Condition, Silence, Verdict, heard
from craton_maintenance.domain.event import Type

TRAITS = {"project_id": "web", "tenant_id": "web", "session_id": "s1"}


def alarm(event_type: str = "maintenance.*", *conditions: Condition, **values: Any) -> Alarm:
    facts: dict[str, Any] = {
        "region": "RegionOne",
        "id": "a1",
        "name": "maintenance",
        "project_id": "web",
        "event_type": event_type,
        "conditions": conditions,
        "repeats": True,
        "state": "insufficient data",
        "actions": ("http",),
    }
    return Alarm(**facts | values)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("*", True),
        ("maintenance.*", True),
        ("maintenance.scheduled", True),
        ("*.scheduled", True),
        ("maintenance.schedule?", True),
        ("maintenance.[s]*", True),
        ("maintenance", False),
        ("maintenance.planned", False),
        ("Maintenance.*", False),
        ("maintenance.window.*", False),
        ("", False),
    ],
)
def test_the_pattern_is_one_of_a_shells(pattern, told):
    verdict = alarm(pattern).tells_of(Type.SCHEDULED, TRAITS)
    assert verdict is (Verdict.YES if told else Verdict.NO)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition("traits.project_id", "eq", "web"), True),
        (Condition("traits.project_id", "eq", "telco", "string"), False),
        (Condition("traits.project_id", "ne", "telco"), True),
        (Condition("traits.session_id", "ne", "s1"), False),
        # what the event will say, or how it compares, is not known before
        (Condition("traits.state", "eq", "PLANNED_MAINTENANCE"), None),
        (Condition("traits.session_id", "gt", "a"), None),
        (Condition("traits.session_id", "eq", "1", "integer"), None),
        (Condition("event_type", "eq", "maintenance.scheduled"), None),
    ],
)
def test_conditions_are_evaluated_where_all_events_have_the_trait(condition, holds):
    assert condition.holds(TRAITS) is holds
    verdict = alarm("maintenance.*", condition).tells_of(Type.SCHEDULED, TRAITS)
    assert verdict is {True: Verdict.YES, False: Verdict.NO, None: Verdict.MAYBE}[holds]


def test_all_conditions_have_to_hold():
    open_, false = Condition("traits.state", "eq", "x"), Condition("traits.project_id", "eq", "y")
    found = alarm("*", open_, false)
    assert found.tells_of(Type.SCHEDULED, TRAITS) is Verdict.NO
    assert found.silence(TRAITS) is Silence.CONDITION


@pytest.mark.parametrize(
    ("values", "silence"),
    [
        ({"state": "alarm", "repeats": False}, Silence.FIRED),
        ({"state": "alarm", "repeats": True}, None),
        ({"state": "ok", "repeats": False}, None),
        ({"actions": ()}, Silence.NO_ACTION),
    ],
)
def test_an_alarm_that_fires_no_more_tells_nobody(values, silence):
    found = alarm(**values)
    assert found.silence(TRAITS) is silence
    verdict = found.tells_of(Type.SCHEDULED, TRAITS)
    assert verdict is (Verdict.NO if silence else Verdict.YES)


def test_the_best_of_a_projects_alarms_counts():
    never, maybe = alarm("x"), alarm("*", Condition("traits.state", "eq", "x"))
    assert heard([], Type.SCHEDULED, TRAITS) is Verdict.NO
    assert heard([never], Type.SCHEDULED, TRAITS) is Verdict.NO
    assert heard([never, maybe], Type.SCHEDULED, TRAITS) is Verdict.MAYBE
    assert heard([maybe, alarm(), never], Type.SCHEDULED, TRAITS) is Verdict.YES
