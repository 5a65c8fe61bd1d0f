"""What operators write, and what becomes of it."""

import json

import pytest

from craton_maintenance.inventory.variables import Variables
from tests.craton.asked import hours, patch, refusals, set_on, window, windows
from tests.craton.conftest import EVERYWHERE
from tests.support import deployment, history

everywhere = pytest.mark.parametrize("kind", EVERYWHERE)

HOST = ("hosts", "compute-01")

PLACES = [HOST, ("cells", "cell-1"), ("regions", "RegionOne"), ("clouds", "openstack")]


@everywhere
@pytest.mark.parametrize(("what", "name"), PLACES)
def test_a_value_without_an_id_sets_a_window(craton, service, operator, look, what, name):
    craton.set(what, name, {**hours(service, 1, 2), "reason": "disks", "announcement": "new"})
    look()
    [found] = windows(operator)
    assert {entry["name"] for entry in found["scope"][what]} == {name}
    assert (found["created_by"], found["reason"]) == ("craton-variable", "disks")
    shown = craton.get(what, name)
    assert (shown["id"], shown["revision"]) == (found["id"], 1)
    assert history.told(service.database, "alpha", found["id"]) == ["created"]
    look()
    assert len(windows(operator)) == 1
    assert refusals(service) == []


@pytest.mark.parametrize(("what", "name"), PLACES)
def test_its_own_id_edits_it(craton, service, operator, look, what, name):
    set_to = set_on(operator, {what: [name]}, reason="a", **hours(service, 1, 2))
    look()
    shown = craton.get(what, name)
    craton.set(what, name, shown | {"reason": "b"})
    look()
    found = window(operator, set_to["id"])
    assert (found["revision"], found["reason"], found["end"]) == (2, "b", set_to["end"])
    assert craton.get(what, name) == shown | {"reason": "b", "revision": 2}


@pytest.mark.parametrize(("what", "name"), PLACES)
def test_removing_it_cancels_what_has_not_opened(craton, service, operator, look, what, name):
    set_to = set_on(operator, {what: [name]}, **hours(service, 1, 2))
    look()
    craton.delete(what, name)
    look()
    assert window(operator, set_to["id"])["state"] == "cancelled"
    assert craton.ours() == []


@everywhere
@pytest.mark.parametrize(("what", "name"), PLACES)
def test_removing_it_while_it_runs_is_refused_and_it_is_restored(
    craton, service, operator, look, what, name
):
    set_to = set_on(operator, {what: [name]})
    look()
    craton.delete(what, name)
    look()
    assert window(operator, set_to["id"])["state"] == "open"
    assert craton.get(what, name)["id"] == set_to["id"]
    assert craton.error(what, name) == "WINDOW_OPEN"
    assert [told["code"] for told in refusals(service)] == ["WINDOW_OPEN"]
    operator.call("POST", f"/v1/maintenance-windows/{set_to['id']}/finish")
    look()
    assert craton.ours() == []


def test_what_an_edit_leaves_out_is_reset_and_what_is_not_shown_stays(
    craton, service, operator, look
):
    set_to = set_on(
        operator,
        {"hosts": ["compute-01"]},
        reason="a",
        announcement="b",
        impact="DEGRADED",
        expected_interruption=60,
        target_host="compute-05",
        allow_overlap=True,
        **hours(service, 1, 2),
    )
    look()
    shown = craton.get(*HOST)
    craton.set(*HOST, {"id": shown["id"], "revision": 1})
    look()
    found = window(operator, set_to["id"])
    assert (found["reason"], found["announcement"], found["impact"]) == ("", "", "OUTAGE")
    assert found.get("end") is None
    assert found["start"] == set_to["start"]
    assert (found["expected_interruption"], found["allow_overlap"]) == (60, True)
    assert "compute-05" in str(found["target_host"])


def test_an_end_in_an_open_window_may_be_moved_and_its_start_not(
    craton, service, operator, look, clock
):
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 0, 2))
    look()
    shown = craton.get(*HOST)
    later = hours(service, 0, 5)["end"]
    craton.set(*HOST, shown | {"end": later})
    look()
    shown = craton.get(*HOST)
    assert (shown["revision"], craton.error(*HOST)) == (2, None)
    craton.set(*HOST, shown | {"start": hours(service, 1)["start"]})
    look()
    assert craton.error(*HOST) == "WINDOW_OPEN"
    assert craton.get(*HOST) == shown


