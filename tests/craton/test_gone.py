"""Objects that are deleted, renamed, or get the id of another; names that differ in case."""

import pytest

from tests.craton.asked import hours, refusals, set_on, window, windows
from tests.craton.conftest import EVERYWHERE
from tests.support import deployment

everywhere = pytest.mark.parametrize("kind", EVERYWHERE)

HOST = ("hosts", "compute-01")


@everywhere
def test_variables_that_a_deleted_host_leaves_behind_are_removed(craton, service, operator, look):
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    craton.set(*HOST, 1)
    look()
    assert len(craton.ours()) == 2
    craton.remove(*HOST)
    look()
    assert craton.ours() == []
    look()


def test_what_an_operator_wrote_on_a_host_that_is_gone_is_left_alone(
    craton, service, operator, look
):
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    craton.set(*HOST, craton.get(*HOST) | {"reason": "last words"})
    craton.remove(*HOST)
    look()
    look()
    assert len(craton.ours()) == 1
    assert windows(operator)[0]["reason"] == ""


@pytest.mark.parametrize(("what", "name"), [("cells", "empty"), ("hosts", "other")])
def test_a_deleted_object_and_a_new_one_of_its_name(craton, service, operator, look, what, name):
    craton.add(what, name)
    set_to = set_on(operator, {what: [name]}, **hours(service, 1, 2))
    look()
    old = craton.association(what, name)
    craton.remove(what, name)
    craton.add(what, name)
    look()
    look()
    assert craton.association(what, name) != old
    assert craton.ours() == [f"{craton.association(what, name)} maintenance_window"]
    assert craton.get(what, name)["id"] == set_to["id"]


@everywhere
def test_ours_on_an_id_that_is_reused_is_removed(craton, service, operator, look):
    """SQLite gives the highest id of what was deleted to the next."""
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    association = craton.association(*HOST)
    craton.remove(*HOST)
    craton.add("hosts", "reborn")
    craton.adopt("hosts", "reborn", association)
    look()
    assert craton.get("hosts", "reborn") is None
    assert refusals(service) == []
    assert window(operator, set_to["id"])["state"] == "scheduled"
    # and it can show what is its own
    other = set_on(operator, {"hosts": ["reborn"]}, **hours(service, 1, 2))
    look()
    assert craton.get("hosts", "reborn")["id"] == other["id"]


def test_an_id_that_is_reused_without_our_variable_can_show_its_own(
    craton, service, operator, look
):
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    association = craton.association(*HOST)
    craton.delete(*HOST)
    craton.remove(*HOST)
    craton.add("hosts", "reborn")
    craton.adopt("hosts", "reborn", association)
    look()
    set_to = set_on(operator, {"hosts": ["reborn"]}, **hours(service, 1, 2))
    look()
    assert craton.get("hosts", "reborn")["id"] == set_to["id"]


def test_what_is_written_on_a_reused_id_is_taken(craton, service, operator, look):
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    association = craton.association(*HOST)
    craton.remove(*HOST)
    craton.add("hosts", "reborn")
    craton.adopt("hosts", "reborn", association)
    craton.set("hosts", "reborn", hours(service, 1, 2))
    look()
    look()
    found = [one for one in windows(operator) if one["scope"]["hosts"][0]["name"] == "reborn"]
    assert len(found) == 1
    assert craton.get("hosts", "reborn")["id"] == found[0]["id"]


def test_a_renamed_host_does_not_show_the_window_of_its_old_name(craton, service, operator, look):
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    craton.rename(*HOST, "renamed")
    look()
    assert craton.ours() == []
    assert window(operator, set_to["id"])["state"] == "scheduled"
    craton.rename("hosts", "renamed", "compute-01")
    look()
    assert craton.get(*HOST)["id"] == set_to["id"]


def test_names_that_differ_in_case_are_different(craton, service, operator, look, database):
    deployment.stock(database, {"Compute-01": {}})
    set_to = set_on(operator, {"hosts": ["Compute-01"]}, **hours(service, 1, 2))
    look()
    assert craton.ours() == []
    craton.set(*HOST, hours(service, 1, 2))
    look()
    assert craton.get(*HOST)["id"] != set_to["id"]


@everywhere
@pytest.mark.parametrize("key", ["Maintenance_Window", "MAINTENANCE_ERROR", "maintenance_window "])
def test_variables_of_others_whose_names_differ_in_case_are_untouched(
    craton, service, operator, look, kind, key
):
    craton.set(*HOST, {**hours(service, 5, 6), "mine": True}, key=key)
    before, association = craton.others(), craton.association(*HOST)
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    for _ in range(3):
        look()
    craton.set("hosts", "compute-02", 1)
    look()
    assert craton.others() == before
    assert len(windows(operator)) == 1
    # MariaDB has them for one key: there is no room for ours
    occupied = kind.endswith("mariadb") and not key.endswith("ERROR")
    exact = [row for row in craton.ours() if row == f"{association} maintenance_window"]
    assert exact == ([] if occupied else [f"{association} maintenance_window"])
