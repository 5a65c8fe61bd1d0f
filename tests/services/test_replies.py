"""Answers that come at the same moment: each is taken once, and none is lost."""

import concurrent.futures
import datetime as dt
import statistics
import time
from typing import Any

import pytest
import sqlalchemy as sa

from craton_maintenance.db import sessions
from craton_maintenance.db.tables import inputs
from craton_maintenance.domain.session.states import State
from craton_maintenance.service import Service
from craton_maintenance.sessions import constraints, replies
from craton_maintenance.sessions.constraints import INSTANCE, Asker
from tests.support.deployment import Api
from tests.support.sessions import Made

PLANNED = State.PLANNED_MAINTENANCE
ACK = "ACK_PLANNED_MAINTENANCE"


@pytest.fixture
def session(service: Service, operator: Api) -> Made:
    window = operator.set_window(["compute-01", "compute-02"])
    return Made(service, window["id"], "vnf")


def said(session: Made, project: str, server: str | None, action: str = "MIGRATE") -> Any:
    body = {"state": ACK, "instance_action": action}
    return replies.Said.read(session.id, project, server, body, project)


def at_once(calls: list[Any], threads: int = 8) -> list[Any]:
    """What each call returned or raised."""

    def call(one: Any) -> Any:
        try:
            return one()
        except Exception as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(call, calls))


def test_the_same_answer_at_the_same_moment_is_taken_once(service, session):
    session.ask("alpha", PLANNED, ["a-1"], server_id="a-1")
    calls = [lambda: replies.give(service, said(session, "alpha", "a-1"))] * 8
    found = at_once(calls)
    assert all(one == found[0] for one in found), found
    assert len(session.inputs()) == 1


def test_of_different_answers_at_the_same_moment_one_stands(service, session):
    notice = session.ask("alpha", PLANNED, ["a-1"], server_id="a-1")
    actions = ["MIGRATE", "LIVE_MIGRATE", "OWN_ACTION", "NOTHING"] * 2
    calls = [
        lambda action=action: replies.give(service, said(session, "alpha", "a-1", action))
        for action in actions
    ]
    found = at_once(calls)
    taken = {str(one["instance_actions"]) for one in found if isinstance(one, dict)}
    assert len(taken) == 1
    assert {one.code for one in found if isinstance(one, Exception)} == {"ALREADY_ANSWERED"}
    (came,) = session.inputs()
    assert str({"a-1": came["action"]}) in taken
    assert session.notice(notice).replies["a-1"]["action"] == came["action"]


def test_answers_for_one_server_and_for_all_at_the_same_moment(service, session):
    for _ in range(5):
        ids = [f"a-{number}" for number in range(6)]
        session.ask_each("alpha", PLANNED, ids)
        targets = [*ids, None, None]
        found = at_once(
            [lambda one=one: replies.give(service, said(session, "alpha", one)) for one in targets]
        )
        assert all(isinstance(one, dict) for one in found), found
        notices = [came["notice_id"] for came in session.inputs()]
        assert len(notices) == len(set(notices))


def test_many_answers_while_the_session_decides(service, session):
    """Nobody waits long, nothing is lost: events and inputs are as many as the answers."""
    ids = [f"server-{number}" for number in range(200)]
    for project in ("alpha", "beta"):
        session.ask_each(project, PLANNED, [f"{project}-{one}" for one in ids])
    took: list[float] = []

    def answer(project: str, server: str) -> None:
        began = time.monotonic()
        replies.give(service, said(session, project, server))
        took.append(time.monotonic() - began)

    def look() -> None:
        # holds the open notices for a moment, as a decision does
        service.database.write(lambda transaction: sessions.lock(transaction, session.id))

    calls: list[Any] = []
    for number, one in enumerate(ids):
        for project in ("alpha", "beta"):
            server = f"{project}-{one}"
            calls.append(lambda project=project, server=server: answer(project, server))
        if number % 20 == 0:
            calls.append(look)
    found = at_once(calls, threads=10)
    assert [one for one in found if one is not None] == []
    with service.database.read() as connection:
        came = connection.execute(
            sa.select(sa.func.count()).where(inputs.c.session_id == session.id)
        ).scalar_one()
    assert came == len(took) == 400
    assert statistics.median(took) < 1.0


def test_a_wish_first_made_twice_at_the_same_moment(service):
    server = "8c9b32b1-80b3-53af-aad3-c605668024a6"
    calls = [
        lambda number=number: constraints.put(
            service,
            INSTANCE,
            server,
            {"lead_time": number},
            Asker(f"project-{number % 2}", False),
        )
        for number in range(8)
    ]
    found = at_once(calls)
    owners = {one["project_id"] for one in found if isinstance(one, dict)}
    assert len(owners) == 1
    refused = [one for one in found if isinstance(one, Exception)]
    assert {one.code for one in refused} <= {"NOT_FOUND"}
    assert len(refused) == 4


def test_the_time_to_answer_is_kept_to_the_microsecond(service, session, clock):
    notice = session.ask("alpha", PLANNED, ["a-1"], server_id="a-1", seconds=60)
    row = session.notice(notice)
    assert replies.deadline(row) == max(row.reply_at, row.delivered_at + dt.timedelta(seconds=60))
    clock.forward(seconds=61)
    with pytest.raises(Exception, match="too late"):
        replies.give(service, said(session, "alpha", "a-1"))