@everywhere
def test_a_stale_revision_is_refused_and_what_is_now_is_shown(craton, service, operator, look):
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    stale = craton.get(*HOST) | {"reason": "stale"}
    patch(operator, set_to["id"], reason="by the API")
    craton.set(*HOST, stale)
    look()
    assert window(operator, set_to["id"])["reason"] == "by the API"
    shown = craton.get(*HOST)
    assert (shown["reason"], shown["revision"]) == ("by the API", 2)
    assert craton.error(*HOST) == "STALE_REVISION"
    [told] = refusals(service)
    assert (told["kind"], told["name"], told["region"]) == ("hosts", "compute-01", "RegionOne")
    # a good edit clears the error
    craton.set(*HOST, shown | {"reason": "again"})
    look()
    assert (craton.error(*HOST), craton.get(*HOST)["revision"]) == (None, 3)


def test_an_edit_without_a_revision_is_refused(craton, service, operator, look):
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    shown = craton.get(*HOST)
    craton.set(*HOST, {"id": shown["id"], "reason": "x"})
    look()
    assert (craton.error(*HOST), craton.get(*HOST)) == ("STALE_REVISION", shown)


def test_the_same_value_otherwise_written_is_ours(craton, service, operator, look):
    set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    shown = craton.get(*HOST)
    pairs = ",".join(f'"{key}" :{_json(shown[key])}' for key in sorted(shown, reverse=True))
    text = "{" + pairs + "}"
    craton.put(*HOST, "maintenance_window", text)
    look()
    assert craton.text(*HOST).replace(" ", "") == text.replace(" ", "")
    assert (craton.get(*HOST)["revision"], craton.error(*HOST)) == (1, None)


def _json(value):
    return json.dumps(value)


@everywhere
def test_an_inherited_copy_is_removed(craton, service, operator, look):
    set_to = set_on(operator, {"regions": ["RegionOne"]}, **hours(service, 1, 2))
    look()
    shown = craton.get("regions", "RegionOne")
    for what, name in (HOST, ("cells", "cell-1"), ("clouds", "openstack")):
        craton.set(what, name, shown)
    look()
    assert craton.ours() == [f"{craton.association('regions', 'RegionOne')} maintenance_window"]
    assert window(operator, set_to["id"])["revision"] == 1
    assert refusals(service) == []


def test_a_copy_that_is_older_or_of_a_window_that_is_over_is_removed(
    craton, service, operator, look
):
    set_to = set_on(operator, {"regions": ["RegionOne"]}, **hours(service, 1, 2))
    look()
    old = craton.get("regions", "RegionOne")
    patch(operator, set_to["id"], reason="newer")
    craton.set(*HOST, old)
    look()
    assert craton.get(*HOST) is None
    operator.call("DELETE", f"/v1/maintenance-windows/{set_to['id']}")
    craton.set(*HOST, old)
    look()
    assert (craton.ours(), refusals(service)) == ([], [])


def test_an_edited_copy_is_removed_and_told(craton, service, operator, look):
    set_to = set_on(operator, {"regions": ["RegionOne"]}, **hours(service, 1, 2))
    look()
    craton.set(*HOST, craton.get("regions", "RegionOne") | {"reason": "edited here"})
    look()
    look()
    assert craton.get(*HOST) is None
    assert craton.error(*HOST) == "READ_ONLY"
    assert [told["code"] for told in refusals(service)] == ["READ_ONLY"]
    assert window(operator, set_to["id"])["reason"] == ""
    operator.call("DELETE", f"/v1/maintenance-windows/{set_to['id']}")
    look()
    assert craton.ours() == []


def test_a_copy_over_a_hosts_own_window_is_undone(craton, service, operator, look):
    set_on(operator, {"regions": ["RegionOne"]}, **hours(service, 5, 6))
    own = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    craton.set(*HOST, craton.get("regions", "RegionOne"))
    look()
    assert craton.get(*HOST)["id"] == own["id"]


