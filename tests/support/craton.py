"""Craton's tables and rows as Craton itself makes them, and how to tell that nobody touched them.

Written down as SQL, so that nothing here can agree with our own idea of them by
accident.  Craton runs on MySQL and MariaDB, and on SQLite for its tests.
"""

from typing import Any

import sqlalchemy as sa

from craton_maintenance.db.database import Database

#: Craton's only revision.
REVISION = "ffdc1a500db1"

PROJECT = "0b711944cd7f4af4bddf1129da0ad900"

#: in an order in which they can be made
TABLES = (
    "alembic_version",
    "variable_association",
    "projects",
    "users",
    "clouds",
    "regions",
    "cells",
    "networks",
    "devices",
    "hosts",
    "network_devices",
    "labels",
    "network_interfaces",
    "variables",
)

_STAMPS = "created_at DATETIME NOT NULL, updated_at DATETIME"
_OWNER = (
    "project_id CHAR(32) NOT NULL, FOREIGN KEY (project_id) REFERENCES projects (id) "
    "ON DELETE CASCADE"
)
_VARIABLES = (
    "variable_association_id INTEGER NOT NULL, FOREIGN KEY (variable_association_id) "
    "REFERENCES variable_association (id)"
)


def _under(table: str, null: bool = False) -> str:
    column = f"{table[:-1]}_id"
    return (
        f"{column} INTEGER {'' if null else 'NOT NULL'}, FOREIGN KEY ({column}) "
        f"REFERENCES {table} (id) ON DELETE CASCADE"
    )


def _device() -> str:
    return "id INTEGER NOT NULL, PRIMARY KEY (id), " + (
        "FOREIGN KEY (id) REFERENCES devices (id) ON DELETE CASCADE"
    )


#: definitions by table; ``{id}``, ``{json}`` and ``{flag:NAME}`` are a database's own
_DEFINITIONS: dict[str, list[str]] = {
    "alembic_version": [
        "version_num VARCHAR(32) NOT NULL",
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)",
    ],
    "variable_association": [_STAMPS, "{id}", "discriminator VARCHAR(50) NOT NULL"],
    "variables": [
        _STAMPS,
        "association_id INTEGER NOT NULL",
        "key_ VARCHAR(255) NOT NULL",
        "value_ {json}",
        "PRIMARY KEY (association_id, key_)",
        "FOREIGN KEY (association_id) REFERENCES variable_association (id) ON DELETE CASCADE",
    ],
    "projects": [
        _STAMPS,
        "id CHAR(32) NOT NULL PRIMARY KEY",
        "name VARCHAR(255)",
        _VARIABLES,
    ],
    "users": [
        _STAMPS,
        "{id}",
        _OWNER,
        _VARIABLES,
        "username VARCHAR(255)",
        "api_key VARCHAR(36)",
        "{flag:is_root}",
        "{flag:is_admin}",
        "CONSTRAINT uq_user0username0project UNIQUE (username, project_id)",
    ],
    "clouds": [
        _STAMPS,
        "{id}",
        _OWNER,
        _VARIABLES,
        "name VARCHAR(255)",
        "note TEXT",
        "CONSTRAINT uq_cloud0projectid0name UNIQUE (project_id, name)",
    ],
    "regions": [
        _STAMPS,
        "{id}",
        _OWNER,
        _under("clouds"),
        _VARIABLES,
        "name VARCHAR(255)",
        "note TEXT",
        "CONSTRAINT uq_region0cloudid0name UNIQUE (cloud_id, name)",
    ],
    "cells": [
        _STAMPS,
        "{id}",
        _under("regions"),
        _under("clouds"),
        _OWNER,
        _VARIABLES,
        "name VARCHAR(255)",
        "note TEXT",
        "CONSTRAINT uq_cell0regionid0name UNIQUE (region_id, name)",
    ],
    "networks": [
        _STAMPS,
        "{id}",
        _OWNER,
        _under("clouds"),
        _under("regions"),
        _under("cells", null=True),
        _VARIABLES,
        "name VARCHAR(255), cidr VARCHAR(255), gateway VARCHAR(255), netmask VARCHAR(255)",
        "ip_block_type VARCHAR(255), nss VARCHAR(255)",
        "CONSTRAINT uq_name0projectid0regionid UNIQUE (name, project_id, region_id)",
    ],
    "devices": [
        _STAMPS,
        "{id}",
        _OWNER,
        _under("clouds"),
        _under("regions"),
        _under("cells", null=True),
        "parent_id INTEGER, FOREIGN KEY (parent_id) REFERENCES devices (id)",
        _VARIABLES,
        "type VARCHAR(50) NOT NULL",
        "device_type VARCHAR(255) NOT NULL",
        "name VARCHAR(255) NOT NULL",
        "ip_address VARCHAR(50) NOT NULL",
        "{flag:active}",
        "note TEXT",
        "CONSTRAINT uq_device0regionid0name UNIQUE (region_id, name)",
    ],
    "hosts": [_device()],
    "network_devices": [
        _device(),
        "model_name VARCHAR(255), os_version VARCHAR(255), vlans {json}",
    ],
    "labels": [
        _STAMPS,
        "device_id INTEGER NOT NULL",
        "label VARCHAR(255) NOT NULL",
        "PRIMARY KEY (device_id, label)",
        "FOREIGN KEY (device_id) REFERENCES devices (id) ON DELETE CASCADE",
    ],
    "network_interfaces": [
        _STAMPS,
        "{id}",
        _OWNER,
        _VARIABLES,
        "name VARCHAR(255), interface_type VARCHAR(255), vlan_id INTEGER, port INTEGER",
        "vlan VARCHAR(255), duplex VARCHAR(255), speed INTEGER, link VARCHAR(255)",
        "cdp VARCHAR(255), security VARCHAR(255), ip_address VARCHAR(50) NOT NULL",
        _under("devices"),
        _under("networks", null=True),
        "CONSTRAINT uq_netinter0deviceid0name UNIQUE (device_id, name)",
    ],
}

