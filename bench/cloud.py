"""A simulated cloud in a process of its own: ``python -m bench.cloud HOSTS SERVERS PROJECTS``."""

import contextlib
import sys
import threading
from collections.abc import Iterator

from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from bench import stage
from craton_maintenance import simcloud
from craton_maintenance.nova.credentials import Region


@contextlib.contextmanager
def running(hosts: int, servers: int, projects: int) -> Iterator[str]:
    """:returns: its Keystone's address"""
    arguments = [str(number) for number in (hosts, servers, projects)]
    with stage.process(sys.executable, "-m", "bench.cloud", *arguments, says="http") as started:
        yield started.ready  # type: ignore[attr-defined]


def session(auth_url: str) -> Session:
    """As the service's own user."""
    return Session(
        auth=v3.Password(
            auth_url=auth_url,
            username="maintenance",
            password="secret",
            project_name="service",
            user_domain_name="Default",
            project_domain_name="Default",
        ),
        timeout=300,
    )


def region(auth_url: str) -> Region:
    return Region(stage.REGION, lambda: session(auth_url), stage.REGION, "public")


def environment(auth_url: str) -> dict[str, str]:
    """What ``serve`` finds the cloud by."""
    return {
        "OS_AUTH_URL": auth_url,
        "OS_USERNAME": "maintenance",
        "OS_PASSWORD": "secret",
        "OS_PROJECT_NAME": "service",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": stage.REGION,
        "OS_INTERFACE": "public",
    }


def _main() -> None:
    hosts, servers, projects = map(int, sys.argv[1:])
    cloud = simcloud.Cloud(simcloud.large_fleet(hosts, servers, projects))
    with simcloud.SimCloudServer(cloud) as server:
        print(server.auth_url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    _main()
