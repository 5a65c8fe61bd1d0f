"""Who listens, on the command line."""

import pytest

from .conftest import SESSION_ID, WINDOW_ID, listeners

WORDS = {
    ("listener", "list"): "/v1/listeners",
    ("session", "listeners", SESSION_ID): f"/v1/maintenance/{SESSION_ID}/listeners",
    ("window", "listeners", WINDOW_ID): f"/v1/maintenance-windows/{WINDOW_ID}/listeners",
}


@pytest.mark.parametrize("words", WORDS)
def test_each_command_asks_its_own_path(cli, service, words):
    service.answer(listeners())
    done = cli(*words, "-f", "json")
    assert done.status == 0
    assert [(one.method, one.path) for one in service.requests] == [("GET", WORDS[words])]
    assert [row["Listens"] for row in done.json] == ["no", "yes"]


def test_a_table_has_the_alarms_in_words(cli, service):
    service.answer(listeners())
    done = cli("listener", "list")
    assert "tell me: maintenance.* where traits.state eq SCALE_IN (FIRED)" in done.out
    assert done.err == ""


def test_only_those_who_do_not_hear_for_certain(cli, service):
    service.answer(listeners())
    done = cli("listener", "list", "--silent", "--long", "-f", "json")
    assert [row["Project"] for row in done.json] == ["alpha"]
    assert done.json[0]["Hears"] == []


def test_what_is_not_known_is_said_on_standard_error(cli, service):
    look = {"region": "West", "status": "unknown", "words": "503 away", "alarms_count": 0}
    service.answer(listeners(aodh=[look]))
    done = cli("listener", "list", "-f", "json")
    assert done.err == "West: Aodh unknown: 503 away\n"
    assert done.status == 0
    service.answer(listeners(aodh=[], projects=[]))
    assert "No cloud is configured" in cli("listener", "list").err