#: indexes that are not made by a key
_INDEXES = (
    *(
        (f"ix_{table}_{column}", table, column)
        for table, columns in {
            "users": ["project_id"],
            "clouds": ["project_id"],
            "regions": ["project_id", "cloud_id"],
            "cells": ["project_id", "cloud_id", "region_id"],
            "devices": ["project_id", "cloud_id", "region_id", "cell_id"],
        }.items()
        for column in columns
    ),
    ("devices_labels", "labels", "label, device_id"),
)

_T = "'2017-03-29 12:00:00'"


def _association(number: int, kind: str) -> str:
    return f"INSERT INTO variable_association VALUES ({_T}, NULL, {number}, '{kind}')"


def _variable(association: int, key: str, value: str) -> str:
    # a bare string: no bind parameter may change what is stored
    return (
        "INSERT INTO variables (created_at, updated_at, association_id, key_, value_) "
        f"VALUES ({_T}, NULL, {association}, '{key}', '{value}')"
    )


_ROWS = (
    f"INSERT INTO alembic_version VALUES ('{REVISION}')",
    _association(1, "project"),
    _association(2, "user"),
    _association(3, "cloud"),
    _association(4, "region"),
    _association(5, "cell"),
    _association(6, "device"),
    _association(7, "device"),
    _association(8, "device"),
    # of a host that was deleted: Craton leaves these behind
    _association(9, "device"),
    _association(12, "user"),
    f"INSERT INTO projects VALUES ({_T}, NULL, '{PROJECT}', 'bootstrap', 1)",
    "INSERT INTO users (created_at, id, project_id, variable_association_id, username, api_key, "
    f"is_root, is_admin) VALUES ({_T}, 1, '{PROJECT}', 2, 'bootstrap', "
    "'0123456789abcdef0123456789abcdef', 1, 1)",
    "INSERT INTO users (created_at, id, project_id, variable_association_id, username, api_key, "
    f"is_root, is_admin) VALUES ({_T}, 2, '{PROJECT}', 12, 'reader', "
    "'fedcba9876543210fedcba9876543210', 0, 0)",
    "INSERT INTO clouds (created_at, id, project_id, variable_association_id, name) "
    f"VALUES ({_T}, 1, '{PROJECT}', 3, 'openstack')",
    "INSERT INTO regions (created_at, id, project_id, cloud_id, variable_association_id, name, "
    f"note) VALUES ({_T}, 1, '{PROJECT}', 1, 4, 'RegionOne', 'caf\u00e9')",
    "INSERT INTO cells (created_at, id, region_id, cloud_id, project_id, "
    f"variable_association_id, name) VALUES ({_T}, 1, 1, 1, '{PROJECT}', 5, 'cell1')",
    "INSERT INTO devices (created_at, id, project_id, cloud_id, region_id, cell_id, "
    "variable_association_id, type, device_type, name, ip_address, active) VALUES "
    f"({_T}, 1, '{PROJECT}', 1, 1, 1, 6, 'hosts', 'server', 'compute-01', '10.0.0.1', 1)",
    # nobody checks addresses, and parents are devices
    "INSERT INTO devices (created_at, id, project_id, cloud_id, region_id, parent_id, "
    "variable_association_id, type, device_type, name, ip_address, active) VALUES "
    f"({_T}, 2, '{PROJECT}', 1, 1, 1, 7, 'hosts', 'container', 'compute-02', 'nonsense', 0)",
    "INSERT INTO devices (created_at, id, project_id, cloud_id, region_id, "
    "variable_association_id, type, device_type, name, ip_address) VALUES "
    f"({_T}, 5, '{PROJECT}', 1, 1, 8, 'network_devices', 'switch', 'tor-1', '10.0.0.254')",
    "INSERT INTO hosts VALUES (1)",
    "INSERT INTO hosts VALUES (2)",
    "INSERT INTO network_devices (id, model_name, vlans) VALUES (5, 'model', '[1, 2]')",
    f"INSERT INTO labels VALUES ({_T}, NULL, 1, 'rack:r1')",
    f"INSERT INTO labels VALUES ({_T}, NULL, 2, 'rack:r1')",
    _variable(1, "owner", '"operations"'),
    _variable(4, "nothing", "null"),
    _variable(6, "with space.and:colon", '{"a": [1, 2.50, null], "b": "x y"}'),
    _variable(6, "number", "12345678901234567890123"),
    _variable(6, "one", "1.0"),
    _variable(9, "orphan", "true"),
)

