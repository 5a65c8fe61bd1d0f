"""What tests ask of windows and events, in a word each."""

import datetime as dt
from typing import Any

from craton_maintenance.service import Service
from tests.support import history
from tests.support.deployment import Api


def hours(service: Service, first: float, last: float | None = None) -> dict[str, str]:
    """``start`` and ``end``, in hours from now."""
    now = service.clock().replace(microsecond=0)
    times = {"start": (now + dt.timedelta(hours=first)).isoformat()}
    if last is not None:
        times["end"] = (now + dt.timedelta(hours=last)).isoformat()
    return times


def windows(operator: Api) -> list[dict[str, Any]]:
    return operator.get("/v1/maintenance-windows?limit=100")["maintenance_windows"]


def window(operator: Api, window_id: str) -> dict[str, Any]:
    return operator.get(f"/v1/maintenance-windows/{window_id}")


def refusals(service: Service) -> list[dict[str, Any]]:
    """The payloads of the events that told refusals, in order."""
    return [
        row.payload
        for row in history.rows(service.database)
        if row.event_type == "maintenance.variable.refused"
    ]


def patch(operator: Api, window_id: str, **changes: Any) -> dict[str, Any]:
    answer = operator.call("PATCH", f"/v1/maintenance-windows/{window_id}", changes)
    assert answer.status_code == 200, answer.text
    return answer.json


def set_on(operator: Api, scope: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = operator.call("POST", "/v1/maintenance-windows", {"scope": scope, **more})
    assert answer.status_code == 201, answer.text
    return answer.json