@pytest.mark.parametrize(
    "scope",
    [
        {"labels": ["rack:r1"]},
        {"availability_zones": ["nova"]},
        {"hosts": ["compute-01", "compute-02"]},
        {"hosts": ["compute-01"], "cells": ["cell-1"]},
    ],
)
def test_what_covers_others_too_is_read_only(craton, service, operator, look, scope):
    set_to = set_on(operator, scope, **hours(service, 1, 2))
    look()
    shown = craton.get(*HOST)
    craton.set(*HOST, shown | {"reason": "only here"})
    look()
    assert (craton.get(*HOST), craton.error(*HOST)) == (shown, "READ_ONLY")
    craton.delete(*HOST)
    look()
    assert (craton.get(*HOST), craton.error(*HOST)) == (shown, "READ_ONLY")
    assert [told["code"] for told in refusals(service)] == ["READ_ONLY"] * 2
    assert window(operator, set_to["id"])["revision"] == 1
    operator.call("DELETE", f"/v1/maintenance-windows/{set_to['id']}")
    look()
    assert craton.ours() == []


def test_an_id_that_is_unknown_or_over_is_refused(craton, service, operator, look, clock):
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    shown = craton.get(*HOST)
    clock.forward(hours=3)
    look()
    craton.set(*HOST, shown)
    look()
    assert craton.error(*HOST) == "WINDOW_OVER"
    craton.set(*HOST, shown | {"id": "00000000-0000-0000-0000-000000000000"})
    look()
    assert craton.error(*HOST) == "NOT_FOUND"
    # what was refused stays beside its error until it is mended
    assert craton.get(*HOST)["start"] == set_to["start"]
    craton.delete(*HOST)
    look()
    assert craton.ours() == []


def test_an_overlap_is_refused_and_told_once(craton, service, operator, look):
    set_on(operator, {"regions": ["RegionOne"]}, **hours(service, 1, 2))
    craton.set(*HOST, hours(service, 1.5, 3))
    for _ in range(3):
        look()
    assert craton.error(*HOST) == "WINDOW_OVERLAP"
    assert len(refusals(service)) == 1
    craton.set(*HOST, hours(service, 2, 3))
    look()
    assert (craton.error(*HOST), len(windows(operator))) == (None, 2)


def test_a_new_value_over_one_that_was_refused_is_shown(craton, service, operator, look):
    craton.set(*HOST, {"nonsense": 1})
    look()
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    assert craton.get(*HOST)["id"] == set_to["id"]
    operator.call("DELETE", f"/v1/maintenance-windows/{set_to['id']}")
    look()
    assert craton.ours() == []


def test_a_window_is_never_set_twice_for_one_write(craton, service, operator, look):
    """Not even while nothing has been shown in its place yet."""
    value = {**hours(service, 1, 2), "allow_overlap": True}
    craton.set(*HOST, value)
    look()
    assert len(windows(operator)) == 1
    # once more the same is another write: there is our value in between
    craton.set(*HOST, value)
    look()
    assert len(windows(operator)) == 2


# -- approval ----------------------------------------------------------------------


def test_it_only_announces_until_an_administrator_approves_it(craton, service, operator, look):
    craton.set(*HOST, hours(service, 1, 2))
    look()
    [found] = windows(operator)
    assert found["approved"] is False
    denied = operator.as_project("alpha").call(
        "PATCH", f"/v1/maintenance-windows/{found['id']}", {"approved": True}
    )
    assert denied.status_code == 403
    assert patch(operator, found["id"], approved=True)["approved"] is True
    look()
    assert craton.get(*HOST)["revision"] == 2


def test_an_edit_by_variable_has_to_be_approved_again(craton, service, operator, look):
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    assert set_to["approved"] is True
    look()
    craton.set(*HOST, craton.get(*HOST) | {"retire": True})
    look()
    found = window(operator, set_to["id"])
    assert (found["retire"], found["approved"]) == (True, False)


def test_an_edit_that_changes_nothing_needs_no_approval(craton, service, operator, look):
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    craton.set(*HOST, craton.get(*HOST) | {"allow_overlap": False})
    look()
    found = window(operator, set_to["id"])
    assert (found["revision"], found["approved"]) == (1, True)
    assert "allow_overlap" not in craton.get(*HOST)


def test_trusted_variables_are_approved(craton, database, clock):
    service = deployment.service(database, clock, {("craton", "trust_variables"): True})
    operator = deployment.api(service)
    craton.set(*HOST, hours(service, 1, 2))
    Variables(service).look()
    assert windows(operator)[0]["approved"] is True
    craton.set(*HOST, craton.get(*HOST) | {"reason": "x"})
    Variables(service).look()
    found = windows(operator)[0]
    assert (found["revision"], found["approved"]) == (2, True)
