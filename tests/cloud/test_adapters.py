"""The real Masakari and the real Alertmanager are quiet about hosts that are worked on."""

import datetime as dt
import os
import re
import signal
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import keystoneauth1.exceptions
import pytest
import requests

from tests.support.waiting import until

from . import service, stack
from .sessions import OVER, Session

pytestmark = pytest.mark.cloud

ALERTMANAGER = f"http://{stack.HOST}:{os.environ.get('PORT_ALERTMANAGER', '9093')}"

#: The operator says when the work is done.
WAIT = [{"plugin": "wait"}]


#: What an engine logs once it has begun; and more lines than a log has.
_RUNS, _ALL = "craton-maintenance-engine runs", 10**6


class Masakari:
    """Masakari as the cloud's admin."""

    def __init__(self, admin: Any) -> None:
        self._api = stack.Service(admin, "instance-ha")

    def fill(self, *segments: list[str]) -> None:
        """There are these segments of hosts, and no others."""
        self.empty()
        for hosts in segments:
            body = {"name": f"maintenance-{uuid.uuid4().hex[:8]}", "recovery_method": "auto"}
            made = self._api.post("/segments", {"segment": body | {"service_type": "COMPUTE"}})
            for host in hosts:
                one = {"name": host, "type": "COMPUTE", "control_attributes": "SSH"}
                self._api.post(f"/segments/{made['segment']['uuid']}/hosts", {"host": one})

    def empty(self) -> None:
        for segment in self._api.get("/segments")["segments"]:
            path = f"/segments/{segment['uuid']}"
            for host in self._api.get(f"{path}/hosts")["hosts"]:
                self._api.delete(f"{path}/hosts/{host['uuid']}")
            self._api.delete(path)

    def on_maintenance(self) -> list[str]:
        """Names of hosts, in order."""
        return sorted(
            host["name"]
            for segment in self._api.get("/segments")["segments"]
            for host in self._api.get(f"/segments/{segment['uuid']}/hosts")["hosts"]
            if host["on_maintenance"]
        )

    def report_dead(self, host: str) -> int:
        """As its monitors do: what the answer's status is."""
        body = {
            "type": "COMPUTE_HOST",
            "hostname": host,
            "generated_time": dt.datetime.now(dt.UTC).isoformat(),
            "payload": {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "NORMAL"},
        }
        try:
            self._api.post("/notifications", {"notification": body})
        except keystoneauth1.exceptions.HttpError as error:
            return int(error.http_status)
        return 202


