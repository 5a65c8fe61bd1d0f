"""What a session needs, and can be taken away: services behind doors, a database, the broker."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from typing import Any

import keystoneauth1.exceptions
import pymysql
import yaml
from keystoneauth1.session import Session

from tests.support.waiting import until

from . import bus, stack
from .service import Installation, free_port

#: The region whose endpoints are doors.
REGION = "RegionOfDoors"

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Door(bus.Wire):
    """A way to a service that can be shut, or answer 503, for whoever comes through it."""

    def __init__(self, url: str):
        super().__init__(url)
        #: the service's address through this door
        self.url = self.transport_url
        self._is_busy = False

    def shut(self) -> None:
        """End every connection and take none any more."""
        self._is_busy = False
        self.cut()

    def refuse(self) -> None:
        """End every connection, and answer 503 from now on."""
        self._is_busy = True
        self.cut()

    def open(self) -> None:
        self.mend()

    def _carry(self, client: socket.socket) -> None:
        if self._whole.is_set() or not self._is_busy:
            super()._carry(client)
            return
        with client, contextlib.suppress(OSError):
            client.settimeout(5.0)
            _read_request(client)
            client.sendall(_BUSY)


def _read_request(client: socket.socket) -> None:
    """All of it: a connection that is closed with something unread is reset."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    lengths = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")]
    left = sum(lengths) - len(body)
    while left > 0:
        left -= len(client.recv(65536)) or left


class Doors:
    """A region in the catalogue in which Keystone, Nova and Placement are behind doors."""

    def __init__(self, admin: Session) -> None:
        self._keystone = stack.Service(admin, "identity")
        self.keystone = Door(stack.AUTH_URL)
        self._made: list[str] = []
        self._remove_region()
        self._keystone.post("/regions", {"region": {"id": REGION}})
        listed = self._keystone.get("/services")["services"]
        ids = {one["type"]: one["id"] for one in listed}
        self.nova = self._behind(admin, ids, "compute")
        self.placement = self._behind(admin, ids, "placement")
        self._register(ids["identity"], self.keystone.url)

    def _behind(self, admin: Session, ids: dict[str, str], service_type: str) -> Door:
        real = admin.get_endpoint(service_type=service_type, region_name=stack.REGION)
        door = Door(str(real))
        self._register(ids[service_type], door.url)
        return door

    def _register(self, service_id: str, url: str) -> None:
        for interface in ("public", "internal", "admin"):
            endpoint = {
                "service_id": service_id,
                "interface": interface,
                "region_id": REGION,
                "url": url,
            }
            self._keystone.post("/endpoints", {"endpoint": endpoint})

    def _remove_region(self) -> None:
        """With what an earlier run may have left."""
        for one in self._keystone.get(f"/endpoints?region_id={REGION}")["endpoints"]:
            self._keystone.delete(f"/endpoints/{one['id']}")
        with contextlib.suppress(keystoneauth1.exceptions.NotFound):
            self._keystone.delete(f"/regions/{REGION}")

    def open(self) -> None:
        for door in (self.keystone, self.nova, self.placement):
            door.open()

    def close(self) -> None:
        self.open()
        self._remove_region()
        for door in (self.keystone, self.nova, self.placement):
            door.close()


class Fragile(Installation):
    """The service with a region of doors, and a database of the test's own."""

    def __init__(
        self, folder: pathlib.Path, database: str, transport_url: str, project: str, doors: Doors
    ) -> None:
        super().__init__(folder, database, transport_url, project)
        file = folder / "clouds.yaml"
        clouds = yaml.safe_load(file.read_text())
        cloud = clouds["clouds"]["testcloud"]
        cloud["region_name"] = REGION
        cloud["auth"]["auth_url"] = doors.keystone.url
        file.write_text(yaml.safe_dump(clouds))
        self.configure(
            keystone_authtoken={
                "auth_url": doors.keystone.url,
                "www_authenticate_uri": doors.keystone.url,
                "region_name": REGION,
            }
        )


class MariaDb:
    """A database server with a data directory and a port of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [
                *("mariadb-install-db", "--no-defaults", f"--datadir={folder / 'data'}"),
                *("--user=root", "--skip-test-db", "--auth-root-authentication-method=normal"),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        self.start()
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE maintenance CHARACTER SET utf8mb4")
            cursor.execute(f"CREATE USER m@'127.0.0.1' IDENTIFIED BY '{stack.PASSWORD}'")
            cursor.execute("GRANT ALL ON maintenance.* TO m@'127.0.0.1'")
        login = f"m:{urllib.parse.quote(stack.PASSWORD)}"
        self.url = f"mysql+pymysql://{login}@127.0.0.1:{self._port}/maintenance"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with (self._folder / "mariadb.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # ends with the tests, even if they are killed
                    *("setpriv", "--pdeathsig", "KILL"),
                    *(shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults"),
                    *(f"--datadir={self._folder / 'data'}", f"--port={self._port}"),
                    *(f"--socket={self._folder / 'mariadb.sock'}", "--user=root"),
                    *("--bind-address=127.0.0.1", "--skip-name-resolve"),
                    *("--innodb-buffer-pool-size=64M", "--max-connections=200"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        until(self._answers, "MariaDB answers", 60.0, 0.1)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        # PyMySQL leaves a socket open where nobody answers
        address = ("127.0.0.1", self._port)
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=5) as probe:
            return bool(probe.recv(1))
        return False

    def _connect(self) -> pymysql.Connection:
        socket_file = str(self._folder / "mariadb.sock")
        return pymysql.connect(user="root", unix_socket=socket_file, autocommit=True)


@contextlib.contextmanager
def mariadb(folder: pathlib.Path) -> Iterator[MariaDb]:
    made = MariaDb(folder)
    try:
        yield made
    finally:
        made.kill()


def rabbitmq(what: str) -> None:
    """``stop_app`` or ``start_app``: for everybody who uses this broker."""
    own = stack.FOLDER
    command, settings = "rabbitmqctl", dict(os.environ)
    if (own / "state" / "own-rabbitmq").exists():
        # one that the test cloud has started itself
        command = "/usr/lib/rabbitmq/bin/rabbitmqctl"
        settings |= {
            "HOME": str(own / "rabbitmq"),
            "RABBITMQ_NODENAME": "testcloud@localhost",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
    subprocess.run([command, what], check=True, capture_output=True, timeout=120, env=settings)


def gaps(events: list[dict[str, Any]]) -> list[int]:
    """Numbers that are missing in a history."""
    seen = [event["seq"] for event in events]
    return sorted(set(range(1, max(seen, default=0) + 1)) - set(seen))
