"""A window that a session works on is not withdrawn by removing its variable."""

import datetime as dt
from collections.abc import Callable

from craton_maintenance.service import utcnow
from tests.craton.writer import Craton
from tests.support.deployment import Api


def test_a_window_ends_with_its_session(
    operator: Api, craton: Craton, look: Callable[[], None]
) -> None:
    tomorrow = (utcnow() + dt.timedelta(days=1)).isoformat()
    window = operator.set_window(["compute-01"], start=tomorrow, workflow="default")
    look()
    assert craton.get("hosts", "compute-01")["id"] == window["id"]
    craton.delete("hosts", "compute-01", "maintenance_window")
    look()
    assert craton.error("hosts", "compute-01") == "SESSION_RUNNING"
    assert operator.get(f"/v1/maintenance-windows/{window['id']}")["state"] == "scheduled"
    look()
    assert craton.get("hosts", "compute-01")["id"] == window["id"]
