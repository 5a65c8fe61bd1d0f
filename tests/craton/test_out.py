"""What shows up where."""

import datetime as dt

import pytest

from craton_maintenance.inventory.variables import Variables
from tests.craton.asked import hours, patch, set_on, window, windows
from tests.craton.conftest import EVERYWHERE
from tests.support import deployment
from tests.support.statements import counted

everywhere = pytest.mark.parametrize("kind", EVERYWHERE)

SHOWN = {"id", "revision", "start", "end", "announcement", "reason", "impact", "retire"}

PLACES = [
    ("hosts", "compute-01"),
    ("cells", "cell-1"),
    ("regions", "RegionOne"),
    ("clouds", "openstack"),
]


@everywhere
@pytest.mark.parametrize(("what", "name"), PLACES)
def test_a_window_shows_on_its_own_object_only_and_is_inherited(
    craton, service, operator, look, what, name
):
    set_to = set_on(operator, {what: [name]}, reason="disks", **hours(service, 1, 2))
    look()
    shown = craton.get(what, name)
    assert set(shown) == SHOWN
    assert {key: shown[key] for key in SHOWN} == {key: set_to[key] for key in SHOWN}
    assert craton.ours() == [f"{craton.association(what, name)} maintenance_window"]
    assert craton.resolved("compute-01") == shown


@pytest.mark.parametrize(("what", "name"), PLACES)
def test_it_is_gone_when_the_window_is_over(craton, service, operator, look, clock, what, name):
    set_on(operator, {what: [name]}, **hours(service, 1, 2))
    for hour in (0, 1, 1):
        clock.forward(hours=hour)
        look()
        assert (craton.get(what, name) is None) == (service.clock() > _end(operator))
    assert craton.ours() == []


def _end(operator):
    return dt.datetime.fromisoformat(windows(operator)[0]["end"].replace("Z", "+00:00"))


def test_a_window_that_is_finished_or_cancelled_is_gone(craton, service, operator, look):
    one = set_on(operator, {"hosts": ["compute-01"]})
    other = set_on(operator, {"hosts": ["compute-02"]}, **hours(service, 1))
    look()
    assert len(craton.ours()) == 2
    operator.call("POST", f"/v1/maintenance-windows/{one['id']}/finish")
    operator.call("DELETE", f"/v1/maintenance-windows/{other['id']}")
    look()
    assert craton.ours() == []


def test_a_window_without_an_end_shows_none(craton, operator, look):
    set_on(operator, {"hosts": ["compute-01"]})
    look()
    assert set(craton.get("hosts", "compute-01")) == SHOWN - {"end"}


def test_the_one_that_runs_shows_else_the_next(craton, service, operator, look, clock):
    scope = {"hosts": ["compute-01"]}
    second = set_on(operator, scope, **hours(service, 3, 4))
    first = set_on(operator, scope, **hours(service, 1, 2))
    running = set_on(operator, scope, allow_overlap=True, **hours(service, 0, 3.5))
    seen = []
    for _ in range(5):
        look()
        shown = craton.get("hosts", "compute-01")
        seen.append(shown and shown["id"])
        clock.forward(hours=0.9)
    # at 2.7 hours the running one is still open; at 3.6 only the second is
    assert seen == [running["id"]] * 4 + [second["id"]]
    assert first["id"] not in seen
    clock.forward(hours=1)
    look()
    assert craton.ours() == []


def test_the_next_one_follows_the_one_that_ended(craton, service, operator, look, clock):
    for start in (3, 1):
        set_on(operator, {"hosts": ["compute-01"]}, **hours(service, start, start + 1))
    look()
    first = craton.get("hosts", "compute-01")
    clock.forward(hours=2.5)
    look()
    second = craton.get("hosts", "compute-01")
    assert first["start"] < second["start"]
    # one row all the time: made once, then changed
    row = craton.row("hosts", "compute-01")
    assert row.updated_at is not None


