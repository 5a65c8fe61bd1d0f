"""craton-maintenance as an operator runs it: its own database, an API and an engine process."""

import configparser
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pymysql
import requests
import yaml

from tests.support.waiting import until

from . import stack

DATABASE = "testcloud_maintenance"

#: A flow of the catalogue for hosts.
LOOK = "look"

_REPLIES = ("reply_maintenance", "reply_actions", "reply_scale_in", "reply_complete")

#: Times to answer: where somebody does, on the way through Aodh; and where nobody would.
ANSWERED, UNANSWERED = dict.fromkeys(_REPLIES, "20"), dict.fromkeys(_REPLIES, "2")

#: Seconds between synchronisations: each asks the cloud, on the same two cores, for everything.
SYNC_INTERVAL = "3"

_ROOT = pathlib.Path(__file__).parents[2]
_BIN = pathlib.Path(sys.executable).parent


def _database_server() -> pymysql.Connection:
    return pymysql.connect(
        host=stack.HOST,
        port=int(os.environ.get("TESTCLOUD_DB_PORT", "3306")),
        user="root",
        autocommit=True,
    )


def create_database() -> str:
    """An empty database of our own; its SQLAlchemy URL."""
    drop_database()
    with _database_server() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        for host in ("%", "localhost"):
            cursor.execute(f"GRANT ALL ON {DATABASE}.* TO 'testcloud'@'{host}'")
    port = os.environ.get("TESTCLOUD_DB_PORT", "3306")
    return f"mysql+pymysql://testcloud:{stack.PASSWORD}@{stack.HOST}:{port}/{DATABASE}"


def drop_database() -> None:
    with _database_server() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        for host in ("%", "localhost"):
            cursor.execute(
                "SELECT COUNT(*) FROM mysql.db WHERE Db = %s AND Host = %s", (DATABASE, host)
            )
            (granted,) = cursor.fetchone() or (0,)
            if granted:
                cursor.execute(f"REVOKE ALL ON {DATABASE}.* FROM 'testcloud'@'{host}'")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((stack.HOST, 0))
        return probe.getsockname()[1]


