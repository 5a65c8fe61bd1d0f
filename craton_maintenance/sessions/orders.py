"""Operators' orders to a session: checked, and stored for its next decision."""

from collections.abc import Mapping
from typing import Any

from craton_maintenance.db import bulk, session_views
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import inputs
from craton_maintenance.domain.session.states import OVER
from craton_maintenance.errors import Code, Problem, bad_field, not_found
from craton_maintenance.service import Service
from craton_maintenance.sessions import flows

#: Orders that let something happen which nobody else has agreed to.
_NEED_A_REASON = frozenset({"override", "confirm", "evacuate"})

#: What the order may be about, beside the session as a whole.
_ABOUT: Mapping[str, frozenset[str]] = {
    "pause": frozenset(),
    "resume": frozenset(),
    "abort": frozenset(),
    "retry": frozenset({"host", "server_id", "server_action"}),
    "override": frozenset({"host", "server_id"}),
    "confirm": frozenset({"host"}),
    "skip": frozenset({"host"}),
    "evacuate": frozenset({"host"}),
}


def give(service: Service, session_id: str, body: Mapping[str, Any], actor: str) -> str:
    """Order a session about.

    :param body: valid by ``session-order``
    :returns: the order
    :raises Problem: 404; 400 naming the field; 409 where the session is over
    """
    # as Fenix has it: going on after somebody has put right what was wrong
    command = str(body.get("action", "retry"))

    def work(transaction: Transaction) -> str:
        row = session_views.get(transaction.connection, session_id)
        if row is None:
            raise not_found("maintenance session")
        if row.state in OVER:
            raise Problem(
                409, Code.SESSION_OVER, f"The session is over ({row.state}): set another window."
            )
        _check(service, transaction, session_id, command, body)
        region = _region(transaction, session_id, body)
        _store(
            service,
            transaction,
            session_id,
            {
                "command": command,
                "actor": actor,
                "host": [region, body["host"]] if "host" in body else None,
                "server_id": body.get("server_id"),
                "action": body.get("server_action"),
                "reason": body.get("reason", ""),
            },
        )
        return command

    return service.database.write(work)


def abort(service: Service, session_id: str, actor: str) -> None:
    """Abort a session; nothing is done where it is over or being aborted.

    :raises Problem: 404
    """

    def work(transaction: Transaction) -> None:
        row = session_views.get(transaction.connection, session_id)
        if row is None:
            raise not_found("maintenance session")
        if row.state in OVER or row.data.get("aborting"):
            return
        order = {"command": "abort", "actor": actor, "host": None, "server_id": None}
        _store(service, transaction, session_id, order | {"action": None, "reason": ""})

    service.database.write(work)


def _store(
    service: Service, transaction: Transaction, session_id: str, data: Mapping[str, Any]
) -> None:
    row = {
        "session_id": session_id,
        "kind": "order",
        "data": dict(data),
        "created_at": service.clock(),
    }
    bulk.insert(transaction, inputs, [row])
    transaction.after_commit(service.session_news.set)


def _check(
    service: Service,
    transaction: Transaction,
    session_id: str,
    command: str,
    body: Mapping[str, Any],
) -> None:
    for name in ("host", "server_id", "server_action"):
        if name in body and name not in _ABOUT[command]:
            raise bad_field(Code.INVALID, name, f"does not go with {command}")
    if command in _NEED_A_REASON and not body.get("reason", "").strip():
        raise bad_field(Code.INVALID, "reason", f"is missing: {command} is on record with it")
    if command in ("skip", "evacuate") and "host" not in body:
        what = "is left out" if command == "skip" else "is off, so that its servers may go"
        raise bad_field(Code.INVALID, "host", f"is missing: say which host {what}")
    if "region" in body and "host" not in body:
        raise bad_field(Code.INVALID, "region", "does not go without host")
    if "host" in body and "server_id" in body:
        raise bad_field(Code.INVALID, "host", "does not go with server_id")
    if "server_id" in body and not session_views.has_server(
        transaction.connection, session_id, body["server_id"]
    ):
        raise bad_field(
            Code.UNKNOWN_NAME, "server_id", "is none of the servers found by this session"
        )
    flows.check_action(service, body.get("server_action"), "server_action", None)


def _region(transaction: Transaction, session_id: str, body: Mapping[str, Any]) -> str | None:
    """:raises Problem: 400"""
    if "host" not in body:
        return None
    regions = session_views.hosts_named(transaction.connection, session_id, body["host"])
    if "region" in body:
        regions = [region for region in regions if region == body["region"]]
    if not regions:
        raise bad_field(
            Code.UNKNOWN_NAME, "host", f"{body['host']!r} is none of the session's hosts"
        )
    if len(regions) > 1:
        raise bad_field(
            Code.AMBIGUOUS_NAME,
            "host",
            f"{body['host']!r} is in the regions {', '.join(regions)}: say which as region",
        )
    return regions[0]
