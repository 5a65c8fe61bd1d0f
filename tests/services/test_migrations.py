"""Migrations: of an empty database, beside a Craton, at once, and what refuses to run without."""

import alembic.autogenerate
import alembic.command
import alembic.runtime.migration
import pytest
import sqlalchemy as sa

from craton_maintenance.api.app import create_app
from craton_maintenance.db import craton as models
from craton_maintenance.db import migrate
from craton_maintenance.db.database import Database, NotFit
from craton_maintenance.db.tables import metadata
from craton_maintenance.engine.engine import Engine
from tests.support import craton, databases, deployment, history, processes
from tests.support.waiting import together

AT_ONCE = 4

WHERE_CRATON_RUNS = pytest.mark.parametrize("kind", ["sqlite", "mariadb"])


@pytest.fixture
def fresh(kind, tmp_path):
    """An empty database; Craton's charset on MariaDB."""
    with (
        databases.empty(kind, tmp_path, charset="utf8mb3") as url,
        databases.connected(url) as database,
    ):
        yield database


@pytest.fixture
def beside_craton(fresh):
    """A database that a Craton has made and filled."""
    craton.make(fresh)
    return fresh


def test_an_empty_database_gets_cratons_and_our_tables(fresh):
    assert migrate.current(fresh) is None
    migrate.upgrade(fresh)
    assert migrate.current(fresh) == migrate.newest()
    with fresh.read() as connection:
        assert migrate.missing_of_craton(connection) == []
    assert not migrate.has_craton(fresh)


def test_migrations_make_what_the_code_declares(fresh):
    migrate.upgrade(fresh)
    with fresh.read() as connection:
        context = alembic.runtime.migration.MigrationContext.configure(
            connection,
            opts={
                "version_table": migrate.VERSION_TABLE,
                "include_name": lambda name, kind, parents: (
                    kind != "table" or name.startswith("maintenance_")
                ),
                "compare_type": True,
            },
        )
        assert alembic.autogenerate.compare_metadata(context, metadata) == []


def test_an_upgrade_is_harmless_to_repeat(fresh):
    migrate.upgrade(fresh)
    deployment.stock(fresh, {"compute-01": {"alpha": ["a-1"]}})
    deployment.api(deployment.service(fresh)).set_window(["compute-01"])
    before = history.rows(fresh)
    migrate.upgrade(fresh)
    assert history.rows(fresh) == before != []


def test_processes_that_upgrade_at_once_all_succeed(fresh):
    url = databases.url_of(fresh)
    results = together(
        [lambda: processes.run("craton-maintenance", "db", "upgrade", "--database", url)] * AT_ONCE
    )
    assert [(one.returncode, one.stderr) for one in results] == [(0, "")] * AT_ONCE
    migrate.check(fresh)
    deployment.stock(fresh, {"compute-01": {}})
    deployment.api(deployment.service(fresh)).set_window(["compute-01"])


def test_threads_that_upgrade_at_once_all_succeed(fresh):
    together([lambda: migrate.upgrade(fresh)] * AT_ONCE)
    migrate.check(fresh)


@WHERE_CRATON_RUNS
def test_cratons_tables_and_rows_are_unaltered_by_a_migration(beside_craton):
    before = craton.snapshot(beside_craton)
    migrate.upgrade(beside_craton)
    assert craton.snapshot(beside_craton) == before
    assert migrate.has_craton(beside_craton)


@WHERE_CRATON_RUNS
def test_cratons_tables_and_rows_are_unaltered_by_maintenance(beside_craton):
    """Windows on everything that a window can be set on, beside a Craton."""
    migrate.upgrade(beside_craton)
    deployment.stock(beside_craton, {"compute-01": {"alpha": ["a-1"]}, "compute-02": {}})
    before = craton.snapshot(beside_craton)
    api = deployment.api(deployment.service(beside_craton))
    scopes = {
        "hosts": ["compute-01"],
        "labels": ["rack:r1"],
        "cells": ["cell1"],
        "regions": ["RegionOne"],
        "clouds": ["openstack"],
    }
    for kind, names in scopes.items():
        body = {"scope": {kind: names}, "allow_overlap": True}
        window = api.call("POST", "/v1/maintenance-windows", body)
        assert window.status_code == 201, window.text
        assert window.json["hosts_count"] == (1 if kind in ("hosts", "cells") else 2)
        path = f"/v1/maintenance-windows/{window.json['id']}"
        assert api.call("PATCH", path, {"announcement": "new"}).status_code == 200
        assert api.call("POST", f"{path}/finish").status_code == 200
    assert craton.snapshot(beside_craton) == before
    history.assert_complete(beside_craton)


@WHERE_CRATON_RUNS
def test_craton_can_still_delete_a_host_that_is_in_a_window(beside_craton):
    migrate.upgrade(beside_craton)
    api = deployment.api(deployment.service(beside_craton))
    window = api.set_window(["compute-02"])
    for table, column in (("labels", "device_id"), ("hosts", "id"), ("devices", "id")):
        _execute(beside_craton, f"DELETE FROM {table} WHERE {column} = 2")
    path = f"/v1/maintenance-windows/{window['id']}"
    assert api.get(path)["state"] == "open"
    assert api.call("POST", f"{path}/finish").status_code == 200


