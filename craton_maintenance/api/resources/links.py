"""Links from Nova: by host name for operators, by hostId for projects."""

import hashlib
import json
from typing import Any

import flask
from flask_restful import Resource

from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.api.resources.objects import find, grouped, now_and_next
from craton_maintenance.api.views import WindowViews
from craton_maintenance.db import search, settings
from craton_maintenance.db import windows as store
from craton_maintenance.domain.scope import HostKey, Kind
from craton_maintenance.errors import not_found
from craton_maintenance.policies import links as rules


class Links(Resource):
    """Where links point to; an administrator sets and unsets it."""

    @operation(operator=rules.READ, answer="links")
    def get(self, call: Call) -> dict[str, Any]:
        """Show where links from Nova point to."""
        return _shown(call)

    @operation(operator=rules.SET, body="links-set", answer="links")
    def put(self, call: Call) -> dict[str, Any]:
        """Set where links from Nova point to."""
        value = call.body["base_url"].rstrip("/")
        call.service.database.write(
            lambda transaction: settings.put(
                transaction, settings.BASE_URL, value, call.service.clock(), call.caller.actor
            )
        )
        return _shown(call)

    @operation(operator=rules.SET, status=204)
    def delete(self, call: Call) -> Answer:
        """Unset it: links point to this service again."""
        call.service.database.write(
            lambda transaction: settings.remove(transaction, settings.BASE_URL)
        )
        return Answer(None, 204)


class ActiveLinks(Resource):
    """Which links there are, for whoever puts them into Nova's answers."""

    @operation(
        operator=rules.ACTIVE, query="links-active-query", answer="links-active", conditional=True
    )
    def get(self, call: Call) -> Answer:
        """Show the hosts with maintenance announced or going on, and their hostIds.

        Read again and again, so nothing is sent while nothing changes.
        """
        with call.service.database.read() as connection:
            base, _ = call.service.base_url(connection)
            region = call.query.get("region")
            hosts = search.pending_hosts(connection, region)
            host_ids = search.pending_host_ids(connection, region)
        body: dict[str, Any] = {"base_url": base, "hosts": hosts, "host_ids": host_ids}
        etag = hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]
        headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache"}
        if flask.request.if_none_match.contains_weak(etag):
            return Answer(None, 304, headers)
        return Answer(body | {"etag": etag}, headers=headers)


class HostLink(Resource):
    """What a link by host name leads to."""

    @operation(operator=rules.HOST, query="links-query", answer="maintenance-state")
    def get(self, call: Call, host: str) -> dict[str, Any]:
        """Show the maintenance of the host with this name."""
        with call.service.database.read() as connection:
            item = find(connection, Kind.HOST, host, call.query.get("region"))
            key = HostKey(item.region or "", item.name)
            rows = search.pending_on_host(connection, key)
        about = {"host": {"region": key.region, "name": key.name}}
        return about | now_and_next(WindowViews(call.service), rows)


class ProjectLink(Resource):
    """What a link by hostId leads to: found only while the project has a server there."""

    @operation(project=rules.PROJECT, answer="maintenance-state")
    def get(self, call: Call, host_id: str) -> dict[str, Any]:
        """Show what touches the host behind this hostId, as the project may see it."""
        views = WindowViews(call.service)
        with call.service.database.read() as connection:
            key = search.host_behind(connection, call.project_id, host_id)
            if key is None:
                raise not_found("host")
            rows = search.pending_on_host(connection, key)
            parts = store.parts_of(connection, call.project_id, [row.id for row in rows])
        return {"host_id": host_id} | grouped(
            [
                (views.state(row), views.project(row, parts[row.id]))
                for row in rows
                if parts.get(row.id)
            ]
        )


def _shown(call: Call) -> dict[str, Any]:
    with call.service.database.read() as connection:
        base, is_default = call.service.base_url(connection)
    return {
        "base_url": base,
        "is_default": is_default,
        "host": f"{base}/{{host_name}}",
        "project": f"{base}/project/{{hostId}}",
    }
