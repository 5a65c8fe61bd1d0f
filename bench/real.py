"""The cloud of tools/testcloud, for benches that need a real Nova or a real Aodh."""

import socket
import urllib.parse
import uuid

import pytest
from keystoneauth1 import exceptions
from keystoneauth1.session import Session

from tests.cloud import stack


def needed() -> Session:
    """The cloud's admin; skips where the cloud does not run.

    :raises pytest.skip.Exception: it does not run
    """
    parsed = urllib.parse.urlsplit(stack.AUTH_URL)
    try:
        socket.create_connection((parsed.hostname or "", parsed.port or 80), timeout=3).close()
        admin = stack.session("admin", project="admin")
        admin.get_token()
    except (OSError, exceptions.ClientException) as error:
        pytest.skip(f"the cloud of tools/testcloud does not run ({error}): tools/testcloud/up.sh")
    return admin


def needed_service(admin: Session, service_type: str) -> str:
    """The address of one of its services.

    :raises pytest.skip.Exception: the cloud runs without it
    """
    try:
        url = admin.get_endpoint(service_type=service_type, region_name=stack.REGION)
        admin.get(str(url), authenticated=False, timeout=5)
    except exceptions.ClientException as error:
        pytest.skip(f"the cloud of tools/testcloud runs without {service_type} ({error})")
    return str(url)


def name() -> str:
    """Of something that a bench makes."""
    return f"maintenance-bench-{uuid.uuid4().hex[:8]}"


def environment() -> dict[str, str]:
    """Variables by which our processes find the cloud, as the service's own user."""
    return {
        "OS_AUTH_URL": stack.AUTH_URL,
        "OS_USERNAME": "maintenance",
        "OS_PASSWORD": stack.PASSWORD,
        "OS_PROJECT_NAME": "service",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": stack.REGION,
        "OS_IDENTITY_API_VERSION": "3",
    }
