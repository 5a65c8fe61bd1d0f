"""Servers, alarms, workflows and the service itself, on the cloud of tools/testcloud."""

import contextlib
import os
import pathlib
import signal
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.support.waiting import until

from . import bus, service, stack
from .listener import Listener
from .parties import PROBE, Api, Party
from .privacy import Ledger

CREATED = "maintenance.window.created"
_NAME = "maintenance-test"
_FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []
    if _enabled():
        # ended by a signal, fixtures still take away what they made
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)


def _enabled() -> bool:
    return os.environ.get("CRATON_MAINTENANCE_CLOUD") == "1"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not _enabled():
        pytest.skip("needs the real OpenStack of tools/testcloud: run `make test-cloud`")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    if _enabled():
        # with everything that was open while the broker was restarted
        bus.forget_lost_connections()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.stash[_FIGURES]:
        terminalreporter.section("figures")
        for line in config.stash[_FIGURES]:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run."""
    return pytestconfig.stash[_FIGURES]


@pytest.fixture(scope="session")
def operator_session():
    return stack.session("admin", project="admin")


@pytest.fixture(scope="session")
def identity(operator_session) -> stack.Identity:
    return stack.Identity(operator_session)


@pytest.fixture(scope="session")
def compute(operator_session) -> stack.Compute:
    return stack.Compute(operator_session)


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    listener = Listener(stack.HOST)
    yield listener
    listener.close()


@pytest.fixture(scope="session")
def operator(operator_session, identity, listener) -> Party:
    """The cloud's admin."""
    return Party(
        name="operator",
        user="admin",
        project_id=identity.project_id("admin"),
        session=operator_session,
        booter=operator_session,
        api=Api(operator_session),
        ledger=Ledger("operator"),
        listener=listener,
    )


def _project(name: str, user: str, identity, compute, listener) -> Iterator[Party]:
    """A project of the test's own; its servers go with it."""
    with contextlib.ExitStack() as undo:
        project_id = identity.project(f"{_NAME}-{name}")
        undo.callback(identity.remove_project, project_id)
        for who, role in ((user, "member"), ("admin", "admin")):
            identity.grant(who, project_id, role)
            undo.callback(identity.revoke, who, project_id, role)
        undo.callback(compute.delete_of, project_id)
        session = stack.session(user, project_id)
        ledger = Ledger(name)
        yield Party(
            name=name,
            user=user,
            project_id=project_id,
            session=session,
            booter=stack.session("admin", project_id),
            api=Api(session, ledger),
            ledger=ledger,
            listener=listener,
        )


@pytest.fixture(scope="session")
def alpha(identity, compute, listener) -> Iterator[Party]:
    yield from _project("alpha", "alice", identity, compute, listener)


@pytest.fixture(scope="session")
def beta(identity, compute, listener) -> Iterator[Party]:
    yield from _project("beta", "bob", identity, compute, listener)


@pytest.fixture(scope="session")
def sender(identity) -> Iterator[bus.Sender]:
    sender = bus.Sender(stack.TRANSPORT_URL)
    yield sender
    sender.close()


@pytest.fixture(scope="session")
def service_user(identity) -> str:
    return identity.user_id("maintenance")


@pytest.fixture(scope="session")
def subscribers(alpha, beta, operator, sender, service_user) -> Iterator[list[Party]]:
    """The same alarm and the same workflow for each party, only the addresses differ.

    They are in force when this returns: Mistral makes a trigger known to its event
    engine after it has answered, so notifications made by hand go first.
    """
    parties = [alpha, beta, operator]
    with contextlib.ExitStack() as undo:
        for party in parties:
            alarms = stack.Alarms(party.session)
            alarms.delete_named(_NAME)
            alarm = alarms.create(
                _NAME, "maintenance.window.*", party.listener.url + party.alarm_path
            )
            undo.callback(alarms.delete, alarm)
            workflows = stack.Workflows(party.session)
            name = f"maintenance_test_{uuid.uuid4().hex}"
            party.workflow_id = workflows.create(name, party.listener.url + party.workflow_path)
            trigger = workflows.trigger(name, party.workflow_id, CREATED)
            undo.callback(workflows.delete, party.workflow_id, trigger)
        for party in parties:
            _prove_open(party, sender, service_user)
        yield parties


def _prove_open(party: Party, sender: bus.Sender, service_user: str) -> None:
    def look() -> bool:
        sender.send(
            CREATED,
            {"project_id": party.project_id, "window_id": f"{PROBE}-{uuid.uuid4()}"},
            bus.context(party.project_id, service_user),
        )
        return bool(
            party.listener.posts(party.alarm_path) and party.listener.posts(party.workflow_path)
        )

    until(look, f"a notification reaches {party.name}'s alarm and workflow", 60.0, 1.0)


