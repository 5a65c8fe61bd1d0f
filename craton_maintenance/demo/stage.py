"""The embedded parts: a simulated cloud, and the whole service, on loopback."""

import contextlib
import pathlib
import socket
import tempfile
from collections.abc import Iterator

from keystoneauth1 import adapter

from craton_maintenance import conf as configuration
from craton_maintenance import simcloud
from craton_maintenance.api.app import create_app
from craton_maintenance.api.server import Server
from craton_maintenance.cli.client import Client
from craton_maintenance.cli.serve import simulated
from craton_maintenance.db import migrate
from craton_maintenance.engine.engine import Engine
from craton_maintenance.service import Service

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


class Stage:
    """What the story is played on."""

    def __init__(self, cloud: simcloud.SimCloudServer, url: str) -> None:
        self.cloud = cloud
        self.url = url

    def client(self, user: str) -> Client:
        """The service's API as a user of the cloud, with a Keystone token."""
        session = self.cloud.session(user)
        return Client(adapter.Adapter(session, service_type="maintenance"), self.url)


@contextlib.contextmanager
def embedded() -> Iterator[Stage]:
    """Everything, running; gone afterwards."""
    fleet = simcloud.demo_fleet()
    # a server is to be moved between two windows of a few seconds
    fleet.settings["timing"] = {"live_fixed": 0.3, "live_mb_per_s": 32768}
    with (
        tempfile.TemporaryDirectory(prefix="craton-maintenance-") as folder,
        simcloud.SimCloudServer(simcloud.Cloud(fleet)) as cloud,
    ):
        file = pathlib.Path(folder, "demo.conf")
        file.write_text(
            _CONFIGURATION.format(port=_free_port(), folder=folder, auth_url=cloud.auth_url)
        )
        conf = configuration.load([str(file)])
        service = Service(conf)
        migrate.upgrade(service.database)
        server = Server(create_app(service), conf)
        engine = Engine(service, [simulated(cloud)], may_create=True)
        server.start()
        engine.start()
        try:
            yield Stage(cloud, service.public_url)
        finally:
            engine.stop()
            server.stop()
            service.database.dispose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
