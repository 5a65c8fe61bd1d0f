"""A simulated cloud on a TCP port."""

import threading
from types import TracebackType

from cheroot import wsgi
from keystoneauth1.session import Session

from craton_maintenance.simcloud import transport
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.wsgi import create_app

_TICK = 0.2


class SimCloudServer:
    """Context manager that serves a cloud by threads until it is left.

    A thread of its own lets transitions happen, and notifications go out, when nobody calls.
    """

    def __init__(
        self, cloud: Cloud, host: str = "127.0.0.1", port: int = 0, threads: int = 8
    ) -> None:
        self.cloud = cloud
        self._server = wsgi.Server((host, port), create_app(cloud), numthreads=threads)
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, name="simcloud", daemon=True),
            threading.Thread(target=self._tick, name="simcloud-clock", daemon=True),
        ]

    @property
    def url(self) -> str:
        """Root of all its services."""
        host, port = self._server.bind_addr[:2]
        return f"http://{host}:{port}"

    @property
    def auth_url(self) -> str:
        """What OS_AUTH_URL is to be."""
        return f"{self.url}/identity/v3"

    def session(self, user: str = "admin", project: str | None = None) -> Session:
        """A keystoneauth session of a user of the fleet, over TCP."""
        return Session(auth=transport.auth(self.cloud, user, project, self.auth_url))

    def start(self) -> None:
        """Listen, and return; OSError if the port is taken."""
        self._server.prepare()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Answer what has arrived, then end."""
        self._ended.set()
        self._server.stop()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "SimCloudServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        self._server.serve()

    def _tick(self) -> None:
        while not self._ended.wait(_TICK):
            self.cloud.settle()
