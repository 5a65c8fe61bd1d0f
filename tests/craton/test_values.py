"""Whatever stands in the variable is told or taken, and holds up nobody else."""

import json

import pytest
import sqlalchemy as sa

from tests.craton.asked import hours, refusals, set_on, windows
from tests.craton.conftest import EVERYWHERE

everywhere = pytest.mark.parametrize("kind", EVERYWHERE)

HOST = ("hosts", "compute-01")

VALUES = {
    "null": "null",
    "a number": "1",
    "a real": "1.50",
    "a great number": "123456789012345678901234567890",
    "more digits than are read": "1" * 5000,
    "true": "true",
    "a string": '"tomorrow"',
    "an empty string": '""',
    "a list": "[]",
    "an unknown key": '{"stop": "2030-01-31T22:00:00Z"}',
    "no time": '{"start": "tomorrow"}',
    "a time that is none": '{"start": "2030-02-31T22:00:00Z"}',
    "a time before all": '{"start": "0001-01-01T00:00:00+14:00"}',
    "no zone": '{"start": "2030-01-31T22:00:00"}',
    "an end before its start": '{"start": "2030-01-31T22:00:00Z", "end": "2030-01-01T00:00:00Z"}',
    "a start far away": '{"start": "9999-12-31T23:59:59Z"}',
    "a reason that is a number": '{"reason": 1}',
    "a long reason": json.dumps({"reason": "x" * 4001}),
    "an impact of nobody": '{"impact": "LARGE"}',
    "a revision alone": '{"revision": 1}',
    "an id that is none": '{"id": 1, "revision": 1}',
    "a great revision": '{"id": "00000000-0000-0000-0000-000000000000", "revision": 1e400}',
    "retire that is a number": '{"retire": 1}',
    "an endless interruption": '{"expected_interruption": 99999999999999999999}',
    "a target that is not there": '{"target_host": "nowhere"}',
    "itself as target": '{"target_host": "compute-01"}',
    "a scope": '{"scope": {"hosts": ["compute-02"]}}',
    "approval": '{"approved": true}',
}

#: only where the database does not check that it is JSON
BROKEN = {
    "half a character": '{"reason": "\\ud800"}',
    "half a character in a key": '{"\\udfff": 1}',
    "no JSON": "{maintenance: yes",
    "nothing": "",
    "not a number": '{"expected_interruption": NaN}',
    "endless": '{"expected_interruption": Infinity}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize("kind", ["craton-mariadb", "craton-sqlite", "own-postgresql"])
def test_what_is_no_window_is_refused_once(craton, service, operator, look, value):
    craton.put(*HOST, "maintenance_window", value)
    craton.set("hosts", "compute-02", hours(service, 1, 2))
    before = craton.text(*HOST)
    for _ in range(3):
        look()
    assert craton.error(*HOST) is not None
    [told] = refusals(service)
    assert told["name"] == "compute-01"
    # it stays, as it was written, and did not keep the other one from being taken
    assert craton.text(*HOST) == before
    [found] = windows(operator)
    assert found["scope"]["hosts"][0]["name"] == "compute-02"
    craton.delete(*HOST)
    look()
    assert craton.error(*HOST) is None


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("kind", ["craton-sqlite", "own-mariadb", "own-postgresql"])
def test_what_is_no_json_is_refused_once(craton, service, look, value):
    craton.put(*HOST, "maintenance_window", value)
    for _ in range(3):
        look()
    assert (craton.error(*HOST), len(refusals(service))) == ("INVALID", 1)
    assert craton.text(*HOST) == value


@everywhere
@pytest.mark.parametrize("value", ["1", "true", "null", '"x"', "NaN"])
def test_it_is_replaced_by_a_window_that_is_set_there(
    craton, service, operator, look, value, kind
):
    if value == "NaN" and kind.startswith("craton-mariadb"):
        pytest.skip("MariaDB checks that it is JSON")
    craton.put(*HOST, "maintenance_window", value)
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    look()
    assert craton.get(*HOST)["id"] == set_to["id"]
    assert len(refusals(service)) == 1


def test_a_value_that_only_python_takes_for_ours_is_refused_once(craton, service, operator, look):
    """0 equals False, and 1.0 equals 1, but not in JSON."""
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    shown = craton.get(*HOST)
    craton.set(*HOST, shown | {"retire": 0})
    for _ in range(3):
        look()
    assert len(refusals(service)) == 1
    assert craton.text(*HOST) == json.dumps(shown, sort_keys=True)


@everywhere
def test_a_huge_value_is_refused_in_few_words(craton, service, look):
    craton.set(*HOST, {"reason": "x" * 3_000_000})
    look()
    look()
    error = craton.get(*HOST, "maintenance_error")
    assert error["code"] == "INVALID"
    assert len(error["message"]) <= 1000
    assert len(refusals(service)) == 1
    craton.delete(*HOST)
    look()
    assert craton.ours() == []


def test_sqls_null_is_a_null(craton, service, look, database):
    craton.set(*HOST, 1)
    with craton.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE variables SET value_ = NULL WHERE key_ = 'maintenance_window'")
        )
    look()
    look()
    assert (craton.error(*HOST), len(refusals(service))) == ("INVALID", 1)


@everywhere
def test_letters_of_all_alphabets_pass_both_ways(craton, service, operator, look):
    words = 'Ä "ß" 漢字 \\ \u00a0 %s :x'
    craton.set(*HOST, {**hours(service, 1, 2), "reason": words})
    look()
    assert windows(operator)[0]["reason"] == words
    assert craton.get(*HOST)["reason"] == words
    look()
    assert craton.get(*HOST)["revision"] == 1
