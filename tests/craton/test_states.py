"""``maintenance_state``: where a host in a session stands, for whoever looks at Craton."""

import datetime as dt

import pytest
import sqlalchemy as sa

from craton_maintenance.db import sessions, tables
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import machine
from craton_maintenance.inventory.states import States
from craton_maintenance.service import Service
from tests.craton.conftest import EVERYWHERE
from tests.craton.writer import Craton
from tests.support.deployment import REGION

pytestmark = pytest.mark.parametrize("kind", EVERYWHERE, indirect=True)

SESSION = "0f1e2d3c-4b5a-4968-8776-655443322110"


def begin(service: Service, *hosts: str) -> None:
    now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    keys = [HostKey(REGION, host) for host in hosts]
    session = machine.begin(SESSION, SESSION, "default", keys, now, {}, [])
    service.database.write(lambda transaction: sessions.insert(transaction, session, "admin"))


def test_hosts_of_a_session_show_their_state_until_it_is_over(
    service: Service, craton: Craton
) -> None:
    states = States(service)
    states.look()
    begin(service, "compute-01", "compute-02")
    states.look()
    shown = {"session_id": SESSION, "state": "planned"}
    assert craton.get("hosts", "compute-01", "maintenance_state") == shown
    assert craton.get("hosts", "compute-03", "maintenance_state") is None

    service.database.write(
        lambda t: t.execute(
            sa.update(tables.session_hosts)
            .where(tables.session_hosts.c.host == "compute-02")
            .values(state="draining")
        )
    )
    craton.set("hosts", "compute-01", "mine", "maintenance_state")
    states.look()
    assert craton.get("hosts", "compute-01", "maintenance_state") == shown
    assert craton.get("hosts", "compute-02", "maintenance_state")["state"] == "draining"

    service.database.write(
        lambda t: t.execute(sa.update(tables.sessions).values(finished_at=service.clock()))
    )
    states.look()
    assert craton.get("hosts", "compute-01", "maintenance_state") is None
    assert craton.get("hosts", "compute-02", "maintenance_state") is None


def test_a_look_without_a_session_writes_and_reads_little(
    service: Service, craton: Craton
) -> None:
    states = States(service)
    states.look()
    asked: list[str] = []
    sa.event.listen(
        service.database.engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: asked.append(statement),
    )
    states.look()
    assert len([one for one in asked if "variables" in one]) == 0
