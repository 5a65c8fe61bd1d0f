"""The commands, as people type them: by Keystone's catalogue, with nothing else configured."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from . import stack
from .conftest import REASON
from .parties import Party

pytestmark = pytest.mark.cloud

_BIN = pathlib.Path(sys.executable).parent


def typed(party: Party, *words: str) -> str:
    """A command's output, as a member of the party."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    done = subprocess.run(
        [str(_BIN / words[0]), *words[1:]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=inherited
        | {
            "OS_AUTH_URL": stack.AUTH_URL,
            "OS_USERNAME": party.user,
            "OS_PASSWORD": stack.PASSWORD,
            "OS_PROJECT_ID": party.project_id,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": stack.REGION,
            "OS_IDENTITY_API_VERSION": "3",
        },
    )
    party.ledger.add(" ".join(words), (done.stdout + done.stderr).encode())
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("craton-maintenance",), id="craton-maintenance"),
        pytest.param(("openstack", "maintenance"), id="openstack"),
    ],
)
def test_set_look_and_cancel(command, operator, alpha, beta, hosts, fleet, windows):
    made = json.loads(
        typed(
            operator,
            *(*command, "window", "set", "--aggregate", "agg-a", "--start", "+2h"),
            *("--duration", "90m", "--reason", REASON, "--announcement", "new disks"),
            *("-f", "json"),
        )
    )
    windows.append(made["id"])
    for party in (alpha, beta):
        listed = json.loads(typed(party, *command, "window", "list", "-f", "json"))
        assert made["id"] in [row["ID"] for row in listed]
        mine = next(server for server in fleet[party.name] if server.host in hosts[:3])
        host_id = stack.host_id(party.project_id, mine.host)
        found = typed(party, *command, "link", "show", "--host-id", host_id, "-f", "json")
        assert made["id"] in found
    assert made["id"] in typed(operator, *command, "link", "show", hosts[0], "-f", "json")
    typed(operator, *command, "window", "cancel", made["id"])
    state = operator.api.get(f"/maintenance-windows/{made['id']}")["state"]
    assert state == "cancelled"
