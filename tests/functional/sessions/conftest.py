"""A window on two hosts with a session of it, which no engine works on."""

from typing import Any

import pytest

from craton_maintenance.domain.scope import HostKey
from tests.functional.deployment import REGION, Deployment
from tests.support.sessions import Made

A1, A2 = HostKey(REGION, "host-a1"), HostKey(REGION, "host-a2")


@pytest.fixture
def session(deployment: Deployment) -> Made:
    window = deployment.operator.set(hosts=["host-a1", "host-a2"], start=deployment.now_plus(3600))
    return Made(deployment.service, window["id"])


@pytest.fixture
def vnf(deployment: Deployment) -> Made:
    window = deployment.operator.set(hosts=["host-b1", "host-b2"], start=deployment.now_plus(3600))
    return Made(deployment.service, window["id"], "vnf")


@pytest.fixture
def web(deployment: Deployment) -> str:
    return deployment.project("web")


@pytest.fixture
def servers(deployment: Deployment) -> list[str]:
    """Three servers of project web."""
    return sorted(deployment.server(name) for name in ("web-1", "web-2", "web-db"))


@pytest.fixture
def member(deployment: Deployment) -> Any:
    return deployment.member("web")
