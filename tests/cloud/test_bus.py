"""What Aodh and Mistral need of a notification: the form that the service has to keep to.

Made by hand, without the service: these say where to look when a window does not fire.
"""

import uuid

import pytest

from . import bus
from .conftest import CREATED
from .parties import PROBE

pytestmark = pytest.mark.cloud


def test_the_project_in_payload_and_context_alone_is_told(
    alpha, beta, subscribers, sender, service_user
):
    first, second = (f"{PROBE}-{uuid.uuid4()}" for _ in range(2))
    for window_id, party in ((first, alpha), (second, beta)):
        message_id = sender.send(
            CREATED,
            {"project_id": party.project_id, "window_id": window_id},
            bus.context(party.project_id, service_user),
        )
        assert party.wait_alarm(window_id, CREATED).event["message_id"] == message_id
        assert party.wait_workflow(window_id).body["project_id"] == party.project_id
    for silent, window_id in ((beta, first), (alpha, second)):
        assert window_id not in {
            post.traits["window_id"] for post in silent.listener.posts(silent.alarm_path)
        }
        assert window_id not in {
            post.body["window_id"] for post in silent.listener.posts(silent.workflow_path)
        }


def test_the_context_decides_for_both(alpha, beta, subscribers, sender, service_user):
    """Aodh looks at the trait tenant_id last, and Ceilometer takes it from the context."""
    odd, marker = (f"{PROBE}-{uuid.uuid4()}" for _ in range(2))
    sender.send(
        CREATED,
        {"project_id": alpha.project_id, "window_id": odd},
        bus.context(beta.project_id, service_user),
    )
    beta.wait_alarm(odd, CREATED)
    beta.wait_workflow(odd)
    sender.send(
        CREATED,
        {"project_id": alpha.project_id, "window_id": marker},
        bus.context(alpha.project_id, service_user),
    )
    alpha.wait_alarm(marker, CREATED)
    alpha.wait_workflow(marker)
    assert odd not in {post.body["window_id"] for post in alpha.listener.posts("/mistral/alpha")}
    assert odd not in {post.traits["window_id"] for post in alpha.listener.posts("/aodh/alpha")}


def test_what_reaches_a_workflow_and_an_alarm(alpha, subscribers, sender, service_user):
    window_id = f"{PROBE}-{uuid.uuid4()}"
    payload = {
        "service": "craton-maintenance",
        "project_id": alpha.project_id,
        "window_id": window_id,
        "window_url": f"http://127.0.0.1:1/v1/maintenance-windows/{window_id}",
        "state": "scheduled",
        "revision": 1,
        "start": "2030-01-31T22:00:00Z",
        "impact": "OUTAGE",
        "cause": "OPERATOR",
        "servers_count": 2,
        "servers": [str(uuid.uuid4()), str(uuid.uuid4())],
    }
    sender.send(CREATED, payload, bus.context(alpha.project_id, service_user))
    assert alpha.wait_workflow(window_id).body["payload"] == payload
    traits = alpha.wait_alarm(window_id, CREATED).traits
    assert traits["service"].startswith("craton-maintenance")
    lists = {"servers": str(payload["servers"])}
    for name, value in payload.items():
        if name != "service":
            assert traits[name] == lists.get(name, str(value))
