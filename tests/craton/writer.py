"""Craton, as far as variables are concerned: it reads and writes as its ORM does.

The object's row is locked, its variables are read, and what differs is inserted,
updated or deleted by primary key.  Under MariaDB's REPEATABLE READ the variables
come from a snapshot, so a value that we wrote meanwhile is overwritten unseen;
an insert of what is there, or an update of what is gone, is a failed request.
"""

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db.database import Database
from tests.support import databases
from tests.support.craton import PROJECT

OURS = ("maintenance_window", "maintenance_error", "maintenance_state")

_TABLES = {"hosts": "devices", "cells": "cells", "regions": "regions", "clouds": "clouds"}
_KINDS = {"hosts": "device", "cells": "cell", "regions": "region", "clouds": "cloud"}


class Failed(Exception):
    """Craton would have answered with an error: nothing was written."""


class Craton:
    """A client of Craton's API who is not told about us."""

    def __init__(self, database: Database, lock_timeout: int = 20) -> None:
        #: what is done within one transaction, to be quick
        self._open: sa.Connection | None = None
        url = databases.url_of(database)
        self._database = Database(url, lock_timeout=lock_timeout)
        self.engine = self._database.engine
        if database.dialect == "mysql":
            # Craton leaves the isolation as it is
            self.engine = self.engine.execution_options(isolation_level="REPEATABLE READ")

    def close(self) -> None:
        self._database.dispose()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        if self._open is not None:
            yield self._open
            return
        try:
            with self.engine.connect() as plain:
                connection = plain.execution_options(maintenance_writes=True)
                with connection.begin():
                    yield connection
        except sa.exc.DBAPIError as error:
            raise Failed(str(error.orig)) from error

    # -- variables -----------------------------------------------------------------

    def set(self, kind: str, name: str, value: Any, key: str = "maintenance_window") -> None:
        """``PUT /v1/{kind}/{id}/variables`` with one key."""
        self.put(kind, name, key, json.dumps(value))

    def put(self, kind: str, name: str, key: str, text: str) -> None:
        with self._writing() as connection:
            association = self._locked(connection, kind, name)
            there = self._variables(connection, association)
            if key not in there:
                connection.execute(
                    sa.text(
                        "INSERT INTO variables (created_at, updated_at, association_id, key_, "
                        "value_) VALUES (:now, NULL, :association, :key, :text)"
                    ),
                    {"now": _now(), "association": association, "key": key, "text": text},
                )
            elif there[key] != text:
                done = connection.execute(
                    sa.text(
                        "UPDATE variables SET value_ = :text, updated_at = :now "
                        "WHERE association_id = :association AND key_ = :key"
                    ),
                    {"now": _now(), "association": association, "key": key, "text": text},
                )
                if done.rowcount != 1:
                    raise Failed("stale data")

    def delete(self, kind: str, name: str, *keys: str) -> None:
        """``DELETE /v1/{kind}/{id}/variables``: unknown keys are ignored."""
        with self._writing() as connection:
            association = self._locked(connection, kind, name)
            there = self._variables(connection, association)
            for key in keys or ("maintenance_window",):
                if key in there:
                    connection.execute(
                        sa.text(
                            "DELETE FROM variables WHERE association_id = :association "
                            "AND key_ = :key"
                        ),
                        {"association": association, "key": key},
                    )

    def get(self, kind: str, name: str, key: str = "maintenance_window") -> Any:
        """The object's own value; None: it has none."""
        text = self.text(kind, name, key)
        return None if text is None else json.loads(text)

    def error(self, kind: str, name: str) -> str | None:
        """The code of our refusal beside the variable."""
        found = self.get(kind, name, "maintenance_error")
        if found is None:
            return None
        assert set(found) == {"code", "message"}, found
        return found["code"]

    def text(self, kind: str, name: str, key: str = "maintenance_window") -> str | None:
        row = self.row(kind, name, key)
        return None if row is None else row.value_

    def row(self, kind: str, name: str, key: str = "maintenance_window") -> Any:
        with self._database.read() as connection:
            association = self._association(connection, kind, name)
            return connection.execute(
                sa.text(
                    "SELECT value_, created_at, updated_at FROM variables "
                    "WHERE association_id = :association AND key_ = :key"
                ),
                {"association": association, "key": key},
            ).one_or_none()

    def resolved(self, host: str, key: str = "maintenance_window") -> Any:
        """What Craton shows on a host: nearest wins."""
        for kind, name in (
            ("hosts", host),
            ("cells", "cell-1"),
            ("regions", "RegionOne"),
            ("clouds", "openstack"),
        ):
            text = self.text(kind, name, key)
            if text is not None:
                return json.loads(text)
        return None

    def others(self) -> list[str]:
        """Every variable that is not ours, with its stamps, byte for byte."""
        with self._database.read() as connection:
            rows = connection.execute(sa.text("SELECT * FROM variables")).all()
        return sorted(repr(row) for row in rows if row.key_ not in OURS)

    def ours(self) -> list[str]:
        """Where ours are: association and key."""
        with self._database.read() as connection:
            rows = connection.execute(sa.text("SELECT * FROM variables")).all()
        return sorted(f"{row.association_id} {row.key_}" for row in rows if row.key_ in OURS)

    # -- objects -------------------------------------------------------------------

    def add(self, kind: str, name: str, labels: tuple[str, ...] = (), cell: bool = True) -> None:
        """``POST /v1/{kind}``; everything is in the one cloud, region and cell."""
        with self._writing() as connection:
            association = self._add_association(connection, _KINDS[kind])
            values: dict[str, Any] = {
                "created_at": _now(),
                "project_id": PROJECT,
                "variable_association_id": association,
                "name": name,
            }
            if kind != "clouds":
                values["cloud_id"] = 1
            if kind in ("cells", "hosts"):
                values["region_id"] = 1
            if kind == "hosts":
                values |= {
                    "cell_id": 1 if cell else None,
                    "type": "hosts",
                    "device_type": "server",
                    "ip_address": "10.0.0.1",
                    "active": True,
                }
            _insert(connection, _TABLES[kind], values)
            if kind == "hosts":
                device = self._id(connection, kind, name)
                _insert(connection, "hosts", {"id": device})
                for label in labels:
                    row = {"created_at": _now(), "device_id": device, "label": label}
                    _insert(connection, "labels", row)

    def remove(self, kind: str, name: str) -> None:
        """``DELETE /v1/{kind}/{id}``: the variables stay behind, as on Craton's MariaDB."""
        with self._writing() as connection:
            where = {"id": self._id(connection, kind, name)}
            if kind == "hosts":
                for table, column in (("labels", "device_id"), ("hosts", "id")):
                    connection.execute(sa.text(f"DELETE FROM {table} WHERE {column} = :id"), where)
            connection.execute(sa.text(f"DELETE FROM {_TABLES[kind]} WHERE id = :id"), where)

    def rename(self, kind: str, old: str, new: str) -> None:
        with self._writing() as connection:
            connection.execute(
                sa.text(f"UPDATE {_TABLES[kind]} SET name = :new WHERE id = :id"),
                {"new": new, "id": self._id(connection, kind, old)},
            )

    def association(self, kind: str, name: str) -> int:
        with self._database.read() as connection:
            return self._association(connection, kind, name)

    def adopt(self, kind: str, name: str, association: int) -> None:
        """Have an object hang on an association that another one had, as ids are reused."""
        with self._writing() as connection:
            connection.execute(
                sa.text(f"UPDATE {_TABLES[kind]} SET variable_association_id = :a WHERE id = :id"),
                {"a": association, "id": self._id(connection, kind, name)},
            )

    # -- parts ---------------------------------------------------------------------

    def fill(self, hosts: int) -> None:
        """One cloud, region and cell, and hosts ``compute-01``, ... with variables of others."""
        with self._writing() as connection:
            association = self._add_association(connection, "project")
            row = {"created_at": _now(), "id": PROJECT, "name": "bootstrap"}
            _insert(connection, "projects", row | {"variable_association_id": association})
            for kind, name in (
                ("clouds", "openstack"),
                ("regions", "RegionOne"),
                ("cells", "cell-1"),
            ):
                values: dict[str, Any] = {
                    "id": 1,
                    "created_at": _now(),
                    "project_id": PROJECT,
                    "variable_association_id": self._add_association(connection, _KINDS[kind]),
                    "name": name,
                }
                values |= {} if kind == "clouds" else {"cloud_id": 1}
                values |= {"region_id": 1} if kind == "cells" else {}
                _insert(connection, _TABLES[kind], values)
            self._open = connection
            for number in range(1, hosts + 1):
                name = f"compute-{number:02}"
                self.add("hosts", name, ("rack:r1",) if number <= 3 else ())
                self.put("hosts", name, "other", '{"b":1,  "a":[2.50,null]}')
            self.put("regions", "RegionOne", "maintenance_windows", '"not ours"')
            self._open = None

    def _add_association(self, connection: sa.Connection, kind: str) -> int:
        _insert(connection, "variable_association", {"created_at": _now(), "discriminator": kind})
        return connection.execute(sa.text("SELECT MAX(id) FROM variable_association")).scalar_one()

    def _locked(self, connection: sa.Connection, kind: str, name: str) -> int:
        lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
        object_id = self._id(connection, kind, name)
        return connection.execute(
            sa.text(f"SELECT variable_association_id FROM {_TABLES[kind]} WHERE id = :id{lock}"),
            {"id": object_id},
        ).scalar_one()

    def _id(self, connection: sa.Connection, kind: str, name: str) -> int:
        rows = connection.execute(
            sa.text(f"SELECT id, name FROM {_TABLES[kind]} WHERE name = :name"), {"name": name}
        )
        return next(row.id for row in rows if row.name == name)

    def _association(self, connection: sa.Connection, kind: str, name: str) -> int:
        return connection.execute(
            sa.text(f"SELECT variable_association_id FROM {_TABLES[kind]} WHERE id = :id"),
            {"id": self._id(connection, kind, name)},
        ).scalar_one()

    def _variables(self, connection: sa.Connection, association: int) -> dict[str, str]:
        rows = connection.execute(
            sa.text("SELECT key_, value_ FROM variables WHERE association_id = :association"),
            {"association": association},
        )
        return {row.key_: row.value_ for row in rows}


def _insert(connection: sa.Connection, table: str, values: dict[str, Any]) -> None:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.000000")
