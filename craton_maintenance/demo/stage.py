"""The embedded parts: a simulated cloud, and the whole service, on loopback."""

import contextlib
import pathlib
import socket
import tempfile
import threading
from collections.abc import Iterator

from keystoneauth1 import adapter

from craton_maintenance import conf as configuration
from craton_maintenance import simcloud
from craton_maintenance.api.app import create_app
from craton_maintenance.api.server import Server
from craton_maintenance.cli.client import Client
from craton_maintenance.cli.serve import simulated
from craton_maintenance.db import migrate
from craton_maintenance.demo.controller import Controller
from craton_maintenance.engine.engine import Engine
from craton_maintenance.service import Service

#: Seconds that a project has to say what happens to its servers.
REPLY_SECONDS = 2.0

_CONFIGURATION = """\
[DEFAULT]
default_log_levels = keystonemiddleware=ERROR
[api]
auth = keystone
host = 127.0.0.1
port = {port}
[database]
connection = sqlite:///{folder}/demo.sqlite
[engine]
poll_seconds = 0.05
[events]
bus = false
[inventory]
sync_interval = 0.5
[sessions]
flows_file = {folder}/flows.yaml
state_dir = {folder}/steps
reply_actions = {reply_seconds}
retry_pause = 0.2
watch_seconds = 0.1
[keystone_authtoken]
auth_type = password
auth_url = {auth_url}
www_authenticate_uri = {auth_url}
username = maintenance
password = secret
user_domain_name = Default
project_name = service
project_domain_name = Default
"""

#: The catalogue of flows: the work on a host.
_FLOWS = """\
flows:
  - name: firmware
    description: Update the firmware by the controller of the racks
    for: host
    host:
      - plugin: http
        options: {{url: "http://127.0.0.1:{port}/firmware/{{host}}", repeat: safe}}
"""

#: Real clouds are slower; nobody wants to watch that.
_TIMING = {
    "boot": 0.6,
    "cold_fixed": 0.3,
    "confirm": 0.2,
    "live_fixed": 0.4,
    "live_mb_per_s": 16384,
    "record_lag": 0.2,
    "report_interval": 0.5,
}


class Stage:
    """What the story is played on."""

    def __init__(self, cloud: simcloud.SimCloudServer, controller: Controller, url: str) -> None:
        self.cloud = cloud
        self.controller = controller
        self.url = url

    def client(self, user: str) -> Client:
        """The service's API as a user of the cloud, with a Keystone token."""
        session = self.cloud.session(user)
        return Client(adapter.Adapter(session, service_type="maintenance"), self.url)


@contextlib.contextmanager
def embedded() -> Iterator[Stage]:
    """Everything, running; gone afterwards."""
    fleet = simcloud.demo_fleet().add_server("web-4", "web", "host-b1", "small")
    fleet.settings["timing"] = _TIMING
    with (
        tempfile.TemporaryDirectory(prefix="craton-maintenance-") as name,
        simcloud.SimCloudServer(simcloud.Cloud(fleet)) as cloud,
        _controller() as controller,
    ):
        folder = pathlib.Path(name)
        conf = configuration.load([str(_configured(folder, cloud, controller))])
        service = Service(conf)
        migrate.upgrade(service.database)
        server = Server(create_app(service), conf)
        engine = Engine(service, [simulated(cloud)], may_create=True)
        server.start()
        engine.start()
        try:
            yield Stage(cloud, controller, service.public_url)
        finally:
            engine.stop()
            server.stop()
            service.database.dispose()


def _configured(
    folder: pathlib.Path, cloud: simcloud.SimCloudServer, controller: Controller
) -> pathlib.Path:
    (folder / "flows.yaml").write_text(_FLOWS.format(port=controller.bind_addr[1]))
    file = folder / "demo.conf"
    file.write_text(
        _CONFIGURATION.format(
            port=_free_port(),
            folder=folder,
            auth_url=cloud.auth_url,
            reply_seconds=REPLY_SECONDS,
        )
    )
    return file


@contextlib.contextmanager
def _controller() -> Iterator[Controller]:
    controller = Controller()
    controller.prepare()
    thread = threading.Thread(target=controller.serve, name="controller", daemon=True)
    thread.start()
    try:
        yield controller
    finally:
        controller.stop()
        thread.join()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
