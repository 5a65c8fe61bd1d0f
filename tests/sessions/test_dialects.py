"""Whole sessions with application managers in the three dialects that are in the field.

They hear what Aodh and Ceilometer leave of our notices, and answer as they always have.
"""

import datetime as dt

import pytest

from tests.sessions.dialects import MOMENT, Sample, Tacker, Vnfm, alarm
from tests.sessions.scene import fleet_of

#: Each project's two servers fill a host but for one place, so somebody has to need less.
TIGHT = {"h1": ["s1", "s2", "s3"], "h2": ["s4", "s5", "s6"]}


def play(scene, manager, workflow, hosts):
    """A session from its request to its deletion, as their test of acceptance has it."""
    world = scene(hosts)
    app = manager(world, "app")
    world.events_to["app"] = app.hear
    if hasattr(app, "register"):
        app.register()
    at = (world.now + dt.timedelta(seconds=30)).strftime("%Y-%m-%d %H:%M:%S")
    request = {
        "state": "MAINTENANCE",
        "maintenance_at": at,
        "metadata": {"openstack_version": "Train"},
        "workflow": workflow,
        "hosts": [],
    }
    answer = world.operator.post("/v1/maintenance", request)
    assert answer.status_code == 200
    session = answer.json["session_id"]
    states = []

    def over():
        answer = world.operator.get(f"/v1/maintenance/{session}")
        assert answer.status_code == 200
        states.append(answer.json["state"])
        return states[-1] in ("MAINTENANCE_DONE", "MAINTENANCE_FAILED")

    world.run(over)
    assert states[-1] == "MAINTENANCE_DONE", world.detail(session)
    assert world.operator.delete(f"/v1/maintenance/{session}").status_code == 200
    assert world.disabled() == {}
    # nobody had to be waited for
    statuses = {one["status"] for one in world.detail(session)["notices"]}
    assert statuses <= {"answered", "information"}
    return world, app, session


@pytest.mark.parametrize(
    ("manager", "workflow"), [(Sample, "default"), (Vnfm, "vnf"), (Tacker, "vnf")]
)
def test_a_rolling_maintenance_with_an_empty_host(scene, manager, workflow):
    hosts = {"h1": ["s1", "s2"], "h2": ["s3"], "h3": []}
    world, app, session = play(scene, manager, workflow, hosts)
    assert list(dict.fromkeys(app.states)) == [
        "MAINTENANCE",
        "PLANNED_MAINTENANCE",
        "INSTANCE_ACTION_DONE",
        "MAINTENANCE_COMPLETE",
    ]
    # each server moved once, cold, as it was answered
    for name in ("s1", "s2", "s3"):
        assert world.moves_of(name) == ["migration"]
    assert app.states.count("INSTANCE_ACTION_DONE") == 3
    assert app.scaled == ["+"]
    by_hand = [one for one in world.detail(session)["servers"] if one["action"] != "MIGRATE"]
    assert by_hand == []
    if isinstance(app, Vnfm):
        app.withdraw()
        assert world.member("app").get(f"/v1/instance/{min(app.own)}").status_code == 404


@pytest.mark.parametrize(
    ("manager", "workflow"), [(Sample, "default"), (Vnfm, "vnf"), (Tacker, "vnf")]
)
def test_a_full_cloud_where_the_application_needs_less_for_a_while(scene, manager, workflow):
    world, app, _ = play(scene, manager, workflow, TIGHT)
    order = list(dict.fromkeys(app.states))
    assert order[:3] == ["MAINTENANCE", "SCALE_IN", "PREPARE_MAINTENANCE"]
    assert order[-1] == "MAINTENANCE_COMPLETE"
    # once for each notice: nothing is sent twice that makes it shrink twice
    assert app.scaled.count("+") == 1
    assert (
        len(app.scaled) - 1 == app.states.count("SCALE_IN") == len(world.told("app", "SCALE_IN"))
    )
    assert len(world.cloud.servers) == 6 - app.states.count("SCALE_IN") >= 4


FLOWS = """
flows:
%s
"""


def test_what_aodh_passes_on_can_be_read_whatever_there_is_to_say(scene, tmp_path):
    flow = (
        "  - {name: a-flow-with-quite-a-long-name-%d, description: moves, for: server, "
        "steps: [live_migrate]}"
    )
    file = tmp_path / "flows.yaml"
    file.write_text(FLOWS % "\n".join(flow % index for index in range(12)))
    many = [f"a-server-with-rather-a-long-name-{index}" for index in range(12)]
    world = scene(
        fleet_of({"h1": many, "h2": []}, vcpus=16),
        sessions={"flows_file": str(file)},
        api={"public_url": f"http://{'x' * 110}/v1"},
    )
    passed = []
    world.events_to["app"] = lambda event: passed.append(alarm(event))
    metadata = {f"capability-{index}": "x" * 40 for index in range(3)} | {"it's": '"new"'}
    session = world.start(hosts=["h1"], workflow="vnf", metadata=metadata)
    world.finish(session)
    assert len(passed) > 24
    for one in passed:
        traits = {name: value for name, _, value in one["reason_data"]["event"]["traits"]}
        asked = traits["state"] != "INSTANCE_ACTION_DONE"
        # each is whole, in both ways of reading that are in use
        found = {}
        for name, value in traits.items():
            if "[" in value or "{" in value:
                found[name] = Sample.read(value)
                assert found[name] == Tacker.read(value)
        assert found["metadata"] == (metadata if asked else {})
        assert ("MIGRATE" in found["allowed_actions"]) == (
            traits["state"] == "PLANNED_MAINTENANCE"
        )
        for name in ("actions_at", "reply_at"):
            assert name not in traits or MOMENT.fullmatch(traits[name])
        assert ("reply_at" in traits) == asked
        # and whoever wants to know of the flows reads them there
        assert traits["project_id"] == world.project("app")
        path = "/v1" + traits["reply_url"].partition("/v1")[2]
        assert world.member("app").get(path).status_code == 200
