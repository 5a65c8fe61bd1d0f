"""What notifications and snapshots make of the hosts that are worked on."""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import craton_maintenance_vitrage
from craton_maintenance.domain.session.states import OVER, HostState, State
from craton_maintenance.domain.session.telling import OF_HOST
from craton_maintenance_vitrage.maintenance import OPTS, properties
from craton_maintenance_vitrage.maintenance.book import Book, Change, Stay, change, vitrage_time
from craton_maintenance_vitrage.maintenance.properties import DATASOURCE

ONE = "0b2f9d9a-8c2f-4c3f-9d4f-5a1c6a1b7e01"
TWO = "0b2f9d9a-8c2f-4c3f-9d4f-5a1c6a1b7e02"


def told(state: str = "IN_MAINTENANCE", **more: Any) -> dict[str, Any]:
    """A payload as it is on the bus."""
    return {
        "service": "craton-maintenance",
        "project_id": "operators",
        "host": "compute-1",
        "region": "north",
        "state": state,
        "session_id": ONE,
        "window_id": TWO,
        "seq": 7,
        "time": "2026-11-28T09:00:00.123456Z",
    } | more


def stay(host: str = "compute-1", session_id: str = ONE) -> Stay:
    return Stay(host, session_id, "north")


def hear(book: Book, state: str, now: float, **more: Any) -> bool:
    found = change(told(state, **more))
    assert found is not None
    return book.hear(found, now)


def hosts(book: Book, now: float = 0.0, max_age: float = 100.0) -> list[str]:
    return [one.host for one in book.current(now, max_age)]


# -- notifications -------------------------------------------------------------------


def test_what_a_notification_says():
    begun = Stay("compute-1", ONE, "north", "operators", "2026-11-28T09:00:00Z")
    assert change(told()) == Change(begun, over=False)
    for state in ("MAINTENANCE_COMPLETE", "MAINTENANCE_FAILED", "RETIRED"):
        found = change(told(state))
        assert found is not None
        assert (found.stay.key, found.over) == (begun.key, True)


@pytest.mark.parametrize(
    "payload",
    [
        *(told(state) for state in ("PLANNED", "DRAINING", "DRAINED", "VERIFYING", "SKIPPED")),
        told("NEW_STATE"),
        told(service="fenix"),
        told(host=""),
        told(host=7),
        told(session_id=None),
        {},
        None,
        [],
    ],
)
def test_what_says_nothing_about_a_host_that_is_worked_on(payload):
    assert change(payload) is None


