"""Sessions on real hosts: the cloud is maintained while its projects' servers live on."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

from tests.support.waiting import until

from . import bus, stack
from .applications import Application, Heard, states
from .conftest import forbid
from .service import SYNC_INTERVAL, Installation
from .sessions import Session, all_alive, assert_empty, moved, place_of, worked_on

pytestmark = pytest.mark.cloud

#: What somebody else has one host disabled for.
FOREIGN = "waiting for a new power supply"


@pytest.fixture(scope="module")
def applications(installation, alpha, beta) -> Iterator[dict[str, Application]]:
    made = [Application(party, installation.url) for party in (alpha, beta)]
    yield {one.party.name: one for one in made}
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def crowd(compute, hosts, fleet, alpha, beta) -> Iterator[dict[str, list[stack.Server]]]:
    """Every server by project: the fleet, a group of three that are never together, a single.

    At the end the fleet is where other tests look for it.
    """
    group = stack.group(alpha.session, "maintenance-test", "anti-affinity")
    booting = {
        "alpha": [
            compute.boot(alpha.booter, f"maintenance-test-group-{n}", hosts[n], group)
            for n in range(3)
        ],
        "beta": [compute.boot(beta.booter, "maintenance-test-single", hosts[5])],
    }
    booted = {name: [compute.active(one) for one in ids] for name, ids in booting.items()}
    everybody = {name: fleet[name] + booted[name] for name in booted}
    forbid(alpha, beta, everybody, hosts)
    forbid(beta, alpha, everybody, hosts)
    yield everybody
    compute.delete(server.id for servers in booted.values() for server in servers)
    compute.go_home(server for servers in fleet.values() for server in servers)


@pytest.fixture
def begin(operator, installation, applications, crowd) -> Iterator[Callable[..., Session]]:
    """Begins sessions, which are over at the test's end."""
    made: list[Session] = []

    def new(hosts: list[str], **more: object) -> Session:
        made.append(Session(operator.api, hosts, **more))
        return made[-1]

    yield new
    for one in made:
        one.end()


@pytest.fixture
def services_stay(compute, hosts) -> Iterator[None]:
    """After the test every nova-compute is up and enabled, as it was before."""
    before = compute.services()
    assert {(one["status"], one["state"]) for one in before.values()} == {("enabled", "up")}
    yield
    until(lambda: compute.services() == before, "every service as before", 60.0, 0.5)


def _lasted(detail: dict[str, Any]) -> float:
    """Seconds from a session's beginning to its end."""
    began, ended = (
        dt.datetime.fromisoformat(detail["session"][name])
        for name in ("created_at", "finished_at")
    )
    return (ended - began).total_seconds()


def _kill(installation: Installation) -> None:
    """The engine crashes, and is started again."""
    installation.kill("engine")
    installation.start("engine")


def _assert_own_only(heard: list[Heard], application: Application, crowd, *more: str) -> None:
    """A project heard of its own servers only; the ledger has seen to every byte."""
    own = {server.id for server in crowd[application.party.name]} | set(more)
    for one in heard:
        assert one.traits["project_id"] == application.party.project_id
        assert one.servers <= own


@pytest.mark.journey
def test_the_whole_cloud_is_maintained(
    begin, applications, crowd, compute, installation, hosts, alpha, beta, figures
):
    """Workflow default, all hosts; one of them somebody else has disabled before."""
    before = compute.services()
    compute.disable(hosts[4], FOREIGN)
    disabled = compute.services()
    # half of the servers are moved cold, half live
    for application in applications.values():
        for server in crowd[application.party.name][::2]:
            application.manager.wanted[server.id] = "MIGRATE"
    try:
        session = begin([], announcement="new firmware")
        session.until_done(400)
        assert compute.services() == disabled
    finally:
        compute.enable(hosts[4])
        for application in applications.values():
            application.manager.wanted.clear()
    assert compute.services() == before
    all_alive(crowd, alpha, beta)
    found = worked_on(installation, session)
    assert sorted(found) == hosts
    assert_empty(found)
    assert found[hosts[4]]["reason"] == FOREIGN
    detail = session.detail()
    assert {one["state"] for one in detail["hosts"]} == {"returned"}
    group = [server.id for server in crowd["alpha"][-3:]]
    assert len({server.host for server in compute.servers() if server.id in group}) == 3
    for application in applications.values():
        heard = application.of(session.id)
        _assert_own_only(heard, application, crowd)
        told = states(heard)
        assert (told[0], told[-1]) == ("MAINTENANCE", "MAINTENANCE_COMPLETE")
        assert "PLANNED_MAINTENANCE" in told or "PREPARE_MAINTENANCE" in told
        done = application.manager.done
        assert set(done) == {server.id for server in crowd[application.party.name]}
        figures.append(
            f"session {application.party.name}: first notice at the application manager "
            f"{heard[0].arrived - session.asked_at:.3f} s after the request"
        )
    moves = moved(detail["steps"])
    figures.append(
        f"session of six hosts: {_lasted(detail):.0f} s, "
        f"{len(moves)} moves of {len(set(moves))} servers"
    )


