"""A session decides while projects answer: no answer that was taken is lost."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest

from craton_maintenance.db import session_inputs
from craton_maintenance.db import sessions as store
from craton_maintenance.db.database import Database, Transaction
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import machine
from craton_maintenance.domain.session.states import HostState, State
from craton_maintenance.errors import Problem
from craton_maintenance.service import Service
from craton_maintenance.sessions import replies
from tests.support.deployment import REGION, Api, Clock
from tests.support.sessions import Made

SECONDS = 60.0


@pytest.fixture(params=["mariadb", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Those on which an answer can be taken while a session decides."""
    return request.param


@pytest.fixture
def api_clock() -> Clock:
    return Clock()


@pytest.fixture
def api(database: Database, service: Service, api_clock: Clock) -> Service:
    """The same deployment on another machine."""
    return Service(service.conf, database, api_clock)


@pytest.fixture
def session(service: Service, operator: Api) -> Made:
    made = Made(service, operator.set_window(["compute-01"])["id"])
    for project in ("alpha", "beta"):
        made.tell(project, [f"{project[0]}-1"])
    return made


def ask(session: Made, project: str) -> str:
    return session.ask(project, State.MAINTENANCE, [f"{project[0]}-1"], SECONDS)


def answer(service: Service, session: Made, project: str) -> dict[str, Any]:
    said = replies.Said.read(session.id, project, None, {"state": "ACK_MAINTENANCE"}, project)
    return replies.give(service, said)


def decide(service: Service, session: Made) -> None:
    service.database.write(lambda transaction: service.sessions.decide(transaction, session.id))


def once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, do: Callable[[], None]) -> None:
    """Have something happen after the first call of a function."""
    left, real = [do], getattr(module, name)

    def call(*args: Any, **more: Any) -> Any:
        result = real(*args, **more)
        if left:
            left.pop()()
        return result

    monkeypatch.setattr(module, name, call)


def test_an_answer_that_is_taken_while_its_default_is_decided(
    service, api, session, clock, monkeypatch
):
    """Its clock says that it is in time; the engine's, that nobody has answered."""
    notice, other = ask(session, "alpha"), ask(session, "beta")
    clock.forward(seconds=SECONDS + 1)
    once(monkeypatch, machine, "decide", lambda: answer(api, session, "alpha"))
    decide(service, session)
    assert session.notice(notice).status == "answered"
    assert session.notice(other).status == "defaulted"
    assert session.inputs() == []


def test_an_answer_to_another_notice_is_decided_on_next(service, api, session, clock, monkeypatch):
    ask(session, "beta")
    clock.forward(seconds=SECONDS + 1)
    notice = ask(session, "alpha")
    once(monkeypatch, machine, "decide", lambda: answer(service, session, "alpha"))
    decide(service, session)
    assert session.notice(notice).status == "open"
    assert len(session.inputs()) == 1
    decide(service, session)
    assert session.notice(notice).status == "answered"


def test_an_answer_that_comes_once_the_default_is_written_is_late(
    service, api, session, clock, monkeypatch
):
    notice = ask(session, "alpha")
    clock.forward(seconds=SECONDS + 1)
    came: list[Any] = []

    def late() -> None:
        try:
            came.append(answer(api, session, "alpha"))
        except Problem as problem:
            came.append(problem.code)

    thread = threading.Thread(target=late)

    def begin() -> None:
        thread.start()
        thread.join(0.5)
        assert came == [], "it waits for the decision"

    once(monkeypatch, store, "lock_notices", begin)
    decide(service, session)
    thread.join(10)
    assert came == ["REPLY_LATE"]
    assert session.notice(notice).status == "defaulted"
    assert session.inputs() == []


def test_answers_do_not_wait_for_a_decision_about_others(service, api, session, monkeypatch):
    ask(session, "alpha")
    ask(session, "beta")
    answer(service, session, "beta")
    once(monkeypatch, store, "save", lambda: answer(api, session, "alpha"))
    decide(service, session)
    assert [came["notice_id"] for came in session.inputs()] != []


@pytest.mark.parametrize("way", ["wake", "touch"])
def test_a_session_is_looked_at_again_though_it_was_being_decided_on(service, session, way):
    """It was due, and is due in a while once it is decided on: not before that was told."""
    key = HostKey(REGION, "compute-01")
    session.host(key, state=HostState.DRAINING)
    now = service.clock()
    before = session.load()

    def woken(transaction: Transaction) -> None:
        if way == "wake":
            session_inputs.wake(transaction, REGION, now)
        else:
            session_inputs.touch(transaction, session.id, now)

    thread = threading.Thread(target=service.database.write, args=(woken,))

    def decided(transaction: Transaction) -> None:
        store.lock(transaction, session.id)
        thread.start()
        thread.join(0.5)
        store.save(transaction, before, before, now + dt.timedelta(seconds=30))

    service.database.write(decided)
    thread.join(10)
    with service.database.read() as connection:
        assert store.get(connection, session.id).due_at == now
