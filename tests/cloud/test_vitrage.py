"""The datasource in the real Vitrage: who hears of faults on hosts that are worked on.

That a notifier is told nothing is shown by what it is told next: Vitrage does one thing
after the other, and a later fault on another host has to be the next that it reports.
"""

import contextlib
import datetime as dt
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

import craton_maintenance_vitrage
from tests.support.waiting import until

from .rca import DEDUCED, Hook, Vitrage
from .sessions import OVER, Session

pytestmark = pytest.mark.cloud

TEMPLATE = pathlib.Path(craton_maintenance_vitrage.__file__).parent / "templates/host_down.yaml"

#: The operator says when the work is done.
WAIT = [{"plugin": "wait"}]


@pytest.fixture(scope="module")
def rca(operator_session, hosts, installation) -> Vitrage:
    """Vitrage, which knows the hosts, none of them marked: from an earlier run, say."""
    found = Vitrage(operator_session)
    until(
        lambda: set(hosts) <= {one["id"] for one in found.of_type("nova.host")},
        "Vitrage knows the hosts",
        90.0,
        0.5,
    )
    # a snapshot, once a minute
    found.until_marked(seconds=90.0)
    return found


@pytest.fixture
def begin(operator, installation) -> Iterator[Callable[..., Session]]:
    """Begins sessions, which are over at the test's end."""
    made: list[Session] = []

    def new(hosts: list[str]) -> Session:
        made.append(Session(operator.api, hosts, actions=WAIT))
        return made[-1]

    yield new
    for one in made:
        if one.get()["state"] not in OVER:
            # paused, it begins no other host; what is worked on is finished first
            one.order("pause")
            for host in _worked_on(one):
                _confirm(one, host)
            one.end()


@pytest.fixture
def topics(installation) -> Iterator[None]:
    """Vitrage is told of events, on the topic that it listens on."""
    installation.configure(
        oslo_messaging_notifications={"topics": "notifications,vitrage_notifications"}
    )
    installation.restart("engine")
    yield
    installation.configure(oslo_messaging_notifications={"topics": "notifications"})
    installation.restart("engine")


@pytest.fixture
def template(rca) -> Iterator[None]:
    made = rca.add_template(TEMPLATE)
    yield
    rca.delete_template(made)


@pytest.fixture
def hooks(rca, listener) -> Iterator[tuple[Hook, Hook]]:
    """A webhook for what templates deduce, and one for every alarm there is."""
    deduced, every = Hook(listener, "deduced"), Hook(listener, "every")
    with contextlib.ExitStack() as undo:
        for hook, only in ((deduced, DEDUCED), (every, None)):
            undo.callback(rca.delete_webhook, rca.add_webhook(hook.url, only))
        yield deduced, every


@pytest.fixture
def faults(rca, hosts) -> Iterator[Callable[..., None]]:
    """Reports hosts down and up; after the test all are up."""
    down: set[str] = set()

    def report(host: str, status: str = "down") -> None:
        rca.fault(host, status)
        (down.add if status == "down" else down.discard)(host)

    yield report
    for host in down:
        # a graph that was started since forgets that it was down, and would not hear of up
        rca.fault(host, "down")
        rca.fault(host, "up")
    until(lambda: not rca.of_type("doctor"), "no fault left in Vitrage", 20.0, 0.1)


def _confirm(session: Session, host: str) -> None:
    """The operator's word that the work on a host is done."""
    session.order("confirm", host=host, reason="new disks are in")


def _worked_on(session: Session) -> list[str]:
    listed = session.detail()["hosts"]
    return [one["name"] for one in listed if one["state"] == "in_maintenance"]


def _waiting(session: Session, host: str) -> None:
    """It is worked on, and the work waits for the operator's word."""
    session.until_host(host, "in_maintenance")
    session.until_blocked("WAITING_FOR_OPERATOR")


