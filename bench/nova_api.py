"""Lists of 1,000 servers through the real nova-api, with the filter and without.

Baseline: a second nova-api, the same but for the filter, on the same database; both are asked
in turns, as the owner of the servers.  What the filter asks is a stand-in for our API, which
says from one case to the next what is in maintenance.

Servers are rows: one is booted through Nova, and its rows are copied, onto hosts that no
compute service knows.  So nova-api reads, checks and writes out as many as it would of real
ones, and no nova-compute looks after them.  The cloud of tools/testcloud has to run.
"""

import contextlib
import hashlib
import http.server
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from keystoneauth1.session import Session

from bench import measure, real, stage
from bench.result import Result
from tests.cloud import nova_api, stack

_SERVERS = 1_000
_HOSTS = 100
#: A list takes Nova seconds.
_ROUNDS = 7

#: Tables of Nova's with rows of a server, and the columns that are its own there.
_TABLES = {
    "instances": "uuid",
    "instance_extra": "instance_uuid",
    "instance_info_caches": "instance_uuid",
    "instance_metadata": "instance_uuid",
    "instance_system_metadata": "instance_uuid",
}


def run() -> Iterator[Result]:
    admin = real.needed()
    with contextlib.ExitStack() as undo:
        owner, project_id, hosts = undo.enter_context(_servers(admin))
        source = undo.enter_context(_Source().serving())
        addresses = {}
        for name, links in (
            ("with", {"url": source.url, "interval": 0.2}),
            ("without", None),
        ):
            folder = undo.enter_context(stage.folder())
            addresses[name] = undo.enter_context(nova_api.running(folder, links))
        touched = stack.host_id(project_id, hosts[0])
        others = {hashlib.sha224(str(number).encode()).hexdigest() for number in range(_HOSTS)}
        for what, ids, least in (
            ("nothing in maintenance", set(), 0.95),
            ("100 hosts of others in maintenance", others, 0.95),
            ("1 host of 100 in maintenance", others | {touched}, None),
        ):
            source.say(ids)
            wanted = _SERVERS // _HOSTS if touched in ids else 0
            measure.until(
                lambda wanted=wanted: _links(owner, addresses["with"]) == wanted, every=0.3
            )
            assert _links(owner, addresses["without"]) == 0
            times = measure.interleaved(
                {
                    name: lambda address=address: measure.seconds(lambda: _listed(owner, address))
                    for name, address in addresses.items()
                },
                _ROUNDS,
            )
            yield Result.of_times(
                f"{_SERVERS:,} servers through the real nova-api, {what}",
                times["with"],
                times["without"],
                ratio_at_least=least,
            )


def _listed(owner: Session, address: str) -> list[dict[str, Any]]:
    answer = owner.get(
        f"{address}/servers/detail",
        headers={"OpenStack-API-Version": f"compute {stack.NOVA_VERSION}"},
        authenticated=True,
    )
    servers: list[dict[str, Any]] = answer.json()["servers"]
    assert len(servers) == _SERVERS
    return servers


def _links(owner: Session, address: str) -> int:
    """Servers with a link of ours."""
    return sum(
        any(link["rel"] == "maintenance" for link in server["links"])
        for server in _listed(owner, address)
    )


class _Source:
    """Stands for the service, which the filter's thread asks."""

    def __init__(self) -> None:
        self.url = ""
        self._body = b""
        self.say(set())

    def say(self, host_ids: set[str]) -> None:
        """These hosts are in maintenance from now on, by what their projects see of them."""
        self._body = json.dumps(
            {"base_url": "http://m", "hosts": [], "host_ids": sorted(host_ids)}
        ).encode()

    @contextlib.contextmanager
    def serving(self) -> Iterator["_Source"]:
        source = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = source._body
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Nothing is logged."""

        server = http.server.ThreadingHTTPServer((stack.HOST, 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://{stack.HOST}:{server.server_port}/v1"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@contextlib.contextmanager
def _servers(admin: Session) -> Iterator[tuple[Session, str, list[str]]]:
    """1,000 servers of a new project.

    :returns: a session of their owner, the project's id, and the names of their hosts
    """
    name = real.name()
    identity = stack.Identity(admin)
    with contextlib.ExitStack() as undo:
        project_id = identity.project(name)
        undo.callback(identity.remove_project, project_id)
        identity.grant("admin", project_id, "admin")
        owner = stack.session("admin", project_id=project_id)
        compute = stack.Compute(admin)
        server = compute.boot(owner, name, compute.hosts()[0])
        undo.callback(compute.delete, [server])
        compute.active(server)
        hosts = [f"{name}-{number}" for number in range(_HOSTS)]
        undo.enter_context(_copies(server, hosts))
        yield owner, project_id, hosts


@contextlib.contextmanager
def _copies(server: str, hosts: list[str]) -> Iterator[None]:
    """Rows of so many servers that with the one there are 1,000; they are removed again."""
    ids = [str(uuid.uuid4()) for _ in range(_SERVERS - 1)]
    places = [hosts[number % len(hosts)] for number in range(len(ids))]
    cells, api = _database("nova"), _database("nova_api")
    made: list[tuple[sa.Engine, sa.Table, str]] = []
    try:
        for table_name, column in _TABLES.items():
            table = sa.Table(table_name, sa.MetaData(), autoload_with=cells)
            made.append((cells, table, column))
            _copy(cells, table, column, server, ids, places)
        mappings = sa.Table("instance_mappings", sa.MetaData(), autoload_with=api)
        made.append((api, mappings, "instance_uuid"))
        _copy(api, mappings, "instance_uuid", server, ids, places)
        yield
    finally:
        for engine, table, column in reversed(made):
            with engine.begin() as connection:
                connection.execute(sa.delete(table).where(table.c[column].in_(ids)))
        cells.dispose()
        api.dispose()


def _copy(
    engine: sa.Engine, table: sa.Table, column: str, server: str, ids: list[str], places: list[str]
) -> None:
    with engine.begin() as connection:
        rows = connection.execute(sa.select(table).where(table.c[column] == server)).mappings()
        originals = [{key: value for key, value in row.items() if key != "id"} for row in rows]
        copies = [
            original | {column: one} | ({"host": place, "node": place} if column == "uuid" else {})
            for one, place in zip(ids, places, strict=True)
            for original in originals
        ]
        if copies:
            connection.execute(sa.insert(table), copies)


def _database(name: str) -> sa.Engine:
    """One of the cloud's databases, by the address that Nova itself has of it."""
    text = (stack.FOLDER / "etc/nova/nova.conf").read_text()
    section = "[api_database]" if name == "nova_api" else "[database]"
    line = text.split(section, 1)[1].split("connection = ", 1)[1].splitlines()[0]
    return sa.create_engine(line)
