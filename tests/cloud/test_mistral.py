"""Sessions and a real Mistral: work on hosts that it does, notices that it answers."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.waiting import until

from . import mistral, stack
from .mistral import Mistral
from .sessions import OVER, Session

pytestmark = pytest.mark.cloud

#: Seconds that an empty host takes at most, with its work.
SOON = 90.0

#: Where workflows tell what they do.
PATH = "/mistral/work"

#: Tells that it has begun, rests, and tells that it has ended.
WORK = """
version: '2.0'
{name}:
  input: [url, host, session, step, rest]
  vars:
    said:
      host: <% $.host %>
      session: <% $.session %>
      step: <% $.step %>
  output:
    host: <% $.host %>
  tasks:
    begin:
      action: std.http
      input: {{url: <% $.url %>, method: POST, body: "<% $.said.set(what, begun) %>"}}
      on-success: rest
    rest:
      action: std.noop
      wait-before: <% $.rest %>
      on-success: end
    end:
      action: std.http
      input: {{url: <% $.url %>, method: POST, body: "<% $.said.set(what, ended) %>"}}
"""

FAILS = """
version: '2.0'
{name}:
  input: [url, host, session, step, rest]
  tasks:
    try:
      action: std.fail error_data='the BIOS is of another kind'
"""

#: What an executor does is lost with it.
SLEEPS = """
version: '2.0'
{name}:
  input: [url, host, session, step, rest]
  tasks:
    sleep:
      action: std.sleep seconds=<% $.rest %>
"""


@pytest.fixture(scope="module")
def ours() -> Iterator[Mistral]:
    """Mistral as our service is seen by it."""
    made = Mistral(stack.session("maintenance", project="service"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def work(ours, installation, listener) -> Iterator[dict[str, str]]:
    """Flows of the catalogue that Mistral does; names of their workflows."""
    names = {}
    flows = []
    for flow, text, rest, limit in (
        ("works", WORK, 6, 120),
        ("rests", WORK, 15, 120),
        ("fails", FAILS, 0, 120),
        ("sleeps", SLEEPS, 600, 25),
    ):
        names[flow] = f"maintenance_test_{flow}_{uuid.uuid4().hex}"
        ours.workflow(text.format(name=names[flow]))
        given = {name: f"{{{name}}}" for name in ("host", "session", "step")}
        given |= {"url": listener.url + PATH, "rest": rest}
        options = {"workflow": names[flow], "input": given, "timeout": limit}
        action = {"plugin": "mistral", "options": options}
        flows.append({"name": flow, "for": "host", "description": flow, "host": [action]})
    # with the configuration of now, and without consumers that earlier triggers have left
    mistral.kill(mistral.SERVER)
    mistral.start()
    installation.offer(*flows)
    installation.configure(sessions={"news_key": "a long secret"})
    _restart(installation)
    yield names
    installation.offer()
    installation.configure(sessions={"news_key": None})
    _restart(installation)


def _restart(installation) -> None:
    runs = "craton-maintenance-engine runs"
    before = installation.tail("engine", 10000).count(runs)
    for part in ("api", "engine"):
        installation.restart(part)
    installation.wait_ready()
    until(lambda: installation.tail("engine", 10000).count(runs) > before, "the engine runs")


@pytest.fixture
def begin(operator, work) -> Iterator[Callable[..., Session]]:
    """Begins sessions, which are over at the test's end."""
    made: list[tuple[Session, str]] = []

    def new(host: str, flow: str, **more: Any) -> Session:
        session = Session(operator.api, [host], actions=[{"flow": flow}], **more)
        made.append((session, host))
        return session

    yield new
    for session, host in made:
        if session.get()["state"] not in OVER:
            session.order("abort")
            # one that is blocked would wait for somebody's word
            session.order("skip", host=host)
            session.end(90.0)


@pytest.fixture
def mortal(begin) -> Iterator[None]:
    """Mistral may die, and is there again before sessions have to end."""
    yield
    mistral.start()


@pytest.fixture
def services_stay(compute) -> Iterator[None]:
    """After the test every nova-compute is up and enabled, as it was before."""
    before = compute.services()
    yield
    until(lambda: compute.services() == before, "every service as before", 60.0, 0.5)


def _work(session: Session) -> list[dict[str, Any]]:
    return [one for one in session.detail()["steps"] if one["kind"] == "run_plugin"]


def _execution_of(ours: Mistral, session: Session, number: int = 1) -> dict[str, Any]:
    """The execution of a session's work, once Mistral has it."""

    def look() -> dict[str, Any] | None:
        found = [one for one in ours.executions() if session.id in (one["description"] or "")]
        assert len(found) <= number
        return found[number - 1] if len(found) == number else None

    found = until(look, f"execution {number} of {session.id}", 90.0, 0.2)
    assert found is not None
    return found


