"""python -m craton_maintenance.simcloud: serve a simulated cloud until interrupted."""

import argparse
import signal
import sys
import threading

from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.fleet import Fleet, FleetError, demo_fleet
from craton_maintenance.simcloud.server import SimCloudServer

_HELLO = """{name} serves at {url}
export OS_AUTH_URL={auth_url} OS_IDENTITY_API_VERSION=3
export OS_USERNAME=admin OS_PASSWORD=secret OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default OS_REGION_NAME={region}
"""


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 1 if the fleet is none or the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m craton_maintenance.simcloud", description="A simulated OpenStack cloud."
    )
    parser.add_argument("fleet", nargs="?", help="YAML file; a demo fleet without")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, default=8774, help="0: any that is free")
    parser.add_argument("--seed", type=int, default=0, help="of what is left to chance")
    chosen = parser.parse_args(arguments)
    try:
        fleet = Fleet.from_yaml(chosen.fleet) if chosen.fleet else demo_fleet()
        cloud = Cloud(fleet, seed=chosen.seed)
        server = SimCloudServer(cloud, chosen.host, chosen.port)
        server.start()
    except (OSError, FleetError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    sys.stdout.write(
        _HELLO.format(
            name=cloud.name, url=server.url, auth_url=server.auth_url, region=cloud.settings.region
        )
    )
    sys.stdout.flush()
    ended.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