def _first(session: Session, hosts: list[str]) -> list[str]:
    """The hosts, the one that is worked on now first."""

    (first,) = until(lambda: _worked_on(session), "a host is worked on", 90.0, 0.1)
    return [first, *(host for host in hosts if host != first)]


def _told_at(operator, session: Session, host: str, state: str) -> float:
    """When an event of a host was, in seconds since the epoch."""
    return next(
        dt.datetime.fromisoformat(event["time"]).timestamp()
        for event in operator.api.events(session.window_id)
        if event["event_type"] == "maintenance.host"
        and (event["payload"]["host"], event["payload"]["state"]) == (host, state)
    )


def test_repeats_and_what_comes_late(tmp_path):
    """In Vitrage's own processor and graph, without its processes."""
    package = pathlib.Path(craton_maintenance_vitrage.__file__).parent
    for folder in (pathlib.Path("/etc/vitrage"), package):
        for file in (folder / "datasources_values").glob("*.yaml"):
            shutil.copy(file, tmp_path)
    script = pathlib.Path(__file__).with_name("in_vitrage.py")
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(package.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        ["/usr/bin/python3", str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "all well\n"), done.stderr


@pytest.mark.journey
def test_faults_of_a_host_that_is_worked_on_reach_no_notifier(
    rca, template, topics, hooks, faults, begin, hosts, operator, figures
):
    """Two hosts, one after the other; neither has servers, so nobody is asked."""
    deduced, every = hooks
    pair, other = [hosts[2], hosts[5]], hosts[4]
    session = begin(pair)
    first, second = _first(session, pair)
    _waiting(session, first)
    rca.until_marked(first)
    # on the one that is worked on: Vitrage has it, and its notifiers are silent
    begun = every.mark()
    faults(first)
    every.wait("activate", first, begun)
    # on the session's other host, which is up yet, and on a stranger: they report it
    faults(second)
    report = deduced.wait("activate", second, begun)
    faults(other)
    deduced.wait("activate", other, begun)
    assert deduced.heard(begun) == [("activate", second), ("activate", other)]
    assert report.body["payload"]["name"] == "host failed"
    # one that is gone when the host returns was never heard of
    faults(first, "up")
    every.wait("deactivate", first, begun)
    begun = deduced.mark()
    _confirm(session, first)
    session.until_host(first, "returned")
    _waiting(session, second)
    # the second's alarm is taken back while it is worked on
    rca.until_marked(second)
    deduced.wait("deactivate", second, begun)
    # the first has returned: its faults are reported again
    faults(first)
    report = deduced.wait("activate", first, begun)
    assert deduced.heard(begun) == [("deactivate", second), ("activate", first)]
    # and the second's, which has lasted, as soon as it is back
    begun = deduced.mark()
    _confirm(session, second)
    session.until_done()
    back = deduced.wait("activate", second, begun)
    rca.until_marked()
    assert deduced.heard(begun) == [("activate", second)]
    ended = _told_at(operator, session, second, "MAINTENANCE_COMPLETE")
    figures.append(
        f"Vitrage: a fault that lasts is reported {back.arrived - ended:.2f} s after the host's "
        "maintenance has ended"
    )


def test_vitrage_learns_at_its_start_what_it_was_not_told(
    rca, template, hooks, faults, begin, hosts
):
    """No event reaches it here: it asks the API for hosts that are worked on."""
    deduced, every = hooks
    host, other = hosts[2], hosts[4]
    rca.graph("stop")
    session = begin([host])
    _waiting(session, host)
    rca.graph("start")
    rca.until_marked(host, seconds=60.0)
    begun = every.mark()
    faults(host)
    every.wait("activate", host, begun)
    faults(other)
    deduced.wait("activate", other, begun)
    assert deduced.heard(begun) == [("activate", other)]
    # it keeps its graph in its database: what is over meanwhile does not come back with it
    rca.graph("stop")
    _confirm(session, host)
    session.until_done()
    begun = deduced.mark()
    rca.graph("start")
    deduced.wait("activate", host, begun, seconds=60.0)
    rca.until_marked()