@WHERE_CRATON_RUNS
def test_cratons_users_are_let_in_with_their_keys(beside_craton):
    migrate.upgrade(beside_craton)
    api = deployment.api(deployment.service(beside_craton, overrides={("api", "auth"): "local"}))
    root = {
        "X-Auth-Project": craton.PROJECT,
        "X-Auth-User": "bootstrap",
        "X-Auth-Token": "0123456789abcdef0123456789abcdef",
    }
    reader = root | {"X-Auth-User": "reader", "X-Auth-Token": "fedcba9876543210fedcba9876543210"}
    wrong = root | {"X-Auth-Token": "0123456789abcdef0123456789abcdee"}
    other_case = root | {"X-Auth-User": "Bootstrap"}
    answers = [
        api.post_window(["compute-01"], headers).status_code
        for headers in (wrong, other_case, reader, root)
    ]
    assert answers == [401, 401, 403, 201]


@WHERE_CRATON_RUNS
@pytest.mark.parametrize(
    "only", [("alembic_version", "variable_association", "projects"), ("projects",)]
)
def test_half_of_cratons_tables_are_refused_with_words(fresh, only):
    if "variable_association" not in only:
        _execute(fresh, "CREATE TABLE projects (id INTEGER PRIMARY KEY, title VARCHAR(20))")
    else:
        craton.make(fresh, only)
    tables = set(_tables(fresh))
    with pytest.raises(NotFit) as refused:
        migrate.upgrade(fresh)
    assert "devices" in str(refused.value)
    assert "Use Craton's database, or an empty one" in str(refused.value)
    left = set(_tables(fresh)) - tables
    assert left <= {migrate.VERSION_TABLE}
    assert migrate.current(fresh) is None


@WHERE_CRATON_RUNS
def test_a_craton_that_lacks_a_column_is_refused_by_its_name(beside_craton):
    _execute(beside_craton, "DROP TABLE labels")
    _execute(beside_craton, "CREATE TABLE labels (device_id INTEGER, name VARCHAR(10))")
    with pytest.raises(NotFit, match=r"labels\.label"):
        migrate.upgrade(beside_craton)


def test_the_command_says_what_is_wrong_and_fails(fresh):
    _execute(fresh, "CREATE TABLE projects (id INTEGER PRIMARY KEY, title VARCHAR(20))")
    url = databases.url_of(fresh)
    result = processes.run("craton-maintenance", "db", "upgrade", "--database", url)
    assert result.returncode == 1
    assert "not Craton's as we know them" in result.stderr
    assert "Traceback" not in result.stderr


def test_api_and_engine_refuse_a_database_without_our_tables(fresh):
    service = deployment.service(fresh)
    for start in (create_app, Engine):
        with pytest.raises(NotFit, match="craton-maintenance db upgrade"):
            start(service)


def test_api_and_engine_refuse_another_revision(fresh):
    migrate.upgrade(fresh)
    _execute(fresh, f"UPDATE {migrate.VERSION_TABLE} SET version_num = 'other'")
    service = deployment.service(fresh)
    for start in (create_app, Engine):
        with pytest.raises(NotFit, match="revision other, this version needs"):
            start(service)


def test_an_older_database_is_refused_and_brought_up_to_date_with_what_is_in_it(fresh):
    with migrate._alone(fresh) as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
    deployment.stock(fresh, {"compute-01": {"alpha": ["a-1"]}})
    with pytest.raises(NotFit, match="revision 0001, this version needs"):
        create_app(deployment.service(fresh))
    migrate.upgrade(fresh)
    deployment.api(deployment.service(fresh)).set_window(["compute-01"])
    assert history.told(fresh, "alpha") == ["created", "opened"]


def test_ids_of_deleted_hosts_are_not_given_again_where_we_made_the_tables(fresh):
    """Craton's own tables on SQLite give them again; then a stale row stands for a new host."""
    migrate.upgrade(fresh)
    ids = []
    for _ in range(2):
        ids.append(
            fresh.write(
                lambda transaction: transaction.execute(
                    sa.insert(models.variable_association).values(
                        discriminator="device", created_at=sa.func.now()
                    )
                ).inserted_primary_key[0]
            )
        )
        _execute(fresh, "DELETE FROM variable_association")
    assert ids[0] < ids[1]


def _execute(database: Database, statement: str) -> None:
    database.write(lambda transaction: transaction.connection.exec_driver_sql(statement))


def _tables(database: Database) -> list[str]:
    with database.read() as connection:
        return sa.inspect(connection).get_table_names()


@pytest.mark.parametrize("made", [1, 4, 9, 14, 20, 28])
def test_a_migration_that_stopped_half_way_is_begun_again(fresh, made):
    """Where changes of tables commit by themselves, as on MariaDB, some of them are there."""
    left = made

    def stop_after(connection, cursor, statement, parameters, context, executemany):
        nonlocal left
        if statement.lstrip().upper().startswith("CREATE TABLE"):
            left -= 1
            if left < 0:
                raise KeyboardInterrupt

    sa.event.listen(fresh.engine, "before_cursor_execute", stop_after)
    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(fresh)
    sa.event.remove(fresh.engine, "before_cursor_execute", stop_after)
    fresh.engine.dispose()
    migrate.upgrade(fresh)
    migrate.check(fresh)
    deployment.stock(fresh, {"compute-01": {"alpha": ["a-1"]}})
    deployment.api(deployment.service(fresh)).set_window(["compute-01"])
    assert "maintenance_unfinished" not in _tables(fresh)
