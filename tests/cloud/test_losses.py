"""What is lost in the middle of a session: it ends well, or names its blocker meanwhile.

Keystone, Nova and Placement are behind doors that only this service goes through, and its
database is a server of its own.  The broker is everybody's: when it is stopped, Nova,
Ceilometer and Aodh lose it too.  Mistral's loss is in ``test_mistral.py``.
"""

import json
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.support.waiting import until

from . import bus, parts, service, stack
from .applications import Application, states
from .parties import Api, Party
from .parts import Doors, Fragile, MariaDb
from .sessions import Session, all_alive, assert_empty, worked_on

pytestmark = pytest.mark.cloud

#: Seconds that Keystone is away.
_MINUTE = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("losses")


@pytest.fixture(scope="module")
def database(folder) -> Iterator[MariaDb]:
    with parts.mariadb(folder) as server:
        yield server


@pytest.fixture(scope="module")
def doors(operator_session) -> Iterator[Doors]:
    made = Doors(operator_session)
    yield made
    made.close()


@pytest.fixture(scope="module")
def fragile(folder, database, doors, operator, fleet, figures) -> Iterator[Fragile]:
    """The service, ready and synchronised; it is not in the catalogue."""
    made = Fragile(folder, database.url, stack.TRANSPORT_URL, operator.project_id, doors)
    try:
        made.run("db", "upgrade")
        made.start("api")
        made.start("engine")
        made.wait_ready()
        api = Api(operator.session, url=made.url)
        until(lambda: api.get("/nova-hosts")["nova_hosts"], "the first synchronisation", 90.0)
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def applications(fragile, alpha, beta) -> Iterator[dict[str, Application]]:
    made = [Application(party, fragile.url) for party in (alpha, beta)]
    yield {one.party.name: one for one in made}
    for one in made:
        one.close()


@pytest.fixture
def whole(
    fragile, doors, applications, fleet, compute, hosts, alpha, beta, operator
) -> Iterator[None]:
    """After a test nothing is lost, and everything is as it was before."""
    until(lambda: _are_well(compute), "every service enabled and up", 60.0, 0.5)
    before = compute.services()
    yield
    doors.open()
    until(lambda: compute.services() == before, "every service as before", 90.0, 0.5)
    all_alive(fleet, alpha, beta)
    for party in (alpha, beta, operator):
        assert parts.gaps(Api(party.session, url=fragile.url).events()) == []
    compute.go_home(server for servers in fleet.values() for server in servers)


@pytest.fixture
def begin(operator, fragile, doors, applications, whole) -> Iterator[Callable[..., Session]]:
    """Begins sessions, which are over at the test's end."""
    made: list[Session] = []

    def new(hosts: list[str], **more: object) -> Session:
        made.append(Session(Api(operator.session, url=fragile.url), hosts, **more))
        return made[-1]

    yield new
    doors.open()
    for one in made:
        one.end()


@pytest.fixture
def gate(applications) -> Iterator[threading.Event]:
    """Until it is set alpha's application manager does not answer."""
    made = threading.Event()
    manager = applications["alpha"].manager
    manager.before = lambda state, servers: made.wait(120.0)
    yield made
    made.set()
    manager.before = lambda state, servers: None


def _well(fragile: Fragile, session: Session) -> dict[str, Any]:
    """It ended well: each host was worked on once, empty; every notice was handed over."""
    session.until_done(180.0)
    found = worked_on(fragile, session)
    detail = session.detail()
    assert sorted(found) == sorted(one["name"] for one in detail["hosts"])
    assert_empty(found)
    waiting = [
        one
        for one in detail["notices"]
        if one["delivered_at"] is None and one["status"] != "superseded"
    ]
    assert waiting == []
    return detail


def _told(party: Party, fragile: Fragile, session: Session) -> list[dict[str, Any]]:
    """The notices of a session in a project's history."""
    return [
        event
        for event in Api(party.session, url=fragile.url).events(session.window_id)
        if event["event_type"] == "maintenance.scheduled"
    ]