@pytest.mark.journey
def test_an_engine_that_is_killed_again_and_again_comes_to_the_end(
    begin, applications, crowd, compute, installation, hosts, alpha, beta, services_stay, figures
):
    """Workflow vnf; while the engine is away a host is enabled, and a server booted on it."""
    slow = crowd["alpha"][0]
    slow_host = place_of(compute, slow)
    taken = [slow_host, *(host for host in hosts if host != slow_host)][:2]
    compute.set_metadata(slow.id, fake_live_migration="12")
    late = None
    try:
        session = begin(taken, workflow="vnf")
        # asked, and not all have answered
        until(lambda: "PLANNED" in str(states(applications["alpha"].of(session.id))), "asked")
        _kill(installation)
        # a server is under way
        session.until_server(slow.id, "acting", seconds=200.0)
        until(lambda: compute.unfinished(slow.id), "the migration of a server", 60.0)
        with installation.away("engine"):
            compute.open_up(slow_host)
            late = compute.boot(beta.booter, "maintenance-test-late", slow_host)
            compute.active(late)
        # a host is worked on, or comes back from it
        session.until_host(slow_host, "in_maintenance", "verifying", seconds=200.0)
        _kill(installation)
        session.until_done(300.0)
    finally:
        compute.remove_metadata(slow.id, "fake_live_migration")
        found = compute.servers()
        if late is not None:
            compute.delete([late])
    assert slow_host not in {server.host for server in found if server.id == late}
    all_alive(crowd, alpha, beta)
    worked = worked_on(installation, session)
    assert sorted(worked) == sorted(taken)
    assert_empty(worked)
    for application in applications.values():
        heard = application.of(session.id)
        _assert_own_only(heard, application, crowd, late)
        for one in heard:
            # one notice for each server
            asks = one.state == "PLANNED_MAINTENANCE"
            assert not asks or len(one.servers) == 1
    assert any(late in one.servers for one in applications["beta"].of(session.id))
    figures.append(
        f"session of two hosts, engine killed 3 times: {_lasted(session.detail()):.0f} s"
    )


# -- a resize that nobody has confirmed ----------------------------------------------


@pytest.mark.journey
def test_an_unconfirmed_resize_waits_for_its_owner(
    begin, crowd, compute, beta, hosts, services_stay, installation
):
    """The host that it came from is not empty until the owner has said what becomes of it."""
    server = crowd["beta"][1]
    source = place_of(compute, server)
    compute.resize(beta.session, server.id)
    session = begin([source])
    blocker = session.until_blocked("UNCONFIRMED_RESIZE")
    assert blocker["host"]["name"] == source
    assert server.id in blocker["words"]
    stack.act(beta.session, server.id, "confirmResize")
    session.until_done()
    assert_empty(worked_on(installation, session))
    # and one that goes back to the host in the middle of its drain
    source = place_of(compute, server)
    compute.resize(beta.session, server.id)
    session = begin([source])
    session.until_blocked("UNCONFIRMED_RESIZE")
    stack.act(beta.session, server.id, "revertResize")
    session.until_done()
    (late,) = [one for one in session.detail()["servers"] if one["id"] == server.id]
    assert late["late"]
    assert place_of(compute, compute.active(server.id)) != source
    assert_empty(worked_on(installation, session))


def test_an_unconfirmed_resize_is_confirmed_by_policy(
    begin, applications, crowd, compute, beta, hosts, services_stay, installation
):
    """Of a server that is to be moved, and of one that its owner has resized in the drain."""
    resized, own = crowd["beta"][1], crowd["beta"][3]
    manager = applications["beta"].manager
    installation.configure(sessions={"unconfirmed_resize": "confirm"})
    installation.restart("engine")
    try:
        compute.resize(beta.session, resized.id)
        session = begin([place_of(compute, resized)])
        session.until_done()
        assert_empty(worked_on(installation, session))
        compute.active(resized.id)
        # its owner moves it by a resize, and forgets about it
        manager.wanted[own.id] = "OWN_ACTION"
        manager.does[own.id] = lambda: compute.resize(beta.session, own.id)
        session = begin([place_of(compute, own)])
        session.until_done()
        assert_empty(worked_on(installation, session))
        compute.active(own.id)
    finally:
        manager.wanted.clear()
        manager.does.clear()
        installation.configure(sessions={"unconfirmed_resize": None})
        installation.restart("engine")