def _said(listener, session: Session) -> list[str]:
    return [
        post.body["what"] for post in listener.posts(PATH) if post.body["session"] == session.id
    ]


@pytest.mark.parametrize("name", mistral.EXAMPLES)
def test_the_examples_are_valid(name):
    """As ``mistral workbook-validate`` asks it."""
    user = Mistral(stack.session("admin", project="admin"))
    assert user.validate(mistral.EXAMPLES[name].read_text()) == {"valid": True}


@pytest.mark.parametrize(
    "heard",
    [pytest.param(False, id="asked"), pytest.param(True, id="heard", marks=pytest.mark.journey)],
)
def test_work_on_a_host_is_done_by_mistral(
    heard, begin, ours, listener, installation, hosts, services_stay, figures
):
    """Its end is asked for, or Mistral says that there is something to ask for."""
    installation.configure(sessions={"news_key": "a long secret" if heard else None})
    installation.restart("engine")
    session = begin(hosts[2], "works")
    session.until_done(SOON)
    execution = _execution_of(ours, session)
    assert execution["state"] == "SUCCESS"
    assert _said(listener, session) == ["begun", "ended"]
    (step,) = _work(session)
    assert step["outcome"]["facts"]["execution"] == execution["id"]
    assert hosts[2] in step["outcome"]["facts"]["output"]
    (host,) = session.detail()["hosts"]
    assert host["state"] == "returned"
    ended = listener.posts(PATH)[-1].arrived
    known = dt.datetime.fromisoformat(step["ended_at"]).timestamp()
    asked = dt.datetime.fromisoformat(step["created_at"]).timestamp()
    begun = next(one for one in listener.posts(PATH) if one.body["session"] == session.id)
    installation.configure(sessions={"news_key": "a long secret"})
    installation.restart("engine")
    figures.append(
        f"mistral {'heard' if heard else 'asked'}: first task {begun.arrived - asked:.2f} s after "
        f"the decision; end known {known - ended:.2f} s after the last task, "
        f"{step['attempts']} looks"
    )


def test_a_workflow_that_fails_is_a_blocker_and_is_done_again_when_it_is_mended(
    begin, ours, work, listener, hosts, services_stay
):
    session = begin(hosts[2], "fails")
    blocker = session.until_blocked("HOST_WORK_FAILED")
    assert "the BIOS is of another kind" in blocker["words"]
    assert _execution_of(ours, session)["state"] == "ERROR"
    ours.change(WORK.format(name=work["fails"]))
    session.order("retry")
    session.until_done(SOON)
    assert _execution_of(ours, session, 2)["state"] == "SUCCESS"
    assert _said(listener, session) == ["begun", "ended"]


def test_a_workflow_that_is_paused_is_named_and_goes_on(
    begin, ours, listener, hosts, services_stay
):
    session = begin(hosts[5], "rests")
    execution = _execution_of(ours, session)
    ours.put(execution["id"], "PAUSED")
    blocker = session.until_blocked("WAITING_FOR_OPERATOR")
    assert execution["id"] in blocker["words"]
    ours.put(execution["id"], "RUNNING")
    session.until_done(SOON)
    assert _said(listener, session) == ["begun", "ended"]


def test_one_that_is_cancelled_in_mistral_is_a_blocker(begin, ours, hosts, services_stay):
    session = begin(hosts[5], "rests")
    ours.put(_execution_of(ours, session)["id"], "CANCELLED")
    blocker = session.until_blocked("HOST_WORK_FAILED")
    assert "was cancelled" in blocker["words"]
    session.order("confirm", reason="looked at it")
    session.until_done(SOON)


def test_mistral_dies_in_the_middle_of_a_workflow(
    begin, mortal, ours, listener, hosts, services_stay, figures
):
    """Killed altogether while the workflow rests, and later started again."""
    session = begin(hosts[2], "rests")
    execution = _execution_of(ours, session)
    until(lambda: ours.tasks(execution["id"]).get("rest") == "DELAYED", "it rests", 30.0, 0.2)
    mistral.kill(mistral.SERVER, mistral.API)
    blocker = session.until_blocked("SERVICE_UNAVAILABLE")
    assert "can't be reached" in blocker["words"]
    mistral.start()
    session.until_done(SOON)
    assert _execution_of(ours, session)["state"] == "SUCCESS"
    assert _said(listener, session) == ["begun", "ended"]
    figures.append(f"mistral killed in the middle: {_work(session)[0]['attempts']} looks")