def test_hosts_of_other_regions_are_left_out():
    assert change(told(), "north") is not None
    assert change(told(), "south") is None
    without = told()
    del without["region"]
    assert change(without, "north") is None
    assert change(without) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z"),
        ("2026-11-28T09:00:00.999999Z", "2026-11-28T09:00:00Z"),
        ("2026-11-28T11:00:00+02:00", "2026-11-28T09:00:00Z"),
        ("yesterday", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_times_have_vitrages_form(text, expected):
    assert vitrage_time(text) == expected


def test_states_are_those_of_the_service():
    """The package stands alone, so it has its own copy of the words."""
    assert OF_HOST[HostState.IN_MAINTENANCE] == properties.BEGINS
    ends = {OF_HOST[HostState.RETURNED], OF_HOST[HostState.FAILED], OF_HOST[HostState.RETIRED]}
    assert ends == properties.ENDS
    assert {HostState.IN_MAINTENANCE.value, HostState.VERIFYING.value} == properties.IN_WORK
    assert set(properties.SESSION_STATES) == {one.value for one in State if one not in OVER}


# -- the book ------------------------------------------------------------------------


def test_a_host_is_worked_on_from_its_beginning_to_its_end():
    book = Book()
    assert hosts(book) == []
    assert hear(book, "IN_MAINTENANCE", 1.0)
    assert (hosts(book), book.sessions()) == (["compute-1"], [ONE])
    assert hear(book, "MAINTENANCE_COMPLETE", 2.0)
    assert (hosts(book), book.sessions()) == ([], [])


def test_repeats_change_nothing():
    book = Book()
    assert hear(book, "IN_MAINTENANCE", 1.0)
    assert hear(book, "IN_MAINTENANCE", 2.0)
    assert hosts(book) == ["compute-1"]
    hear(book, "RETIRED", 3.0)
    # after a crash the service sends the last ones again
    assert not hear(book, "IN_MAINTENANCE", 4.0)
    assert hosts(book) == []


def test_a_late_end_of_one_session_is_none_of_another():
    book = Book()
    hear(book, "IN_MAINTENANCE", 1.0, session_id=ONE)
    hear(book, "MAINTENANCE_FAILED", 2.0, session_id=ONE)
    hear(book, "IN_MAINTENANCE", 3.0, session_id=TWO)
    hear(book, "MAINTENANCE_FAILED", 4.0, session_id=ONE)
    assert book.sessions() == [TWO]
    assert book.is_over(("north", "compute-1", ONE))
    assert not book.is_over(("north", "compute-1", TWO))


def test_a_snapshot_is_the_truth():
    book = Book()
    hear(book, "IN_MAINTENANCE", 1.0)
    book.read([stay("compute-2")], asked=2.0, now=3.0)
    assert hosts(book, 3.0) == ["compute-2"]


def test_what_is_heard_while_a_snapshot_is_asked_for_is_newer():
    book = Book()
    hear(book, "IN_MAINTENANCE", 1.0, host="compute-1")
    # it began, and another ended, after the first question
    hear(book, "IN_MAINTENANCE", 2.5, host="compute-2")
    hear(book, "MAINTENANCE_COMPLETE", 2.6, host="compute-1")
    book.read([stay("compute-1"), stay("compute-3")], asked=2.0, now=3.0)
    assert hosts(book, 3.0) == ["compute-2", "compute-3"]


def test_a_snapshot_keeps_what_only_notifications_say():
    book = Book()
    hear(book, "IN_MAINTENANCE", 1.0)
    book.read([stay(), stay("compute-2")], asked=2.0, now=3.0)
    one, two = book.current(3.0, 100.0)
    assert (one.since, one.project_id) == ("2026-11-28T09:00:00Z", "operators")
    assert (two.since, two.project_id) == ("", "operators")


def test_what_nothing_confirms_is_forgotten():
    book = Book()
    hear(book, "IN_MAINTENANCE", 1.0)
    assert hosts(book, 101.0) == ["compute-1"]
    book.read([stay()], asked=100.0, now=101.0)
    assert hosts(book, 201.0) == ["compute-1"]
    assert hosts(book, 201.1) == []
    # it is not over: a snapshot may say so again
    book.read([stay()], asked=300.0, now=301.0)
    assert hosts(book, 301.0) == ["compute-1"]


def test_ends_are_not_remembered_for_ever():
    book = Book()
    for number in range(10_001):
        hear(book, "RETIRED", 1.0, host=f"compute-{number}")
    assert not book.is_over(("north", "compute-0", ONE))
    assert book.is_over(("north", "compute-10000", ONE))


# -- the package ---------------------------------------------------------------------


def test_it_imports_what_a_vitrage_has():
    """It runs in another service's process, which has nothing else of ours."""
    of_vitrage = {"vitrage", "oslo_config", "oslo_log", "keystoneauth1"}
    folder = Path(craton_maintenance_vitrage.__file__).parent
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                found = [node.module or ""]
            for name in found:
                top = name.partition(".")[0]
                own = top in of_vitrage or top == folder.name
                assert own or top in sys.stdlib_module_names, (file.name, name)


def test_its_files_use_the_datasources_words():
    folder = Path(craton_maintenance_vitrage.__file__).parent
    values = yaml.safe_load((folder / f"datasources_values/{DATASOURCE}.yaml").read_text())
    originals = [
        one["name"]
        for item in values["values"]
        for one in item["aggregated values"]["original values"]
    ]
    assert properties.BEGINS in originals
    template = yaml.safe_load((folder / "templates/host_down.yaml").read_text())
    assert DATASOURCE in {one["type"] for one in template["entities"].values()}


def test_its_options_are_in_the_documentation():
    page = (
        Path(craton_maintenance_vitrage.__file__).parents[1] / "doc/source/vitrage.rst"
    ).read_text()
    of_an_operator = [one.dest for one in OPTS if not one.required]
    assert [name for name in of_an_operator if f"``{name}``" not in page] == []


def test_its_options_are_what_vitrage_looks_for():
    options = {option.dest: option for option in OPTS}
    package = f"{craton_maintenance_vitrage.__name__}.{DATASOURCE}"
    root = Path(craton_maintenance_vitrage.__file__).parents[1]
    for name in ("driver", "transformer"):
        module, _, cls = options[name].default.rpartition(".")
        assert module == f"{package}.{name}"
        source = (root / module.replace(".", "/")).with_suffix(".py").read_text()
        classes = [one.name for one in ast.parse(source).body if isinstance(one, ast.ClassDef)]
        assert cls in classes
    assert options["update_method"].default == "push"
