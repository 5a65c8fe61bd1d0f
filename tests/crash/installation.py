"""Installations made of real processes, which can be killed one by one."""

import contextlib
import pathlib
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from craton_maintenance.db.database import Database
from tests.support import databases, deployment, processes

#: ways to run: the database's kind, and the processes that one is made of
WAYS = {
    "embedded": ("sqlite", ("serve",)),
    "beside": ("mariadb", ("api", "engine")),
}

#: what is in the inventory where no cloud is simulated
_FLEET = {
    "compute-01": {"alpha": ["a-1", "a-2"], "beta": ["b-1"]},
    "compute-02": {"alpha": ["a-3"], "gamma": ["c-1"]},
    "compute-03": {},
}

_GRACE = 30


class Installation:
    """The processes of one installation, over one database."""

    def __init__(
        self,
        way: str,
        database: Database,
        folder: pathlib.Path,
        options: Mapping[tuple[str | None, str], object],
    ) -> None:
        """
        :param way: a key of :data:`WAYS`
        :param options: of the message bus
        """
        self.database = database
        self.roles = WAYS[way][1]
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._file = folder / "maintenance.conf"
        self._file.write_text(
            _text(
                {
                    ("api", "port"): port,
                    ("api", "threads"): 8,
                    ("database", "connection"): databases.url_of(database),
                    ("engine", "lease_seconds"): 1.0,
                    ("engine", "poll_seconds"): 0.05,
                    ("inventory", "sync_interval"): 0.5,
                    ("events", "admin_project_id"): "operators",
                    ("events", "service_user_id"): "service-user",
                    ("events", "batch"): 20,
                    **options,
                }
            )
        )
        if way == "beside":
            done = processes.run(
                "craton-maintenance", "db", "upgrade", "--config-file", str(self._file)
            )
            assert done.returncode == 0, done.stderr
            deployment.stock(database, _FLEET)

    def start(self, role: str) -> None:
        """Start a process; what it says goes to a file."""
        command = (
            [processes.command("craton-maintenance"), "serve", "--simulate"]
            if role == "serve"
            else [processes.command(f"craton-maintenance-{role}")]
        )
        with (self._folder / f"{role}.log").open("ab") as log:
            self._running[role] = subprocess.Popen(
                [*command, "--config-file", str(self._file)],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def check(self) -> None:
        """
        :raises AssertionError: a process has ended by itself
        """
        for role, process in self._running.items():
            assert process.poll() is None, f"{role} ended by itself:\n{self.said(role)}"

    def kill(self, roles: Sequence[str]) -> None:
        """SIGKILL to all of these, one right after the other."""
        self.check()
        for role in roles:
            self._running[role].kill()
        for role in roles:
            self._running[role].wait()

    def stop(self) -> None:
        """SIGTERM to all; each has to end in good order.

        :raises AssertionError: one did not
        """
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for role, process in self._running.items():
            assert process.wait(_GRACE) == 0, f"{role} did not end well:\n{self.said(role)}"

    def said(self, role: str) -> str:
        """The end of what a role's processes have said."""
        return (self._folder / f"{role}.log").read_text(errors="replace")[-4000:]

    def end(self) -> None:
        """Leave nothing running, whatever has happened."""
        for process in self._running.values():
            if process.poll() is None:
                process.kill()
                process.wait()


@contextlib.contextmanager
def installed(
    way: str, folder: pathlib.Path, options: Mapping[tuple[str | None, str], object]
) -> Iterator[Installation]:
    """An installation that is ready to be started, and gone at the end."""
    with (
        databases.empty(WAYS[way][0], folder) as url,
        databases.connected(url) as database,
    ):
        made = Installation(way, database, folder, options)
        try:
            yield made
        finally:
            made.end()


def _text(options: Mapping[tuple[str | None, str], object]) -> str:
    lines = []
    for (group, name), value in options.items():
        shown = ",".join(value) if isinstance(value, list) else value
        lines.append(f"[{group or 'DEFAULT'}]\n{name} = {shown}\n")
    return "".join(lines)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