@pytest.fixture(scope="session")
def hosts(compute) -> list[str]:
    """The six compute hosts, the first half in the aggregate agg-a, the others in agg-b."""
    found = compute.aggregate("agg-a") + compute.aggregate("agg-b")
    assert found == compute.hosts()
    assert len(found) == 6
    return found


@pytest.fixture(scope="session")
def fleet(compute, hosts, alpha, beta) -> dict[str, list[stack.Server]]:
    """Servers by project: alpha alone, both, none | beta, beta, none."""
    places = {"alpha": (0, 0, 1), "beta": (1, 3, 4)}
    booting = {
        party.name: [
            compute.boot(party.booter, f"{_NAME}-{party.name}-{number}", hosts[place])
            for number, place in enumerate(places[party.name])
        ]
        for party in (alpha, beta)
    }
    booted = {name: [compute.active(one) for one in ids] for name, ids in booting.items()}
    for name, servers in booted.items():
        assert [server.host for server in servers] == [hosts[place] for place in places[name]]
    forbid(alpha, beta, booted, hosts)
    forbid(beta, alpha, booted, hosts)
    return booted


#: Only operators may ever read it.
REASON = "rack 7 burns, and the vendor must not be named"


def forbid(party: Party, other: Party, fleet, hosts) -> None:
    """What a project must never read."""
    for host in hosts:
        party.ledger.forbid(host, "a host's name")
        party.ledger.forbid(stack.host_id(other.project_id, host), "another project's hostId")
    party.ledger.forbid(other.project_id, "another project's id")
    party.ledger.forbid(REASON, "the operators' reason")
    for server in fleet[other.name]:
        party.ledger.forbid(server.id, "another project's server")


@pytest.fixture(scope="session")
def tap(subscribers) -> Iterator[bus.Tap]:
    """What is on the bus."""
    tap = bus.Tap(stack.TRANSPORT_URL)
    yield tap
    tap.close()


@pytest.fixture(scope="session")
def wire() -> Iterator[bus.Wire]:
    """Between the service and the broker."""
    wire = bus.Wire(stack.TRANSPORT_URL)
    yield wire
    wire.close()


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory, identity, operator, wire, fleet, subscribers, figures
) -> Iterator[service.Installation]:
    """The service, in the catalogue, ready, and synchronised with Nova for the first time."""
    with contextlib.ExitStack() as undo:
        undo.callback(service.drop_database)
        installed = service.Installation(
            tmp_path_factory.mktemp("maintenance"),
            service.create_database(),
            wire.transport_url,
            operator.project_id,
        )
        if where := os.environ.get("CRATON_MAINTENANCE_CLOUD_LOGS"):
            undo.callback(installed.keep_logs, pathlib.Path(where))
        undo.callback(identity.unregister, "maintenance")
        identity.register("maintenance", "craton-maintenance", installed.url)
        undo.callback(_stop, installed)
        installed.run("db", "upgrade")
        installed.start("api")
        installed.start("engine")
        began = time.time()
        installed.wait_ready()
        for party in subscribers:
            # the catalogue is in the token
            party.session.invalidate()
        until(lambda: operator.api.get("/nova-hosts")["nova_hosts"], "the first synchronisation")
        figures.append(f"first synchronisation: {time.time() - began:.1f} s after the start")
        yield installed


def _stop(installed: service.Installation) -> None:
    statuses = installed.stop()
    assert set(statuses.values()) <= {0}, f"did not end in good order: {statuses}"


@pytest.fixture
def windows(installation, operator) -> Iterator[list[str]]:
    """Ids of a test's windows: what is not over at its end is ended."""
    made: list[str] = []
    yield made
    for window_id in made:
        state = operator.api.get(f"/maintenance-windows/{window_id}")["state"]
        if state == "open":
            operator.api.request("POST", f"/maintenance-windows/{window_id}/finish", 200)
        elif state == "scheduled":
            operator.api.cancel(window_id)


@pytest.fixture(autouse=True)
def nothing_leaks(request) -> Iterator[None]:
    """After each test: no byte sent to a project so far holds anything of others."""
    yield
    names = {"alpha", "beta"} & set(request.fixturenames)
    for party in (request.getfixturevalue(name) for name in sorted(names)):
        party.keep_posts()
        assert not party.ledger.leaks()
        party.ledger.received.clear()
