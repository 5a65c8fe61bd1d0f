"""The simulated cloud as the checks use it."""

import pathlib
from typing import Any

from keystoneauth1.session import Session

from craton_maintenance import simcloud

from .clouds import PROJECTS, Cloud, Notification, http

FLEET = pathlib.Path(__file__).with_name("fleet.yaml")


class Simulated(Cloud):
    """On a port, with a clock that only waiting moves."""

    name = "simulated"
    region = "RegionOne"

    def __init__(self) -> None:
        super().__init__()
        self._clock = simcloud.VirtualClock()
        self._cloud = simcloud.Cloud(simcloud.Fleet.from_yaml(FLEET), clock=self._clock, seed=1)
        self._cloud.notify.append(self._hear)
        self._server = simcloud.SimCloudServer(self._cloud)
        self._server.start()

    def _hear(
        self, event_type: str, payload: dict[str, Any], publisher: str, priority: str
    ) -> None:
        self.heard.append(Notification(event_type, payload, publisher, priority))

    def session(self, user: str, project: str | None = None) -> Session:
        auth = simcloud.transport.auth(
            self._cloud, user, project or PROJECTS[user], self._server.auth_url
        )
        return Session(auth=auth, session=http())

    def project_id(self, project: str) -> str:
        return next(p.id for p in self._cloud.projects.values() if p.name == project)

    @property
    def image(self) -> str:
        return "5f0cbdc4-7ef4-4b0e-9a8e-1a4c4a7b1a10"

    def now(self) -> float:
        return self._clock.now()

    def pass_time(self) -> None:
        self._clock.advance(0.1)

    def stop_compute(self, host: str) -> None:
        simcloud.stop_compute(self._cloud, host)

    def start_compute(self, host: str) -> None:
        simcloud.start_compute(self._cloud, host)

    def close(self) -> None:
        self._server.stop()
