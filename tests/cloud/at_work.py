"""The work on a host, as a host action runs it: writes down what is there at that moment."""

import json
import os
import sys
import time
from typing import Any

from . import stack


def look(host: str) -> dict[str, Any]:
    """What Nova and Placement say is on a host."""
    admin = stack.session("admin", project="admin")
    nova = stack.Service(admin, "compute", stack.NOVA_VERSION)
    placement = stack.Service(admin, "placement", stack.PLACEMENT_VERSION)
    (service,) = nova.get(f"/os-services?binary=nova-compute&host={host}")["services"]
    servers = nova.get(f"/servers/detail?all_tenants=1&host={host}")["servers"]
    migrations = nova.get(f"/os-migrations?host={host}")["migrations"]
    (provider,) = placement.get(f"/resource_providers?name={host}")["resource_providers"]
    held = placement.get(f"/resource_providers/{provider['uuid']}/allocations")["allocations"]
    return {
        "status": service["status"],
        "reason": service["disabled_reason"],
        "servers": [server["id"] for server in servers],
        "migrations": [one["id"] for one in migrations if one["status"] not in stack.SETTLED],
        "allocations": sorted(held),
    }


def main() -> None:
    host = os.environ["MAINTENANCE_HOST"]
    found = {
        "host": host,
        "session": os.environ["MAINTENANCE_SESSION"],
        "at": time.time(),
        **look(host),
    }
    with open(sys.argv[1], "a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
