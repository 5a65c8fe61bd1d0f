"""The WSGI server of ``serve`` and of the API process: cheroot, a fixed number of threads."""

import ipaddress
import socket
import threading

import flask
from cheroot import wsgi
from oslo_config import cfg

from craton_maintenance.db.database import NotFit

#: Connections that are kept for further requests.
_KEPT_ALIVE = 500


class Server:
    """Serves the application until it is stopped."""

    def __init__(self, app: flask.Flask, conf: cfg.ConfigOpts) -> None:
        """
        :raises NotFit: no authentication, on an address that others can reach
        """
        host, port = conf.api.host, conf.api.port
        if conf.api.auth == "none" and not _is_loopback(host):
            raise NotFit(
                f"without authentication only a loopback address is served, not {host}: set "
                "--auth local or --auth keystone"
            )
        self._app = app
        self._server = wsgi.Server(
            (host, port),
            app,
            numthreads=conf.api.threads,
            server_name="craton-maintenance",
            request_queue_size=256,
            timeout=30,
            shutdown_timeout=10,
        )
        # beyond it connections are closed after each answer; those that are idle hold no thread
        self._server.keep_alive_conn_limit = _KEPT_ALIVE
        # the application refuses what is beyond max_body, in our words; what is far beyond
        # it does not even get there
        self._server.max_request_body_size = 16 * conf.api.max_body
        self._thread: threading.Thread | None = None

    def start(self) -> tuple[str, int]:
        """Listen; requests are answered in the background from now on.

        :returns: the address, with the port that was given where 0 was asked for
        :raises OSError: the address can't be listened on
        """
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)
        self._thread.start()
        address = self._server.bind_addr
        return str(address[0]), int(address[1])

    def stop(self) -> None:
        """Answer what was begun, send waiting readers home, and end."""
        self._app.extensions["maintenance-waiting"].close()
        self._server.stop()
        if self._thread is not None:
            self._thread.join(10)


def _is_loopback(host: str) -> bool:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address)).is_loopback for address in found)