class Installation:
    """The service's files and processes, in a folder of the test's."""

    def __init__(
        self, folder: pathlib.Path, database: str, transport_url: str, admin_project: str
    ):
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.port = free_port()
        self.url = f"http://{stack.HOST}:{self.port}/v1"
        #: what the work on hosts has found there, a line of JSON each time
        self.found = folder / "found.jsonl"
        self._config = folder / "craton-maintenance.conf"
        self._settings = self._first_settings(database, transport_url, admin_project)
        self._write()

    def configure(self, **sections: dict[str, str | None]) -> None:
        """Change settings; None takes one away. Processes have to be started again."""
        for section, values in sections.items():
            there = self._settings.setdefault(section, {})
            for name, value in values.items():
                if value is None:
                    there.pop(name, None)
                else:
                    there[name] = value
        self._write()

    def offer(self, *flows: dict[str, Any]) -> None:
        """The catalogue has these flows besides. Processes have to be started again."""
        catalogue = {"flows": [self._look(), *flows]}
        (self._folder / "flows.yaml").write_text(yaml.safe_dump(catalogue))

    def _write(self) -> None:
        config = configparser.ConfigParser(interpolation=None)
        config.read_dict(self._settings)
        with self._config.open("w") as file:
            config.write(file)

    def _first_settings(
        self, database: str, transport_url: str, admin_project: str
    ) -> dict[str, dict[str, str]]:
        login = {
            "auth_url": stack.AUTH_URL,
            "username": "maintenance",
            "password": stack.PASSWORD,
            "project_name": "service",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        clouds = {"clouds": {"testcloud": {"auth": login, "region_name": stack.REGION}}}
        (self._folder / "clouds.yaml").write_text(yaml.safe_dump(clouds))
        self.offer()
        return {
            "DEFAULT": {"transport_url": transport_url},
            "api": {
                "host": stack.HOST,
                "port": str(self.port),
                "auth": "keystone",
                "public_url": self.url,
                "validate_answers": "true",
            },
            "database": {"connection": database},
            "events": {"admin_project_id": admin_project},
            "inventory": {"sync_interval": SYNC_INTERVAL, "create": "true"},
            "keystone_authtoken": {
                "auth_type": "password",
                "www_authenticate_uri": stack.AUTH_URL,
                "region_name": stack.REGION,
                **login,
            },
            # what a killed engine had begun is waited for as long as calls may take
            "nova": {"regions": f"{stack.REGION}:testcloud", "timeout": "6"},
            "oslo_messaging_notifications": {"topics": "notifications"},
            "sessions": {
                "flows_file": str(self._folder / "flows.yaml"),
                "state_dir": str(self._folder / "steps"),
                **ANSWERED,
                "retry_pause": "1",
                "call_timeout": "6",
            },
        }

    def _look(self) -> dict[str, Any]:
        """Work on a host that only writes down what it finds there."""
        settings = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("TESTCLOUD_", "PORT_"))
        }
        command = {
            "argv": [sys.executable, "-m", "tests.cloud.at_work", str(self.found)],
            "env": settings | {"PYTHONPATH": str(_ROOT)},
            "repeat": "safe",
            "timeout": 20,
        }
        action = {"plugin": "command", "options": command}
        return {"name": LOOK, "for": "host", "description": "looks around", "host": [action]}

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("OS_")
        }
        return inherited | {"OS_CLIENT_CONFIG_FILE": str(self._folder / "clouds.yaml")}

    def run(self, *arguments: str) -> str:
        """A command of ``craton-maintenance`` to its end; what it wrote.

        :raises AssertionError: its exit status is not 0
        """
        done = subprocess.run(
            [str(_BIN / "craton-maintenance"), *arguments, "--config-file", str(self._config)],
            capture_output=True,
            text=True,
            env=self._environment(),
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, part: str) -> None:
        """Start ``api`` or ``engine``."""
        log = (self._folder / f"{part}.log").open("ab")
        with log:
            self._running[part] = subprocess.Popen(
                [
                    # ends with the tests, even if they are killed
                    *("setpriv", "--pdeathsig", "TERM"),
                    str(_BIN / f"craton-maintenance-{part}"),
                    *("--config-file", str(self._config)),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._environment(),
                start_new_session=True,
            )

    def kill(self, part: str) -> None:
        """SIGKILL, as a crash."""
        process = self._running.pop(part)
        process.send_signal(signal.SIGKILL)
        process.wait()

    @contextlib.contextmanager
    def away(self, part: str) -> Iterator[None]:
        """Killed, and started again afterwards, whatever happens meanwhile."""
        self.kill(part)
        try:
            yield
        finally:
            self.start(part)

    def restart(self, part: str) -> None:
        """End a part in good order and start it, with the settings of now."""
        process = self._running.pop(part)
        process.terminate()
        # one that has only just begun has nothing to put in order
        assert process.wait(30) in (0, -signal.SIGTERM)
        self.start(part)

    def stop(self) -> dict[str, int]:
        """End what runs in good order; exit statuses."""
        for process in self._running.values():
            process.terminate()
        statuses = {}
        for part, process in self._running.items():
            try:
                statuses[part] = process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                statuses[part] = process.wait()
        self._running.clear()
        return statuses

    def readiness(self) -> dict[str, Any]:
        """What ``GET /ready`` says; empty while nobody listens."""
        try:
            return requests.get(self.url.removesuffix("/v1") + "/ready", timeout=10).json()
        except requests.ConnectionError:
            return {}

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Until the API says that requests and events get through."""

        def look() -> bool:
            for part, process in self._running.items():
                assert process.poll() is None, f"{part} has ended:\n{self.tail(part)}"
            return bool(self.readiness().get("ready"))

        try:
            until(look, "service ready", seconds, 0.2)
        except AssertionError as error:
            raise AssertionError(f"{error} {self.readiness()}") from None

    def tail(self, part: str, lines: int = 30) -> str:
        """The end of a process's log."""
        log = self._folder / f"{part}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])

    def keep_logs(self, where: pathlib.Path) -> None:
        """Copy logs and configuration to where they outlive the test."""
        shutil.copytree(self._folder, where, dirs_exist_ok=True)