# -- what breaks ---------------------------------------------------------------------


@pytest.mark.journey
def test_a_host_that_dies_while_it_is_drained(
    begin, applications, crowd, compute, hosts, services_stay, installation, figures
):
    """Its servers can't be moved; it is named, and when it is back the session goes on."""
    server = crowd["alpha"][1]
    host = place_of(compute, server)
    answers = threading.Event()
    manager = applications["alpha"].manager
    manager.before = lambda state, servers: answers.wait(60.0)
    try:
        session = begin([host])
        session.until_server(server.id, "asked")
        stack.host("kill", host)
        try:
            blocker = session.until_blocked("HOST_DOWN")
            answers.set()
            assert blocker["host"]["name"] == host
        finally:
            stack.host("start", host)
    finally:
        answers.set()
        manager.before = lambda state, servers: None
    session.until_done()
    assert_empty(worked_on(installation, session))


def test_the_broker_goes_away_in_the_middle(
    begin, applications, crowd, compute, hosts, services_stay, installation, wire, alpha, beta
):
    """What projects have to be told waits for it, and nothing is decided for them meanwhile."""
    server = crowd["alpha"][1]
    session = begin([place_of(compute, server)])
    session.until_server(server.id, "acting")
    wire.cut()
    try:
        session.until("MAINTENANCE_COMPLETE")
        session.until_blocked("NOTICE_UNDELIVERED")
    finally:
        wire.mend()
    session.until_done()
    told = states(applications["alpha"].of(session.id))
    assert told[-1] == "MAINTENANCE_COMPLETE"
    assert "INSTANCE_ACTION_DONE" in told
    assert_empty(worked_on(installation, session))
    all_alive(crowd, alpha, beta)


# -- figures -------------------------------------------------------------------------


class _Moves:
    """Notes when Nova's API first shows that a migration is over."""

    def __init__(self, compute: stack.Compute, servers: Collection[str]) -> None:
        self.over: dict[str, float] = {}
        self._ended = threading.Event()
        before = {one["id"] for one in compute.migrations(servers)}

        def watch() -> None:
            while not self._ended.wait(0.1):
                for one in compute.migrations(servers):
                    if one["id"] not in before and one["status"] == "completed":
                        self.over.setdefault(one["instance_uuid"], time.time())

        self._thread = threading.Thread(target=watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.mark.parametrize("heard", [False, True], ids=["asked", "heard"])
def test_what_a_session_adds_to_a_migration(
    heard,
    begin,
    applications,
    crowd,
    compute,
    hosts,
    services_stay,
    installation,
    service_user,
    alpha,
    figures,
):
    """From a move's end in Nova to what follows it, with and without Nova's notifications."""
    url = stack.TRANSPORT_URL if heard else None
    pool = "craton-maintenance-test-sessions"
    installation.configure(
        nova={"notifications_url": url, "notifications_pool": pool},
        inventory={"sync_interval": "600"},
    )
    installation.restart("engine")
    if heard:
        until(lambda: bus.consumers(stack.TRANSPORT_URL, pool), "a consumer", 60.0, 0.5)
    host = place_of(compute, crowd["alpha"][2])
    ids = {one.id for one in crowd["alpha"]}
    ids &= {one.id for one in compute.servers() if one.host == host}
    calls = stack.Calls(service_user)
    moves = _Moves(compute, ids)
    try:
        session = begin([host])
        session.until_done()
    finally:
        moves.close()
        installation.configure(
            nova={"notifications_url": None, "notifications_pool": None},
            inventory={"sync_interval": SYNC_INTERVAL},
        )
        installation.restart("engine")
        if heard:
            bus.remove_queue(stack.TRANSPORT_URL, pool)
    known = {
        event["servers"][0]: dt.datetime.fromisoformat(event["time"]).timestamp()
        for event in alpha.api.events(session.window_id)
        if event["payload"].get("state") == "INSTANCE_ACTION_DONE"
    }
    assert known.keys() == moves.over.keys() == ids
    idle = sorted(known[one] - moves.over[one] for one in ids)
    detail = session.detail()
    moved_servers = len(set(moved(detail["steps"])))
    made = calls.made()
    way = "heard from" if heard else "asked of"
    figures.append(
        f"moves' ends {way} Nova: known {', '.join(f'{one:+.2f}' for one in idle)} s after its "
        f"API showed them"
    )
    figures.append(
        f"moves' ends {way} Nova: {made.total()} calls to Nova's API for a host with "
        f"{moved_servers} servers: "
        + ", ".join(f"{number} {what}" for what, number in made.most_common())
    )
    assert max(idle) < 5.0
