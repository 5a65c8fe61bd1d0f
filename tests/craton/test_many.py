"""As many statements for thousands of hosts as for a few."""

import pytest
import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db import craton as tables
from tests.craton.asked import hours, patch, set_on
from tests.craton.conftest import EVERYWHERE
from tests.support import deployment
from tests.support.craton import PROJECT
from tests.support.statements import counted

everywhere = pytest.mark.parametrize("kind", EVERYWHERE)

MANY = 4500


def _add_hosts(craton, database) -> None:
    numbers = range(1000, 1000 + MANY)
    with database.read() as connection:
        created = connection.execute(sa.select(tables.regions.c.created_at)).scalar_one()
    row = {"created_at": created}

    def work(transaction) -> None:
        bulk.insert(
            transaction,
            tables.variable_association,
            [row | {"id": number, "discriminator": "device"} for number in numbers],
        )
        host = {
            "project_id": PROJECT,
            "cloud_id": 1,
            "region_id": 1,
            "type": "hosts",
            "device_type": "server",
            "ip_address": "10.0.0.1",
        }
        bulk.insert(
            transaction,
            tables.devices,
            [
                row | host | {"id": one, "variable_association_id": one, "name": f"many-{one}"}
                for one in numbers
            ],
        )
        bulk.insert(transaction, tables.hosts, [{"id": number} for number in numbers])
        bulk.insert(
            transaction,
            tables.labels,
            [row | {"device_id": number, "label": "many"} for number in numbers],
        )

    database.write(work)


@everywhere
def test_a_window_on_thousands_of_hosts_is_a_few_statements(
    craton, service, operator, look, database
):
    _add_hosts(craton, database)
    set_to = set_on(operator, {"labels": ["many"]}, **hours(service, 1, 2))
    with counted(database) as first:
        look()
    assert len(craton.ours()) == MANY
    with counted(database) as steady:
        look()
    patch(operator, set_to["id"], reason="other")
    with counted(database) as changed:
        look()
    assert craton.get("hosts", "many-1000")["reason"] == "other"
    operator.call("DELETE", f"/v1/maintenance-windows/{set_to['id']}")
    with counted(database) as removed:
        look()
    assert craton.ours() == []
    # three of each kind: 2,000 rows in a statement
    assert [len(one.writes) for one in (first, steady, changed, removed)] == [6, 0, 6, 6]
    assert max(map(len, (first, changed, removed))) <= 50
    assert len(steady) <= 12


def test_thousands_of_windows_of_their_own_are_a_few_statements(
    craton, service, operator, look, database
):
    """Each shows another text; what they have in common is only the moment."""
    for number in range(1, 9):
        set_on(operator, {"hosts": [f"compute-{number:02}"]}, **hours(service, 1, 2))
    with counted(database) as first:
        look()
    assert len(craton.ours()) == 8
    assert len(first.writes) == 2


def test_a_look_costs_the_same_however_many_hosts_nova_has(service, look, database):
    with counted(database) as few:
        look()
    deployment.stock(database, {f"nova-{number}": {} for number in range(MANY)})
    with counted(database) as many:
        look()
    assert len(many) == len(few)
