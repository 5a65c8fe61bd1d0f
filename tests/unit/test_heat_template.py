"""The alarm for Heat, by what Heat publishes of its resource; the cloud tests have Heat itself."""

import pathlib

import yaml

from craton_maintenance.domain.alarm import Verdict
from craton_maintenance.domain.event import Type
from tests.unit.domain.test_alarm import TRAITS, alarm

TEMPLATE = pathlib.Path(__file__).parents[2] / "etc" / "heat" / "maintenance-alarm.yaml"

#: Properties of OS::Aodh::EventAlarm in Heat 19.
PROPERTIES = {
    *("alarm_actions", "alarm_queues", "description", "enabled", "event_type"),
    *("insufficient_data_actions", "insufficient_data_queues", "ok_actions", "ok_queues"),
    *("query", "repeat_actions", "severity", "time_constraints"),
}


def test_the_template_has_an_alarm_that_rings_again_and_again():
    found = yaml.safe_load(TEMPLATE.read_text())
    (resource,) = found["resources"].values()
    assert resource["type"] == "OS::Aodh::EventAlarm"
    properties = resource["properties"]
    assert set(properties) <= PROPERTIES
    assert properties["repeat_actions"] is True
    assert properties["event_type"] == {"get_param": "event_type"}
    pattern = found["parameters"]["event_type"]["default"]
    assert alarm(pattern).tells_of(Type.SCHEDULED, TRAITS) is Verdict.YES
