"""What Nova knows, what Craton knows, and the differences."""

from typing import Any
from urllib.parse import quote, unquote

from flask_restful import Resource

from craton_maintenance.api import paging
from craton_maintenance.api.operation import Call, operation
from craton_maintenance.db import differences
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.policies import inventory as rules


class NovaHosts(Resource):
    """Hosts as Nova and Craton know them."""

    @operation(operator=rules.NOVA_HOSTS, query="nova-host-list-query", answer="nova-host-list")
    def get(self, call: Call) -> dict[str, Any]:
        """List hosts that Nova or Craton knows."""
        query = call.query
        with call.service.database.read() as connection:
            known = differences.load(connection, query.get("region"), query.get("name"))
            synced = differences.sync_state(connection)
        if query.get("differences"):
            known = [host for host in known if host.differences]
        if "marker" in query:
            region, _, name = query["marker"].partition("/")
            seen = HostKey(unquote(region), name)
            known = [host for host in known if host.key > seen]
        limit = query.get("limit", paging.DEFAULT_LIMIT)
        shown, more = known[:limit], len(known) > limit
        last = _marker(shown[-1].key) if shown else None
        url = f"{call.service.public_url}/nova-hosts"
        return {
            "nova_hosts": [_shown(host) for host in shown],
            "links": paging.links(url, query, last, more),
            "syncs": synced,
        }


def _marker(key: HostKey) -> str:
    # a region's name may have a slash of its own
    return f"{quote(key.region, safe='')}/{key.name}"


def _shown(host: differences.Known) -> dict[str, Any]:
    return {
        "region": host.key.region,
        "name": host.key.name,
        "nova": host.nova,
        "craton": host.craton,
        "differences": [{"code": code, "text": text} for code, text in host.differences],
    }
