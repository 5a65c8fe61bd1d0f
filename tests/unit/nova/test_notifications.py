"""Reading versioned notifications: what is taken, what is left, what is malformed."""

import datetime as dt
import hashlib
from typing import Any

import pytest

from craton_maintenance.nova import notifications
from craton_maintenance.nova.notifications import Gone, Malformed, Placed, ServiceChanged, read

SENT = dt.datetime(2030, 1, 31, 22, tzinfo=dt.UTC)


def versioned(name: str, data: Any) -> dict[str, Any]:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": "1.8",
        "nova_object.data": data,
    }


def instance(**more: Any) -> dict[str, Any]:
    data = {
        "uuid": "3f2b6a34-0000-0000-0000-000000000001",
        "tenant_id": "alpha",
        "display_name": "web",
        "host": "compute-01",
        "state": "active",
        "task_state": None,
    }
    return versioned("InstanceActionPayload", data | more)


def service(**more: Any) -> dict[str, Any]:
    data = {
        "host": "compute-01",
        "binary": "nova-compute",
        "disabled": True,
        "disabled_reason": "rack 7",
        "forced_down": False,
        "last_seen_up": "2030-01-31T21:59:58Z",
        "uuid": "3f2b6a34-0000-0000-0000-000000000002",
        "availability_zone": None,
    }
    return versioned("ServiceStatusPayload", data | more)


@pytest.mark.parametrize(
    "event",
    [
        "create.end",
        "live_migration_post_dest.end",
        "rebuild.end",
        "resize_confirm.end",
        "resize_finish.end",
        "resize_revert.end",
        "unshelve.end",
    ],
)
def test_the_end_of_a_move_says_where_a_server_is(event):
    fact = read(f"instance.{event}", instance(host="compute-02"), SENT)
    assert isinstance(fact, Placed)
    server = fact.server
    assert (server.host, server.project_id, server.name) == ("compute-02", "alpha", "web")
    assert server.status == "ACTIVE"
    assert server.host_id == hashlib.sha224(b"alphacompute-02").hexdigest()


@pytest.mark.parametrize(
    "event",
    [
        "instance.create.start",
        "instance.live_migration_post.end",
        "instance.live_migration_pre.end",
        "instance.live_migration_rollback_dest.end",
        "instance.resize.end",
        "instance.resize.error",
        "instance.update",
        "instance.lock",
        "compute_task.migrate_server.error",
        "scheduler.select_destinations.end",
        "flavor.create",
    ],
)
def test_what_may_name_a_host_that_was_left_is_not_read(event):
    assert read(event, instance(), SENT) is None
    assert read(event, None, SENT) is None


@pytest.mark.parametrize(
    ("state", "status"),
    [("stopped", "SHUTOFF"), ("resized", "VERIFY_RESIZE"), ("rescued", "RESCUE")],
)
def test_a_state_is_shown_as_novas_api_shows_it(state, status):
    fact = read("instance.power_off.end", instance(state=state), SENT)
    assert isinstance(fact, Placed)
    assert fact.server.status == status


def test_an_offloaded_server_is_on_no_host():
    payload = instance(state="shelved_offloaded")
    fact = read("instance.shelve_offload.end", payload, SENT)
    assert isinstance(fact, Placed)
    assert (fact.server.host, fact.server.host_id) == (None, None)
    assert fact.server.status == "SHELVED_OFFLOADED"


def test_a_deletion_is_final_and_a_soft_one_is_not():
    payload = instance(state="deleted", host=None)
    uuid = payload["nova_object.data"]["uuid"]
    assert read("instance.delete.end", payload, SENT) == Gone(uuid, True)
    assert read("instance.soft_delete.end", payload, SENT) == Gone(uuid, False)


def test_a_service_was_disabled():
    expected = ServiceChanged("compute-01", "disabled", "rack 7", False, "up")
    assert read("service.update", service(), SENT) == expected


def test_a_service_was_forced_down():
    payload = service(disabled=False, disabled_reason=None, forced_down=True)
    expected = ServiceChanged("compute-01", "enabled", None, True, "down")
    assert read("service.update", payload, SENT) == expected


@pytest.mark.parametrize("seen", [None, "2030-01-31T21:50:00Z"])
def test_whether_a_silent_service_is_up_is_not_guessed(seen):
    fact = read("service.update", service(last_seen_up=seen), SENT)
    assert isinstance(fact, ServiceChanged)
    assert fact.state is None


def test_other_services_are_of_no_interest():
    assert read("service.update", service(binary="nova-conductor"), SENT) is None


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("instance.create.end", None),
        ("instance.create.end", []),
        ("instance.create.end", {}),
        ("instance.create.end", versioned("InstanceActionPayload", None)),
        ("instance.create.end", instance(host=None)),
        ("instance.create.end", instance(uuid=7)),
        ("instance.create.end", instance(uuid="u" * 37)),
        ("instance.create.end", instance(tenant_id=None)),
        ("instance.create.end", instance(state="dancing")),
        ("instance.create.end", instance(state=["active"])),
        ("instance.delete.end", instance(uuid=None)),
        ("service.update", service(disabled="yes")),
        ("service.update", service(forced_down=None)),
        ("service.update", service(last_seen_up="yesterday")),
        ("service.update", service(host="")),
        ("service.update", {}),
    ],
)
def test_malformed(event, payload):
    with pytest.raises(Malformed):
        read(event, payload, SENT)


def test_times_without_an_offset_are_in_utc():
    assert notifications.time("2030-01-31 22:00:00.000000") == SENT
    assert notifications.time("2030-01-31T23:00:00+01:00") == SENT
    for text in (None, 7, "", "now"):
        with pytest.raises(Malformed):
            notifications.time(text)


@pytest.mark.parametrize(
    ("event", "ends"),
    [
        ("instance.live_migration_post.end", True),
        ("instance.live_migration_rollback.end", True),
        ("instance.resize_finish.end", True),
        ("instance.live_migration_post_dest.end", False),
        ("instance.power_off.end", False),
        ("service.update", False),
    ],
)
def test_what_tells_that_a_migrations_record_ends(event, ends):
    assert notifications.moved(event, instance()) == (
        instance()["nova_object.data"]["uuid"] if ends else None
    )
    if ends:
        with pytest.raises(Malformed):
            notifications.moved(event, None)