_OWN_TYPES = {
    "sqlite": {"id": "id INTEGER NOT NULL PRIMARY KEY", "json": "JSON"},
    "mysql": {"id": "id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY", "json": "JSON"},
}
_OWN_FLAG = {
    "sqlite": "{name} BOOLEAN, CHECK ({name} IN (0, 1))",
    "mysql": "{name} BOOL, CHECK ({name} IN (0, 1))",
}


def make(database: Database, only: tuple[str, ...] = TABLES) -> None:
    """Make Craton's tables, and its rows where all of them are made."""
    with database.engine.connect() as plain:
        connection = plain.execution_options(maintenance_writes=True)
        with connection.begin():
            for table in TABLES:
                if table in only:
                    connection.exec_driver_sql(_create(database.dialect, table))
            for name, table, columns in _INDEXES:
                if table in only:
                    connection.exec_driver_sql(f"CREATE INDEX {name} ON {table} ({columns})")
            for statement in _ROWS if only == TABLES else ():
                connection.exec_driver_sql(statement.replace("%", "%%"))


def _create(dialect: str, table: str) -> str:
    columns, constraints = [], []
    for part in _DEFINITIONS[table]:
        if part.startswith("{flag:"):
            name = part[len("{flag:") : -1]
            part = _OWN_FLAG[dialect].format(name=name)
        for own, text in _OWN_TYPES[dialect].items():
            part = part.replace("{" + own + "}", text)
        # constraints come after all columns
        for piece in _split(part):
            first = piece.split()[0]
            (
                constraints
                if first in ("FOREIGN", "CHECK", "CONSTRAINT", "PRIMARY", "UNIQUE")
                else columns
            ).append(piece)
    return f"CREATE TABLE {table} ({', '.join(columns + constraints)})"


def _split(part: str) -> list[str]:
    """Cut at the commas that are in no parentheses."""
    pieces, depth = [""], 0
    for sign in part:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += sign
    return [piece.strip() for piece in pieces]


def snapshot(database: Database, tables: tuple[str, ...] = TABLES) -> dict[str, Any]:
    """Everything that the database knows of Craton's tables, and every row of them."""
    with database.read() as connection:
        described = (
            _described_by_sqlite(connection)
            if database.dialect == "sqlite"
            else _described_by_mariadb(connection, tables)
        )
        rows = {
            table: sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table}").all()))
            for table in tables
        }
    return {"schema": described, "rows": rows}


def _described_by_sqlite(connection: sa.Connection) -> Any:
    return connection.exec_driver_sql(
        "SELECT type, name, tbl_name, sql FROM sqlite_master "
        "WHERE tbl_name NOT LIKE 'maintenance_%' AND tbl_name != 'sqlite_sequence' ORDER BY name"
    ).all()


def _described_by_mariadb(connection: sa.Connection, tables: tuple[str, ...]) -> Any:
    ours = "table_schema = DATABASE() AND table_name NOT LIKE 'maintenance\\_%%'"
    constraints = ours.replace("table_schema", "constraint_schema")
    queries = {
        "tables": "SELECT table_name, engine, table_collation, auto_increment FROM "
        f"information_schema.tables WHERE {ours} ORDER BY 1",
        "columns": f"SELECT * FROM information_schema.columns WHERE {ours} ORDER BY 3, 5",
        "indexes": "SELECT table_name, index_name, seq_in_index, column_name, non_unique, "
        f"index_type FROM information_schema.statistics WHERE {ours} ORDER BY 1, 2, 3",
        "constraints": "SELECT table_name, constraint_name, constraint_type FROM "
        f"information_schema.table_constraints WHERE {ours} ORDER BY 1, 2",
        "references": "SELECT * FROM information_schema.referential_constraints WHERE "
        f"{constraints} ORDER BY 2, 3, table_name",
        "checks": "SELECT table_name, constraint_name, check_clause FROM "
        f"information_schema.check_constraints WHERE {constraints} ORDER BY 1, 2",
        "triggers": "SELECT trigger_name FROM information_schema.triggers WHERE "
        "trigger_schema = DATABASE()",
    }
    found: dict[str, Any] = {
        name: connection.exec_driver_sql(query).all() for name, query in queries.items()
    }
    found["definitions"] = [
        connection.exec_driver_sql(f"SHOW CREATE TABLE {table}").one()[1] for table in tables
    ]
    return found
