"""Health, readiness, and what is served here; open to everybody, so without secrets."""

from typing import Any

import sqlalchemy.exc
from flask_restful import Resource

from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.db import migrate, sinks, suppressions
from craton_maintenance.db.database import NotFit
from craton_maintenance.domain import times

#: Seconds that an event may wait: longer, and nobody delivers, or not fast enough.
_LONGEST_WAIT = 60.0


class Health(Resource):
    """The process answers."""

    @operation(answer="health", open_to_all=True)
    def get(self, call: Call) -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}


class Ready(Resource):
    """Requests and events get through."""

    @operation(answer="readiness", open_to_all=True)
    def get(self, call: Call) -> Answer:
        """Say whether the database answers and events are delivered."""
        checks: dict[str, Any] = {}
        try:
            migrate.check(call.service.database)
            checks["database"] = {"ok": True}
            checks |= _sinks(call) | _adapters(call)
        except NotFit as error:
            checks["database"] = {"ok": False, "error": str(error)}
        except sqlalchemy.exc.SQLAlchemyError as error:
            # the driver's words may name hosts and users: its kind is enough here
            checks["database"] = {"ok": False, "error": type(error).__name__}
        # that others can't be told is no reason to send requests elsewhere
        needed = [check for check in checks.values() if "unreleased" not in check]
        ready = all(check["ok"] for check in needed)
        return Answer({"ready": ready, "checks": checks}, 200 if ready else 503)


def _sinks(call: Call) -> dict[str, dict[str, Any]]:
    found = {}
    with call.service.database.read() as connection:
        for sink in sinks.backlog(connection):
            check: dict[str, Any] = {"ok": sink["error"] is None, "waiting": sink["waiting"]}
            if sink["oldest"] is not None:
                age = (call.service.clock() - sink["oldest"]).total_seconds()
                check["oldest"] = times.text(sink["oldest"])
                check["oldest_seconds"] = round(max(0.0, age), 1)
                check["ok"] = check["ok"] and age < _LONGEST_WAIT
            if sink["error"] is not None:
                check["error"] = sink["error"]
            found[sink["name"]] = check
    return found


def _adapters(call: Call) -> dict[str, dict[str, Any]]:
    """Other systems that can't be told that hosts are back."""
    if not call.service.conf.adapters.enabled:
        return {}
    with call.service.database.read() as connection:
        rows = {row.adapter: row.hosts for row in suppressions.unreleased(connection)}
    return {
        f"adapter {name}": {"ok": name not in rows, "unreleased": rows.get(name, 0)}
        for name in sorted({*call.service.conf.adapters.enabled, *rows})
    }


class Versions(Resource):
    """The versions served."""

    @operation(answer="versions", open_to_all=True)
    def get(self, call: Call) -> dict[str, Any]:
        """List the versions served here."""
        return {"versions": [_version(call)]}


class Version(Resource):
    """Version 1."""

    @operation(answer="version", open_to_all=True)
    def get(self, call: Call) -> dict[str, Any]:
        """Describe version 1."""
        return {"version": _version(call)}


def _version(call: Call) -> dict[str, Any]:
    href = f"{call.service.public_url}/"
    return {"id": "v1", "status": "CURRENT", "links": [{"rel": "self", "href": href}]}