def test_an_alarm_that_does_not_ring_and_a_nova_that_answers_503(
    begin, applications, fragile, doors, fleet, hosts, alpha, beta, operator, figures
):
    """beta's alarm is gone: it is asked once more, and then the default applies."""
    fragile.configure(sessions=dict.fromkeys(service.ANSWERED, "6"))
    fragile.restart("engine")
    applications["beta"].deafen()
    mine, others = fleet["alpha"][2], fleet["beta"][0]
    try:
        session = begin([hosts[1]])
        found = Api(operator.session, url=fragile.url).get(f"/maintenance/{session.id}/listeners")
        listens = {one["project_id"]: one["listens"] for one in found["projects"]}
        # Aodh is in the region that has no doors
        assert set(listens.values()) <= {"no"}
        session.until_server(mine.id, "acting")
        doors.nova.refuse()
        blocker = session.until_blocked("SERVICE_UNAVAILABLE", 60.0)
        doors.nova.open()
        detail = _well(fragile, session)
    finally:
        doors.nova.open()
        applications["beta"].hear()
        fragile.configure(sessions=service.ANSWERED)
        fragile.restart("engine")
    assert applications["beta"].of(session.id) == []
    assert states(applications["alpha"].of(session.id))[-1] == "MAINTENANCE_COMPLETE"
    (silent,) = [one for one in detail["servers"] if one["id"] == others.id]
    assert silent["chosen_by"] == "operator"
    asked = [one["payload"]["state"] for one in _told(beta, fragile, session)]
    # what needs an answer, twice; what is done, once
    assert [asked.count(state) for state in ("MAINTENANCE", "PLANNED_MAINTENANCE")] == [2, 2]
    assert asked.count("INSTANCE_ACTION_DONE") == 1
    figures.append(f"nova-api away: {blocker['code']} {blocker['words'][:80]}")


@pytest.mark.journey
def test_the_broker_is_restarted_for_everybody_and_keystone_goes_away(
    begin, applications, gate, fragile, doors, fleet, hosts, compute, alpha
):
    """While a project is asked, and while the engine has to log in anew."""
    server = fleet["alpha"][0]
    session = begin([hosts[0]])
    session.until_server(server.id, "asked")
    parts.rabbitmq("stop_app")
    try:
        until(lambda: not fragile.readiness().get("ready"), "readiness says so", 60.0, 0.2)
    finally:
        parts.rabbitmq("start_app")
    bus.forget_lost_connections()
    fragile.wait_ready(90.0)
    until(lambda: _are_up(compute), "every nova-compute up again", 120.0, 0.5)
    gate.set()
    session.until_server(server.id, "acting", "done", seconds=120.0)
    fragile.kill("engine")
    # a token that nobody has looked at: of those that are known the API remembers the answer
    alpha.session.invalidate()
    headers = {"X-Auth-Token": alpha.session.get_token()}
    doors.keystone.shut()
    away = time.monotonic()
    fragile.start("engine")
    until(lambda: doors.keystone.url in fragile.tail("engine", 300), "no login", 60.0, 0.2)
    # nor can anybody's token be looked at
    answer = requests.get(f"{fragile.url}/events", headers=headers, timeout=60)
    assert answer.status_code == 503, answer.text
    until(lambda: time.monotonic() - away >= _MINUTE, "it was away for a minute", 90.0, 0.2)
    doors.keystone.open()
    _well(fragile, session)
    heard = states(applications["alpha"].of(session.id))
    assert heard[-1] == "MAINTENANCE_COMPLETE"
    assert "INSTANCE_ACTION_DONE" in heard


def _are_up(compute: stack.Compute) -> bool:
    return {one["state"] for one in compute.services().values()} == {"up"}


def _are_well(compute: stack.Compute) -> bool:
    return _are_up(compute) and {one["status"] for one in compute.services().values()} == {
        "enabled"
    }


def test_the_database_is_killed_and_placement_goes_away(
    begin, applications, fragile, database, doors, fleet, hosts, figures
):
    """While a server moves, and while the host is proved empty."""
    server = fleet["beta"][1]
    session = begin([hosts[3]])
    session.until_server(server.id, "acting")
    doors.placement.shut()
    database.kill()
    until(lambda: not fragile.readiness().get("ready"), "readiness says so", 60.0, 0.2)
    database.start()
    fragile.wait_ready(60.0)
    session.until_blocked("SERVICE_UNAVAILABLE", 120.0)
    # nothing was proved: nobody has worked there
    assert not fragile.found.exists() or session.id not in fragile.found.read_text()
    doors.placement.open()
    detail = _well(fragile, session)
    moves = [one for one in detail["steps"] if one["kind"] == "live_migrate"]
    assert len(moves) == 1, json.dumps(moves)
    assert states(applications["beta"].of(session.id))[-1] == "MAINTENANCE_COMPLETE"