def test_an_engine_of_ours_and_mistral_s_die_at_once(
    begin, mortal, ours, listener, installation, hosts, services_stay
):
    """Mistral's API takes what its engine does not do until it is back, and once."""
    mistral.kill(mistral.SERVER)
    session = begin(hosts[2], "works")
    session.until_blocked("SERVICE_UNAVAILABLE")
    with installation.away("engine"):
        mistral.start()
    session.until_done(SOON)
    assert _execution_of(ours, session)["state"] == "SUCCESS"
    assert _said(listener, session) == ["begun", "ended"]


def test_what_an_executor_loses_ends_at_its_time_limit(begin, mortal, ours, hosts, services_stay):
    session = begin(hosts[5], "sleeps")
    execution = _execution_of(ours, session)
    until(lambda: ours.tasks(execution["id"]).get("sleep") == "RUNNING", "it sleeps", 30.0, 0.2)
    mistral.kill(mistral.SERVER)
    mistral.start()
    blocker = session.until_blocked("HOST_WORK_FAILED")
    assert "its time limit of 25 s is over" in blocker["words"]
    assert ours.execution(execution["id"])["state"] == "CANCELLED"
    session.order("confirm", reason="it was done by hand")
    session.until_done(SOON)
    assert len(_work(session)) == 1


# -- the examples at work --------------------------------------------------------------------


@pytest.fixture
def at_home(compute, fleet) -> Iterator[None]:
    yield
    compute.go_home(server for servers in fleet.values() for server in servers)


@pytest.fixture
def afresh() -> Iterator[Callable[[], None]]:
    """Has Mistral's event engine know new triggers, and forget those that are gone."""

    def begin_anew() -> None:
        mistral.kill(mistral.SERVER)
        mistral.start()

    yield begin_anew
    begin_anew()


@pytest.mark.journey
def test_a_project_has_mistral_answer_for_it(
    begin, afresh, alpha, listener, compute, hosts, fleet, services_stay, at_home, figures
):
    """Its choice is done, before the time is over in which the operator's default applies."""
    theirs = Mistral(alpha.session)
    try:
        made = theirs.workbook(mistral.EXAMPLES["answer"].read_text())
        theirs.trigger(
            made["maintenance_answer.notice"],
            "maintenance.scheduled",
            application=f"{listener.url}/switch-over",
            action="MIGRATE",
        )
        afresh()
        there = [one.id for one in compute.servers() if one.host == hosts[0]]
        assert set(there) <= {one.id for one in fleet["alpha"]}
        session = begin(hosts[0], "works")
        session.until_done(400.0)
        failed = [one["state_info"] for one in theirs.executions(state="ERROR")]
    finally:
        theirs.close()
    assert failed == []
    switched = [post.body for post in listener.posts("/switch-over")]
    assert sorted(one for each in switched for one in each["servers"]) == sorted(there)
    detail = session.detail()
    moved = [one for one in detail["steps"] if one["kind"] == "cold_migrate"]
    assert {one["server_id"] for one in moved} == set(there)
    assert {one["chosen_by"] for one in detail["servers"]} == {"reply"}
    asked = [one for one in detail["notices"] if one["project_id"] == alpha.project_id]
    answers = {one["state"]: one["status"] for one in asked if one["reply_at"]}
    assert set(answers.values()) == {"answered"}, answers
    lasted = dt.datetime.fromisoformat(
        detail["session"]["finished_at"]
    ) - dt.datetime.fromisoformat(detail["session"]["created_at"])
    figures.append(
        f"mistral answers for a project: {len(answers)} kinds of notices, session of one host "
        f"with {len(there)} servers {lasted.total_seconds():.0f} s"
    )


@pytest.mark.journey
def test_an_operator_has_mistral_empty_hosts(
    afresh, installation, operator, windows, compute, hosts, fleet, at_home, figures
):
    """A window without a session: the workflow that its opening starts does the work."""
    nova = operator.session.get_endpoint(service_type="compute", region_name=stack.REGION)
    admin = Mistral(operator.session)
    try:
        made = admin.workbook(mistral.EXAMPLES["drain"].read_text())
        admin.trigger(
            made["maintenance_drain.window"],
            "maintenance.window.opened",
            nova=nova.rstrip("/"),
        )
        afresh()
        window = operator.api.announce({"hosts": [hosts[0]]}, announcement="new fans")
        windows.append(window["id"])

        def ended() -> dict[str, Any] | None:
            found = admin.executions(workflow_name="maintenance_drain.window")
            return found[0] if found and found[0]["state"] not in ("RUNNING", "IDLE") else None

        execution = until(ended, "the workflow's end", 180.0, 0.5)
        assert execution is not None
        assert execution["state"] == "SUCCESS", execution["state_info"]
        assert hosts[0] not in {one.host for one in compute.servers()}
        service = compute.services()[hosts[0]]
        assert service["disabled_reason"] == f"maintenance window {window['id']}"
    finally:
        admin.close()
        compute.enable(hosts[0])
