"""Lists of servers through the filter of nova-api, beside the same lists without it.

Baseline: the same stand-in for Nova's application, asked without the filter: it makes
1,000 servers into JSON as Nova does and answers in one piece.  Both are asked in turns
in this process, so that there is nothing but the filter between them.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bench import measure
from bench.result import Result
from craton_maintenance_nova_links import Active, Links, Options
from craton_maintenance_nova_links.source import EMPTY, Snapshot

_SERVERS = 1_000
_HOSTS = 100
_ROUNDS = 301

_ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/servers/detail"}


class _Service:
    """Stands for the service, which the filter's thread asks."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def read(self) -> Snapshot:
        return self._snapshot


def run() -> Iterator[Result]:
    ids = [f"{number:056x}" for number in range(_HOSTS)]
    nowhere = frozenset(f"{number:056x}" for number in range(1_000, 1_100))
    for what, snapshot, least in (
        ("nothing in maintenance", EMPTY, 0.97),
        ("100 hosts of others in maintenance", Snapshot("http://m", nowhere, nowhere), None),
        ("1 host of 100 in maintenance", Snapshot("http://m", nowhere, frozenset(ids[:1])), None),
    ):
        nova = _nova(ids)
        active = Active(_Service(snapshot), Options("http://127.0.0.1:1/v1"))
        # the thread begins
        active.current()
        measure.until(lambda snapshot=snapshot, active=active: active.current() == snapshot)
        filtered = Links(nova, active, 1 << 30)
        times = measure.interleaved(
            {"with": lambda app=filtered: _time(app), "without": lambda app=nova: _time(app)},
            _ROUNDS,
        )
        yield Result.of_times(
            f"{_SERVERS:,} servers through nova-api's filter, {what}",
            times["with"],
            times["without"],
            ratio_at_least=least,
        )


def _time(app: Callable[..., Iterable[bytes]]) -> float:
    return measure.seconds(
        lambda: b"".join(app(_ENVIRON, lambda status, headers, exc_info=None: None))
    )


def _nova(host_ids: list[str]) -> Callable[..., Iterable[bytes]]:
    servers = [
        {
            "id": f"00000000-0000-4000-8000-{number:012}",
            "name": f"server-{number}",
            "status": "ACTIVE",
            "tenant_id": "6f70656e737461636b20697320666f72",
            "hostId": host_ids[number % len(host_ids)],
            "addresses": {"private": [{"addr": "10.0.0.1", "version": 4}]},
            "metadata": {"role": "web", "tier": "front"},
            "created": "2030-01-31T22:00:00Z",
            "flavor": {"vcpus": 1, "ram": 512, "disk": 1, "original_name": "small"},
            "links": [
                {"rel": "self", "href": f"http://nova/v2.1/servers/{number}"},
                {"rel": "bookmark", "href": f"http://nova/servers/{number}"},
            ],
        }
        for number in range(_SERVERS)
    ]

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = json.dumps({"servers": servers}).encode()
        start_response(
            "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        )
        return [body]

    return app
