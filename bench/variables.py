"""The look at Craton's variables: 10,000 hosts with 50 variables each, on MariaDB.

Measured is a look that finds nothing new, which is what nearly all of them are: with
one window on the region; and with one on a label that all the hosts have, which each
of them shows.  Baseline: one bare query for the values of the one variable, by the
primary key of Craton's table, with the names of the hosts.
"""

import json
import statistics
from collections.abc import Iterator

import sqlalchemy as sa

from bench import measure, stage, window
from bench.result import Result
from craton_maintenance.db import bulk, craton
from craton_maintenance.db.database import Database
from craton_maintenance.inventory.variables import Variables
from craton_maintenance.service import utcnow

_HOSTS, _EACH = 10_000, 50
_ROUNDS = 15


def run() -> Iterator[Result]:
    with stage.database("mariadb") as database:
        stage.stock(database, _HOSTS, servers=0, projects=1)
        window.label(database)
        _variables(database)
        service = stage.service(database)
        look = Variables(service).look
        for kind, scope in window.SCOPES.items():
            made = database.write(
                lambda transaction, scope=scope: (
                    service.windows.set(transaction, {"scope": scope}, "bench").id
                )
            )
            first = measure.seconds(look)
            look()
            stage.tidy(database)
            figures = measure.interleaved(
                {
                    "look": lambda: measure.seconds(look),
                    "bare": lambda: measure.seconds(lambda: _bare(database)),
                },
                _ROUNDS,
            )
            yield Result(
                f"look at {_EACH} variables of each of {_HOSTS} hosts, mariadb, a window on "
                f"their {kind}",
                statistics.median(figures["look"]) * 1000,
                "ms",
                baseline=statistics.median(figures["bare"]) * 1000,
                ratio=measure.median_ratio(figures["bare"], figures["look"]),
                at_most=200.0,
                more={
                    "fastest": min(figures["look"]) * 1000,
                    "first look, which writes": first * 1000,
                },
            )
            database.write(
                lambda transaction, made=made: service.windows.finish(transaction, made, "bench")
            )
            look()


def _variables(database: Database) -> None:
    stamp = utcnow().replace(tzinfo=None, microsecond=0)
    devices = craton.devices
    with database.read() as connection:
        hosts = connection.execute(sa.select(devices.c.variable_association_id)).scalars().all()
    for chunk in bulk.batched_keys(hosts):
        rows = [
            {
                "association_id": association,
                "key_": f"{'abcmrz'[number % 6]}-variable-{number:02}",
                "value_": json.dumps({"value": number, "of": association}),
                "created_at": stamp,
            }
            for association in chunk
            for number in range(_EACH)
        ]
        database.write(
            lambda transaction, rows=rows: bulk.insert(transaction, craton.variables, rows)
        )
    stage.tidy(database)


def _bare(database: Database) -> int:
    devices, values = craton.devices, craton.variables
    with database.read() as connection:
        found = connection.execute(
            sa.select(devices.c.name, values.c.value_).join(
                values,
                (values.c.association_id == devices.c.variable_association_id)
                & (values.c.key_ == "maintenance_window"),
            )
        )
        return len(found.all())
