"""Who listens, as operators are shown it; Aodh is a stand-in that answers over TCP."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from craton_maintenance.domain.session.states import State
from craton_maintenance.nova.credentials import NoCloud
from tests.functional.deployment import Deployment
from tests.support import aodh as stand_in
from tests.support.aodh import Aodh
from tests.support.sessions import Made

SCHEDULED = "maintenance.scheduled"
NOBODY = "7d0e0ad6-6f3c-4c57-9a2f-0f3a4f3c2b1a"


@pytest.fixture
def aodh() -> Iterator[Aodh]:
    with stand_in.running() as running:
        yield running


@pytest.fixture
def listening(deploy: Any, aodh: Aodh) -> Deployment:
    """A deployment whose only region has an Aodh."""
    deployment = deploy()
    deployment.service.regions = lambda: [aodh.region()]
    return deployment


def ask(deployment: Deployment, path: str = "/v1/listeners") -> dict[str, Any]:
    answer = deployment.operator.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json


def projects(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["project_id"]: one for one in found["projects"]}


def everywhere(deployment: Deployment) -> str:
    """A window on everything; its id."""
    return deployment.operator.set(regions=["RegionOne"])["id"]


def test_of_a_session_those_listen_whose_alarms_tell_of_notices(listening, aodh):
    web, telco = listening.project("web"), listening.project("telco")
    session = Made(listening.service, everywhere(listening))
    aodh.add(web)
    aodh.add(web, "compute.*")
    aodh.add(telco, "maintenance.window.*")
    found = ask(listening, f"{session.path}/listeners")
    assert found["event_types"]["projects"] == [SCHEDULED]
    (look,) = found["aodh"]
    assert (look["status"], look["alarms_count"], look["words"]) == ("read", 3, "")
    shown = projects(found)
    assert (shown[web]["listens"], shown[web]["hears"]) == ("yes", [SCHEDULED])
    assert [one["event_type"] for one in shown[web]["alarms"]] == ["maintenance.*"]
    assert shown[web]["servers_count"] == len(listening.servers_of("web"))
    assert (shown[telco]["listens"], shown[telco]["alarms"]) == ("no", [])


def test_of_a_window_those_listen_who_are_told_of_windows(listening, aodh):
    web, telco = listening.project("web"), listening.project("telco")
    # telco alone has servers there
    window = listening.operator.set(hosts=["host-a3"])["id"]
    aodh.add(telco, "maintenance.window.opened")
    aodh.add(web, "maintenance.window.*")
    shown = projects(ask(listening, f"/v1/maintenance-windows/{window}/listeners"))
    assert web not in shown
    assert shown[telco]["hears"] == ["maintenance.window.opened"]
    assert shown[telco]["listens"] == "yes"


def test_a_window_with_a_session_is_about_its_notices(listening, aodh):
    window = everywhere(listening)
    path = f"/v1/maintenance-windows/{window}/listeners"
    assert SCHEDULED not in ask(listening, path)["event_types"]["projects"]
    session = Made(listening.service, window)
    assert ask(listening, path) == ask(listening, f"{session.path}/listeners")


def test_overall_every_project_with_servers_is_there_and_the_operators(listening, aodh):
    found = ask(listening)
    shown = projects(found)
    operators = listening.project("service")
    assert set(shown) == {listening.project("web"), listening.project("telco"), operators}
    assert [one["project_id"] for one in found["projects"] if one["operators"]] == [operators]
    assert {one["listens"] for one in shown.values()} == {"no"}
    aodh.add(operators, "maintenance.host")
    shown = projects(ask(listening))
    assert shown[operators]["hears"] == ["maintenance.host"]


def test_conditions_are_shown_and_evaluated_where_that_can_be_done(listening, aodh):
    web, telco = listening.project("web"), listening.project("telco")
    session = Made(listening.service, everywhere(listening))
    asked = {"field": "traits.state", "op": "eq", "value": "SCALE_IN", "type": "string"}
    other = {"field": "traits.session_id", "op": "eq", "value": NOBODY, "type": ""}
    aodh.add(web, query=[asked])
    aodh.add(telco, query=[other])
    shown = projects(ask(listening, f"{session.path}/listeners"))
    assert (shown[web]["listens"], shown[web]["may_hear"]) == ("maybe", [SCHEDULED])
    assert shown[web]["alarms"][0]["conditions"] == [asked | {"holds": None}]
    assert shown[telco]["listens"] == "no"
    (alarm,) = shown[telco]["alarms"]
    assert alarm["silence"] == "CONDITION"
    assert alarm["conditions"] == [other | {"holds": False}]


def test_alarms_that_do_not_tell_anybody_any_more(listening, aodh):
    web, telco = listening.project("web"), listening.project("telco")
    aodh.add(web, repeat_actions=False, state="alarm")
    aodh.add(telco, alarm_actions=[])
    # disabled ones, and those on something else than events, are not asked for
    aodh.add(telco, enabled=False)
    aodh.add(telco, type="threshold")
    found = ask(listening)
    assert found["aodh"][0]["alarms_count"] == 2
    shown = projects(found)
    assert [one["silence"] for one in shown[web]["alarms"]] == ["FIRED"]
    assert [one["silence"] for one in shown[telco]["alarms"]] == ["NO_ACTION"]
    assert shown[web]["listens"] == shown[telco]["listens"] == "no"


def test_addresses_of_actions_are_not_shown(listening, aodh):
    aodh.add(listening.project("web"), alarm_actions=["trust+http://x", "http://a:secret@y"])
    answer = listening.operator.get("/v1/listeners")
    assert "secret" not in answer.text
    (alarm,) = projects(answer.json)[listening.project("web")]["alarms"]
    assert alarm["actions"] == ["http", "trust+http"]


def test_a_project_that_has_answered_lately_shows_when(listening):
    web, servers = listening.project("web"), listening.servers_of("web")
    session = Made(listening.service, everywhere(listening))
    assert projects(ask(listening))[web]["answered_at"] is None
    session.ask(web, State.PLANNED_MAINTENANCE, servers)
    body = {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "MIGRATE"}
    answer = listening.member("web").put(f"{session.path}/{web}", body)
    assert answer.status_code == 200, answer.text
    assert projects(ask(listening))[web]["answered_at"] == "2030-01-01T00:00:00Z"


def test_all_pages_are_read_and_begun_anew_where_one_is_lost(listening, aodh):
    web = listening.project("web")
    ids = sorted(aodh.add(web) for _ in range(7))
    aodh.page = 3
    assert ask(listening)["aodh"][0]["alarms_count"] == 7
    assert [dict(query).get("marker") for query in aodh.asked] == [None, ids[2], ids[5], ids[6]]

    def vanish() -> None:
        if len(aodh.asked) == 6:
            aodh.alarms = [one for one in aodh.alarms if one["alarm_id"] != ids[2]]

    aodh.before = vanish
    assert ask(listening)["aodh"][0]["alarms_count"] == 6


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((503, "down for repairs"), "503"),
        ((500, "{}"), "500"),
        ((401, "{}"), "401"),
        ((403, '{"error_message": {"faultstring": "RBAC Authorization Failed"}}'), "RBAC"),
        ((200, "<html>not Aodh</html>"), "not a list"),
        ((200, '{"alarms": []}'), "not a list"),
        ((200, '[{"alarm_id": "x"}]'), "not a list"),
    ],
)
def test_an_aodh_that_can_not_be_read_is_said_and_stops_nothing(listening, aodh, fault, words):
    aodh.faults = [fault] * 9
    aodh.add(listening.project("web"))
    found = ask(listening)
    (look,) = found["aodh"]
    assert (look["status"], look["region"], look["alarms_count"]) == ("unknown", "RegionOne", 0)
    assert words in look["words"]
    assert {one["listens"] for one in found["projects"]} == {"unknown"}


def test_what_one_region_says_counts_though_another_is_away(listening, aodh):
    web, telco = listening.project("web"), listening.project("telco")
    aodh.add(web)
    away = dataclasses.replace(aodh.region(), name="RegionTwo", session=_nobody_there)
    listening.service.regions = lambda: [aodh.region(), away]
    found = ask(listening)
    assert [one["status"] for one in found["aodh"]] == ["read", "unknown"]
    shown = projects(found)
    assert shown[web]["listens"] == "yes"
    assert shown[telco]["listens"] == "unknown"


def _nobody_there() -> Any:
    session = Aodh()
    session.url = "http://127.0.0.1:1"
    return session.region().session()


def test_a_cloud_without_aodh_has_nobody_who_listens(deploy):
    deployment = deploy()
    # the simulated cloud's catalogue has none
    deployment.service.regions = lambda: [deployment.region]
    found = ask(deployment)
    assert [one["status"] for one in found["aodh"]] == ["absent"]
    assert {one["listens"] for one in found["projects"]} == {"no"}


def test_without_credentials_nothing_is_known(deploy):
    deployment = deploy()

    def none() -> Any:
        raise NoCloud("there is no entry of this name")

    deployment.service.regions = none
    found = ask(deployment)
    assert found["aodh"][0]["words"] == "there is no entry of this name"
    assert {one["listens"] for one in found["projects"]} == {"unknown"}
    deployment.service.regions = list
    found = ask(deployment)
    assert (found["aodh"], found["projects"][0]["listens"]) == ([], "unknown")


def test_what_does_not_exist_is_404_and_aodh_is_not_asked(listening, aodh):
    for path in (f"maintenance/{NOBODY}", f"maintenance-windows/{NOBODY}"):
        assert listening.operator.get(f"/v1/{path}/listeners").status_code == 404
    assert aodh.asked == []


def test_no_project_may_look(listening, aodh):
    aodh.add(listening.project("web"))
    session = Made(listening.service, everywhere(listening))
    member = listening.member("web")
    for path in (
        "/v1/listeners",
        f"{session.path}/listeners",
        f"/v1/maintenance-windows/{session.load().window_id}/listeners",
    ):
        assert member.get(path).status_code == 403
    assert aodh.asked == []
