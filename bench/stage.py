"""What benches stand on: databases with a fleet in them, and our processes."""

import contextlib
import dataclasses
import os
import pathlib
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from bench import client, measure
from craton_maintenance import conf as configuration
from craton_maintenance.db import nova
from craton_maintenance.db.database import Database
from craton_maintenance.inventory import create
from craton_maintenance.nova.listing import Host
from craton_maintenance.service import Service, utcnow
from tests.support import databases
from tests.support.processes import command

REGION = "RegionOne"


@contextlib.contextmanager
def database(kind: str) -> Iterator[Database]:
    """A new database, migrated, and dropped at the end.

    :param kind: ``sqlite``, ``mariadb`` or ``postgresql``
    """
    with folder() as path, databases.migrated(kind, path) as made:
        yield made


@contextlib.contextmanager
def folder() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="craton-maintenance-bench-") as name:
        yield pathlib.Path(name)


def service(made: Database, overrides: Mapping[tuple[str, str], object] | None = None) -> Service:
    """A deployment in this process, configured as by default."""
    return Service(configuration.load(["/dev/null"], dict(overrides or {})), made)


def stock(made: Database, hosts: int, servers: int, projects: int) -> None:
    """A fleet in the inventory, Craton's rows of its hosts included.

    Servers go round the hosts, and each project owns a run of them.
    """
    now = utcnow()
    names = [f"compute-{number:05}" for number in range(hosts)]
    listed = [
        Host(
            name=name,
            service_id=str(uuid.uuid4()),
            status="enabled",
            state="up",
            forced_down=False,
            disabled_reason=None,
            zone=f"zone-{number % 4}",
            aggregates=(f"aggregate-{number % 16}",),
            hypervisors=(
                {"id": str(number), "hostname": name, "type": "QEMU", "ip": "192.0.2.1"},
            ),
        )
        for number, name in enumerate(names)
    ]
    rows = [
        {
            "region": REGION,
            "host": host.name,
            "service_id": host.service_id,
            "status": host.status,
            "state": host.state,
            "forced_down": False,
            "disabled_reason": None,
            "zone": host.zone,
            "aggregates": list(host.aggregates),
            "hypervisors": [dict(one) for one in host.hypervisors],
            "hypervisors_count": len(host.hypervisors),
            "created_at": now,
            "missed": 0,
            "missing_since": None,
        }
        for host in listed
    ]
    owned = {
        str(uuid.uuid4()): (
            f"{number * projects // servers:032x}",
            names[number % hosts],
            None,
            f"server-{number}",
            "ACTIVE",
        )
        for number in range(servers)
    }
    conf = configuration.load(["/dev/null"]).inventory

    def work(transaction: Any) -> None:
        nova.write_hosts(transaction, rows)
        nova.write_servers(transaction, REGION, owned)
        create.hosts(transaction, conf, REGION, listed, now)

    made.write(work)
    tidy(made)


def tidy(made: Database) -> None:
    """Let the database learn what is in its tables, as it does by itself in time."""
    with made.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if made.dialect == "mysql":
            for table in sa.inspect(connection).get_table_names():
                connection.exec_driver_sql(f"ANALYZE TABLE {table}").all()
        elif made.dialect == "postgresql":
            connection.exec_driver_sql("ANALYZE")


@contextlib.contextmanager
def process(
    *arguments: str, says: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process of ours, from the line in which it ``says`` that it is ready, to its end.

    Of the caller's environment it has everything but the caller's own cloud.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    started = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, text=True, env=own | dict(environment or {})
    )
    try:
        assert started.stdout is not None
        for line in started.stdout:
            if says in line:
                started.ready = line.strip()  # type: ignore[attr-defined]
                break
        else:
            raise RuntimeError(f"{arguments[0]} ended before it was ready")
        yield started
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        if started.stdout is not None:
            started.stdout.close()


@contextlib.contextmanager
def serve(
    made: Database, settings: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``craton-maintenance serve`` on this database.

    :param settings: lines of its configuration file
    :param environment: variables that name its cloud
    :returns: its address, and its process
    """
    port = measure.free_port()
    with folder() as path:
        file = path / "bench.conf"
        file.write_text(settings)
        with process(
            command("craton-maintenance"),
            "serve",
            "--config-file",
            str(file),
            "--listen",
            f"127.0.0.1:{port}",
            "--database",
            databases.url_of(made),
            says="serving",
            environment=environment,
        ) as started:
            yield f"http://127.0.0.1:{port}", started


@dataclasses.dataclass(frozen=True, slots=True)
class Daemons:
    """The API and the engine, each in a process of its own."""

    url: str
    api: subprocess.Popen[bytes]
    engine: subprocess.Popen[bytes]


@contextlib.contextmanager
def daemons(
    made: Database, settings: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[Daemons]:
    """``craton-maintenance-api`` and ``craton-maintenance-engine`` on this database.

    The API answers by then; what the engine begins with may go on.

    :param settings: lines of their configuration file, without ``[api]`` and ``[database]``
    :param environment: variables that name their cloud
    """
    port = measure.free_port()
    url = f"http://127.0.0.1:{port}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    with folder() as path, contextlib.ExitStack() as stack:
        file = path / "bench.conf"
        file.write_text(
            f"{settings}\n[api]\nport = {port}\n"
            f"[database]\nconnection = {databases.url_of(made)}\n"
        )

        def start(name: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context((path / f"{name}.log").open("wb"))
            started = subprocess.Popen(
                [command(name), "--config-file", str(file)],
                stderr=log,
                env=own | dict(environment or {}),
            )
            stack.callback(_end, started)
            return started

        api, engine = start("craton-maintenance-api"), start("craton-maintenance-engine")
        measure.until(lambda: _answers(url), every=0.1, limit=60)
        yield Daemons(url, api, engine)


def _answers(url: str) -> bool:
    try:
        with client.connected(url) as (connection,):
            return connection.call("GET", "/health")[0] == 200
    except OSError:
        return False


def _end(started: subprocess.Popen[bytes]) -> None:
    started.terminate()
    try:
        started.wait(30)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
