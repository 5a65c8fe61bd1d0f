"""Who listens, by the real Aodh; and the alarm that etc/heat has for projects."""

import datetime as dt
import json
import os
import pathlib
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from . import bus, stack
from .test_commands import typed

pytestmark = pytest.mark.cloud

SCHEDULED = "maintenance.scheduled"

_TEMPLATE = pathlib.Path(__file__).parents[2] / "etc" / "heat" / "maintenance-alarm.yaml"


@pytest.fixture
def alarms(alpha, beta) -> Iterator[dict[str, stack.Alarms]]:
    """Aodh as each project's member; what a test makes goes with it."""
    made = {party.name: stack.Alarms(party.session) for party in (alpha, beta)}
    yield made
    for one in made.values():
        one.delete_made()


def _of(found: dict[str, Any], party) -> dict[str, Any]:
    (one,) = [one for one in found["projects"] if one["project_id"] == party.project_id]
    return one


def test_only_projects_with_an_alarm_that_rings_listen(
    operator, alpha, beta, alarms, fleet, installation, hosts, subscribers, windows
):
    """The alarms of the tests are on windows; of notices nobody has one until it is made."""
    found = operator.api.get("/listeners")
    assert [(one["region"], one["status"]) for one in found["aodh"]] == [(stack.REGION, "read")]
    for party in (alpha, beta):
        shown = _of(found, party)
        assert shown["listens"] == "yes"
        assert SCHEDULED not in shown["hears"]
        assert {"maintenance.window.created", "maintenance.window.opened"} <= set(shown["hears"])
    start = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
    body = {"hosts": [hosts[0], hosts[3]], "maintenance_at": start.isoformat()}
    made = operator.api.request("POST", "/maintenance", 200, body).json()
    try:
        path = f"/maintenance/{made['session_id']}/listeners"
        found = operator.api.get(path)
        assert [_of(found, party)["listens"] for party in (alpha, beta)] == ["no", "no"]
        alarm = alarms["beta"].create("listens", "maintenance.sch?duled", "http://127.0.0.1:1/x")
        query = [{"field": "traits.state", "op": "eq", "type": "string", "value": "SCALE_IN"}]
        alarms["alpha"].create("some", SCHEDULED, "http://127.0.0.1:1/x", query)
        found = operator.api.get(path)
        assert _of(found, beta)["hears"] == [SCHEDULED]
        assert (_of(found, alpha)["listens"], _of(found, alpha)["may_hear"]) == (
            "maybe",
            [SCHEDULED],
        )
        alarms["beta"].disable(alarm)
        assert _of(operator.api.get(path), beta)["listens"] == "no"
        window = f"/maintenance-windows/{made['window_id']}/listeners"
        assert operator.api.get(window) == operator.api.get(path)
        for party in (alpha, beta):
            for what in ("/listeners", path, window):
                party.api.request("GET", what, 403)
    finally:
        operator.api.request("DELETE", f"/maintenance/{made['session_id']}", 200)


@pytest.mark.parametrize("command", [("craton-maintenance",), ("openstack", "maintenance")])
def test_the_commands(command, operator, alpha, fleet, installation, subscribers):
    listed = json.loads(typed(operator, *command, "listener", "list", "-f", "json"))
    assert alpha.project_id in [row["Project"] for row in listed if row["Listens"] == "yes"]


# -- the alarm for Heat --------------------------------------------------------------


def _in_heat(party, **parameters: str) -> subprocess.CompletedProcess[str]:
    """What Heat's own code makes of the template, as a member of the party."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return subprocess.run(
        [
            "/usr/bin/python3",
            str(pathlib.Path(__file__).with_name("heat_validate.py")),
            str(_TEMPLATE),
            json.dumps(parameters),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={name: value for name, value in plain.items() if not name.startswith("PYTHON")}
        | {
            "OS_AUTH_URL": stack.AUTH_URL,
            "OS_USERNAME": party.user,
            "OS_PASSWORD": stack.PASSWORD,
            "OS_PROJECT_ID": party.project_id,
            "OS_REGION_NAME": stack.REGION,
        },
    )


def test_the_template_is_what_heat_takes_and_its_alarm_rings(
    alpha, alarms, listener, sender, service_user
):
    path = f"/heat/{uuid.uuid4()}"
    done = _in_heat(alpha, url=listener.url + path, state="PLANNED_MAINTENANCE")
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout.splitlines()[-1])["alarm"]
    alarms["alpha"].make(body | {"name": "heat"})
    marks = [str(uuid.uuid4()) for _ in range(2)]
    # of two notices it is told of the second alone
    for mark, state in zip(marks, ("MAINTENANCE", "PLANNED_MAINTENANCE"), strict=True):
        sender.send(
            SCHEDULED,
            {"project_id": alpha.project_id, "state": state, "session_id": mark},
            bus.context(alpha.project_id, service_user),
        )
    listener.wait(path, lambda post: True, "the alarm of the template")
    assert [post.traits["session_id"] for post in listener.posts(path)] == marks[1:]


@pytest.mark.parametrize("parameters", [{}, {"url": "ftp://manager.example.org"}])
def test_heat_refuses_what_the_template_does_not_allow(alpha, parameters):
    done = _in_heat(alpha, **parameters)
    assert done.returncode == 1
    assert "url" in done.stderr.splitlines()[-1]
