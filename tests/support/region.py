"""A simulated cloud as sessions see it: our Nova adapters over it, and every call counted."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from novaclient import client as nova_client

from craton_maintenance import simcloud
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.steps import Outcome, Step, StepKind
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.credentials import Region
from craton_maintenance.workflow.steps import perform
from tests.functional.deployment import configure

REGION = "RegionOne"


class Calls(list[str]):
    """The calls to Nova and Placement, as ``GET /servers/{server}``."""

    @property
    def writes(self) -> list[str]:
        return [call for call in self if not call.startswith("GET")]


class Stage:
    """A cloud with a clock that only the test moves."""

    def __init__(
        self, folder: Path, fleet: simcloud.Fleet | None = None, retries: int = 0, **settings: Any
    ) -> None:
        """
        :param settings: of the cloud, such as ``max_microversion``
        """
        settings.setdefault("timing", simcloud.Timing(record_lag=0.0))
        self.clock = simcloud.VirtualClock()
        self.cloud = simcloud.Cloud(
            fleet, clock=self.clock, seed=1, settings=simcloud.Settings(**settings)
        )
        conf = configure(folder, "sqlite:///unused", nova_read_retries=retries)
        self.region = Region(REGION, self.session, REGION, "public")
        self.nova = Cloud(conf, self.region)

    def session(self, user: str = "maintenance") -> Any:
        return simcloud.session(self.cloud, user)

    @functools.cached_property
    def admin(self) -> Any:
        """Somebody else with an administrator's rights."""
        version = min(self.cloud.settings.max_microversion, 87)
        return nova_client.Client(f"2.{version}", session=self.session("admin"))

    def id(self, name: str) -> str:
        return self.cloud.server_named(name).id

    def server(self, name: str) -> Any:
        return self.cloud.server_named(name)

    def fault(self, **fault: Any) -> simcloud.Fault:
        """Have calls fail."""
        self.cloud.faults.append(simcloud.Fault(**fault))
        return self.cloud.faults[-1]

    @contextlib.contextmanager
    def calls(self) -> Iterator[Calls]:
        """What Nova and Placement are asked from now on, until the end of the block."""
        found = Calls()
        before = self.cloud.calls[-1].number if self.cloud.calls else 0
        yield found
        for call in self.cloud.calls:
            if call.number > before and call.service in ("compute", "placement"):
                action = f" {call.action}" if call.action else ""
                found.append(f"{call.method} {call.template}{action}")

    def do(
        self,
        kind: StepKind,
        host: str = "a1",
        server: str | None = None,
        again: bool = False,
        **params: Any,
    ) -> Outcome:
        """Do a step.

        :param server: its name, or its id
        """
        with contextlib.suppress(KeyError):
            server = server and self.id(server)
        step = Step(1, kind, HostKey(REGION, host), server, params)
        return perform(self.nova, step, again)
