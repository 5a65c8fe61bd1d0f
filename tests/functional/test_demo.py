"""The demo is what a newcomer sees first: it has to work, and to say when it does not."""

import io

import pytest

from craton_maintenance.demo import stage, story


def test_the_demo_ends_well():
    out = io.StringIO()
    with stage.embedded() as running:
        checked = story.Story(running, out).tell()
    assert len(checked) == 6
    lines = out.getvalue()
    for said in (
        "telco-control-3: chooses LIVE_MIGRATE",
        "telco-media-2: chooses OWN_ACTION",
        "web-batch: says nothing",
        "waits: BUDGET, group web-front",
        "host-b1   is proved empty",
        "session   MAINTENANCE_DONE, 100 % done",
    ):
        assert said in lines


def test_it_fails_when_somebody_disables_a_host_meanwhile():
    out = io.StringIO()
    with stage.embedded() as running:
        told = story.Story(running, out)
        with running.cloud.cloud.lock:
            host = running.cloud.cloud.hosts["host-a1"]
            host.disabled, host.disabled_reason = True, "somebody's"
        with pytest.raises(story.Failed, match="host-a1 at the end"):
            told.tell()