class Alerts:
    """Alertmanager, which gets alerts and says what becomes of them."""

    @staticmethod
    def _call(method: str, path: str, **more: Any) -> Any:
        answer = requests.request(method, f"{ALERTMANAGER}/api/v2{path}", timeout=10, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def silences(self) -> list[dict[str, Any]]:
        """Those that are not over."""
        found = self._call("GET", "/silences")
        return [one for one in found if one["status"]["state"] != "expired"]

    def clear(self) -> None:
        for one in self.silences():
            self._call("DELETE", f"/silence/{one['id']}")

    def is_silent(self, **labels: str) -> bool:
        """Whether an alert with these labels, raised now, would reach nobody."""
        name = f"test{uuid.uuid4().hex}"
        self._call("POST", "/alerts", json=[{"labels": {"alertname": name, **labels}}])

        def look() -> dict[str, Any] | None:
            found = self._call("GET", "/alerts", params={"filter": f'alertname="{name}"'})
            # whether it is silenced is found out when it is looked at for the first time
            return found[0] if found and found[0]["status"]["state"] != "unprocessed" else None

        alert = until(look, f"an alert with {labels}", 30.0, 0.2)
        assert alert is not None
        return bool(alert["status"]["silencedBy"])


@pytest.fixture(scope="module")
def masakari(operator_session) -> Iterator[Masakari]:
    found = Masakari(operator_session)
    yield found
    found.empty()


@pytest.fixture(scope="module")
def alerts() -> Iterator[Alerts]:
    found = Alerts()
    yield found
    found.clear()


@pytest.fixture
def adapters(installation, masakari, alerts, hosts) -> Iterator[None]:
    """Masakari knows all hosts but the last, in two segments."""
    masakari.fill(hosts[:3], hosts[3:5])
    alerts.clear()
    installation.configure(
        adapters={"enabled": "masakari,alertmanager", "retry_pause": "1"},
        alertmanager={"url": ALERTMANAGER},
        sessions=service.UNANSWERED,
    )
    installation.restart("engine")
    yield
    installation.configure(adapters={"enabled": None}, sessions=service.ANSWERED)
    starts = installation.tail("engine", _ALL).count(_RUNS)
    installation.restart("engine")
    until(lambda: installation.tail("engine", _ALL).count(_RUNS) > starts, "it runs", 30.0, 0.1)


@pytest.fixture
def begin(operator, adapters) -> Iterator[Callable[..., Session]]:
    """Begins sessions, which are over at the test's end."""
    made: list[Session] = []

    def new(hosts: list[str], **more: Any) -> Session:
        made.append(Session(operator.api, hosts, actions=WAIT, **more))
        return made[-1]

    yield new
    for one in made:
        if one.get()["state"] not in OVER:
            one.order("abort")
            _confirm_all(one)
            one.end()


def _confirm_all(session: Session) -> None:
    for host in session.detail()["hosts"]:
        if host["state"] == "in_maintenance":
            session.order("confirm", host=host["name"], reason="the test is over")


def _state(session: Session, host: str) -> str:
    return next(one["state"] for one in session.detail()["hosts"] if one["name"] == host)


def test_both_are_quiet_while_a_host_is_worked_on(begin, masakari, alerts, hosts, figures):
    host, other = hosts[4], hosts[0]
    session = begin([host])

    def in_work() -> bool:
        state = _state(session, host)
        told = host in masakari.on_maintenance()
        # whatever it is now, it was told no earlier and no later
        assert told or state != "in_maintenance"
        if state in ("planned", "draining") and told:
            assert _state(session, host) not in ("planned", "draining")
        return state == "in_maintenance"

    until(in_work, "the host is worked on", 90.0, 0.05)
    assert masakari.on_maintenance() == [host]
    assert masakari.report_dead(host) == 409
    (silence,) = alerts.silences()
    assert silence["status"]["state"] == "active"
    assert silence["createdBy"] == "craton-maintenance"
    assert session.id in silence["comment"]
    assert re.fullmatch(silence["matchers"][0]["value"], f"{host}:9100")
    assert alerts.is_silent(instance=f"{host}:9100")
    assert not alerts.is_silent(instance=f"{other}:9100")
    told = {one["adapter"]: one["status"] for one in session.detail()["suppressions"]}
    assert told == {"alertmanager": "set", "masakari": "set"}
    session.order("confirm", host=host, reason="done")
    session.until_done()
    back = dt.datetime.now(dt.UTC)
    until(lambda: masakari.on_maintenance() == [], "Masakari watches it again", 20.0, 0.1)
    until(lambda: alerts.silences() == [], "its alerts are heard again", 20.0, 0.1)
    seconds = (dt.datetime.now(dt.UTC) - back).total_seconds()
    figures.append(f"Masakari and Alertmanager know that a host is back: {seconds:.1f} s after")
    assert session.detail()["suppressions"] == []


def test_a_silence_is_prolonged(begin, alerts, hosts, installation):
    """It is the same one, with another end."""
    installation.configure(adapters={"longest": "60"})
    installation.restart("engine")
    session = begin([hosts[4]])
    session.until_host(hosts[4], "in_maintenance")
    (first,) = alerts.silences()

    def later() -> bool:
        (now,) = alerts.silences()
        return bool(now["id"] == first["id"] and now["endsAt"] > first["endsAt"])

    until(later, "the silence ends later", 60.0, 0.5)
    installation.configure(adapters={"longest": None})
    session.order("confirm", host=hosts[4], reason="done")
    session.until_done()
    until(lambda: alerts.silences() == [], "its alerts are heard again", 20.0, 0.1)


def test_a_host_in_no_segment_is_nothing_to_do(begin, masakari, hosts):
    session = begin([hosts[5]])
    session.until_host(hosts[5], "in_maintenance")
    told = {one["adapter"]: one["words"] for one in session.detail()["suppressions"]}
    assert "in no segment" in told["masakari"]
    assert masakari.on_maintenance() == []
    session.order("confirm", host=hosts[5], reason="done")
    session.until_done()


def test_no_work_begins_while_masakari_is_away(begin, masakari, alerts, hosts, installation):
    """And the engine is killed meanwhile; aborted, nothing is left of it."""
    pid = int((stack.FOLDER / "run/masakari-api.pid").read_text().split()[0])
    # with its workers
    os.killpg(pid, signal.SIGSTOP)
    try:
        installation.configure(adapters={"timeout": "2", "patience": "3"})
        installation.restart("engine")
        session = begin([hosts[4]])
        blocker = session.until_blocked("ADAPTER_FAILED")
        assert "masakari" in blocker["words"]
        assert _state(session, hosts[4]) == "drained"
        until(alerts.silences, "the other one is quiet", 20.0, 0.2)
        installation.kill("engine")
        installation.start("engine")
    finally:
        os.killpg(pid, signal.SIGCONT)
        installation.configure(adapters={"timeout": None, "patience": None})
    session.until_host(hosts[4], "in_maintenance", seconds=120.0)
    assert masakari.on_maintenance() == [hosts[4]]
    session.order("abort")
    session.order("confirm", host=hosts[4], reason="the work ends")
    session.until("MAINTENANCE_FAILED")
    until(lambda: masakari.on_maintenance() == [], "Masakari watches it again", 40.0, 0.1)
    until(lambda: alerts.silences() == [], "its alerts are heard again", 40.0, 0.1)