@everywhere
@pytest.mark.parametrize("scope", [{"labels": ["rack:r1"]}, {"availability_zones": ["nova"]}])
def test_a_label_or_zone_shows_on_each_of_its_hosts(craton, service, operator, look, scope):
    set_to = set_on(operator, scope, **hours(service, 1, 2))
    look()
    covered = 3 if "labels" in scope else 8
    assert len(craton.ours()) == covered
    assert craton.get("hosts", "compute-03")["id"] == set_to["id"]
    assert (craton.get("hosts", "compute-04") is None) == (covered == 3)
    operator.call("DELETE", f"/v1/maintenance-windows/{set_to['id']}")
    look()
    assert craton.ours() == []


def test_a_label_beside_a_region_shows_on_the_region_and_on_the_labels_hosts(
    craton, service, operator, look
):
    scope = {"labels": ["rack:r1"], "regions": ["RegionOne"]}
    set_on(operator, scope, **hours(service, 1, 2))
    look()
    assert craton.get("hosts", "compute-03") == craton.get("regions", "RegionOne") is not None
    assert craton.get("hosts", "compute-04") is None


def test_hosts_stay_as_they_are_once_a_label_window_is_open(craton, operator, look):
    set_on(operator, {"labels": ["rack:r1"]})
    craton.add("hosts", "late", ("rack:r1",))
    look()
    assert craton.get("hosts", "late") is None
    assert craton.get("hosts", "compute-01") is not None


def test_a_list_of_hosts_shows_on_each(craton, service, operator, look):
    set_on(operator, {"hosts": ["compute-01", "compute-02"]}, **hours(service, 1, 2))
    look()
    assert craton.get("hosts", "compute-01") == craton.get("hosts", "compute-02") is not None


def test_a_hosts_own_variable_does_not_exempt_it_from_its_region(craton, service, operator, look):
    region = set_on(operator, {"regions": ["RegionOne"]}, **hours(service, 5, 6))
    craton.set("hosts", "compute-01", {**hours(service, 1, 2), "reason": "just this"})
    look()
    look()
    assert craton.get("hosts", "compute-01")["reason"] == "just this"
    found = operator.get("/v1/hosts/compute-01/maintenance")
    assert region["id"] in str(found)
    assert window(operator, region["id"])["hosts_count"] == 8


@everywhere
def test_stamps_are_as_cratons(craton, service, operator, look):
    set_to = set_on(operator, {"hosts": ["compute-01"]}, **hours(service, 1, 2))
    look()
    first = craton.row("hosts", "compute-01")
    assert (first.created_at is not None, first.updated_at) == (True, None)
    patch(operator, set_to["id"], reason="other")
    look()
    second = craton.row("hosts", "compute-01")
    assert second.created_at == first.created_at
    assert second.updated_at is not None
    # the first refusal is made, the second is changed
    for number in (1, 2):
        craton.set("hosts", "compute-01", number)
        look()
        error = craton.row("hosts", "compute-01", "maintenance_error")
        assert (error.updated_at is None) == (number == 1)


def test_a_host_that_only_nova_knows_has_no_variable(craton, service, operator, look, database):
    deployment.stock(database, {"only-nova": {}})
    set_on(operator, {"hosts": ["only-nova"]}, **hours(service, 1, 2))
    look()
    assert craton.ours() == []
    craton.add("hosts", "only-nova")
    look()
    assert craton.get("hosts", "only-nova") is not None


@everywhere
def test_nothing_is_written_where_nothing_differs(craton, service, operator, look, database):
    craton.set("hosts", "compute-04", "refused")
    set_on(operator, {"labels": ["rack:r1"]}, **hours(service, 1, 2))
    set_on(operator, {"regions": ["RegionOne"]}, **hours(service, 5, 6))
    look()
    look()
    with counted(database) as statements:
        look()
    assert statements.writes == []
    assert not [text for text in statements if "FOR UPDATE" in text or "IMMEDIATE" in text]
    assert len(statements) <= 12


def test_two_engines_show_it_once(craton, service, operator, database):
    set_on(operator, {"labels": ["rack:r1"]}, **hours(service, 1, 2))
    Variables(service).look()
    with counted(database) as statements:
        Variables(service).look()
    assert statements.writes == []
