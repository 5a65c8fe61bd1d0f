"""A simulated cloud in a process of its own: ``python -m bench.cloud HOSTS SERVERS PROJECTS``.

A fourth argument, in JSON, may change its settings, have it send Nova's notifications to
RabbitMQ, and have it write down when what happened to its servers; see :func:`running`.
"""

import contextlib
import dataclasses
import datetime as dt
import json
import queue
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import oslo_messaging
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from oslo_config import cfg

from bench import stage
from craton_maintenance import simcloud
from craton_maintenance.nova.credentials import Region
from craton_maintenance.simcloud.calls import CallRecord

#: Seconds between looks whether something is due: of every duration, this much is ours.
_TICK = 0.005


@dataclasses.dataclass(frozen=True, slots=True)
class More:
    """What a simulated cloud does beside answering."""

    #: of its fleet
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    #: transport URL that it sends Nova's notifications to; empty: to nobody
    bus: str = ""
    topic: str = "versioned_notifications"
    #: file for a line of JSON on each move that was asked for, and each notification
    log: str = ""


@contextlib.contextmanager
def running(hosts: int, servers: int, projects: int, more: More | None = None) -> Iterator[str]:
    """:returns: its Keystone's address"""
    arguments = [str(number) for number in (hosts, servers, projects)]
    if more is not None:
        arguments.append(json.dumps(dataclasses.asdict(more)))
    with stage.process(sys.executable, "-m", "bench.cloud", *arguments, says="http") as started:
        yield started.ready  # type: ignore[attr-defined]


def session(auth_url: str, username: str = "maintenance", project: str = "service") -> Session:
    """As the service's own user, or another one."""
    return Session(
        auth=v3.Password(
            auth_url=auth_url,
            username=username,
            password="secret",
            project_name=project,
            user_domain_name="Default",
            project_domain_name="Default",
        ),
        timeout=300,
    )


def region(auth_url: str) -> Region:
    return Region(stage.REGION, lambda: session(auth_url), stage.REGION, "public")


def environment(auth_url: str) -> dict[str, str]:
    """What ``serve`` finds the cloud by."""
    return {
        "OS_AUTH_URL": auth_url,
        "OS_USERNAME": "maintenance",
        "OS_PASSWORD": "secret",
        "OS_PROJECT_NAME": "service",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": stage.REGION,
        "OS_INTERFACE": "public",
    }


class _Bus:
    """Sends notifications as Nova does, in a thread: whoever calls the cloud does not wait."""

    def __init__(self, url: str, topic: str) -> None:
        conf = cfg.ConfigOpts()
        conf([])
        self._transport = oslo_messaging.get_notification_transport(conf, url=url)
        self._target = oslo_messaging.Target(exchange="nova", topic=f"{topic}.info")
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="nova-notifications", daemon=True).start()

    def __call__(
        self, event_type: str, payload: dict[str, Any], publisher: str, priority: str
    ) -> None:
        if priority == "INFO":
            self._waiting.put(
                {
                    "message_id": str(uuid.uuid4()),
                    "publisher_id": publisher,
                    "timestamp": str(dt.datetime.now(dt.UTC).replace(tzinfo=None)),
                    "priority": priority,
                    "event_type": event_type,
                    "payload": payload,
                }
            )

    def _run(self) -> None:
        while True:
            message = self._waiting.get()
            self._transport._send_notification(self._target, {}, message, version=2.0, retry=0)


class _Log:
    """Writes down what happens to servers, and when."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "w", buffering=1)  # noqa: SIM115

    def heard(
        self, event_type: str, payload: dict[str, Any], publisher: str, priority: str
    ) -> None:
        data = payload["nova_object.data"]
        host = publisher.partition(":")[2]
        self._write(event_type.removeprefix("instance."), str(data.get("uuid", "")), host)

    def called(self, cloud: simcloud.Cloud, call: CallRecord) -> None:
        if call.action == "os-migrateLive":
            server = call.params["server"]
            self._write("asked", server, cloud.servers[server].host or "")

    def _write(self, what: str, server: str, host: str) -> None:
        line = {"at": time.time(), "what": what, "server": server, "host": host}
        self._file.write(json.dumps(line) + "\n")


def _main() -> None:
    hosts, servers, projects = map(int, sys.argv[1:4])
    more = More(**json.loads(sys.argv[4])) if len(sys.argv) > 4 else More()
    fleet = simcloud.large_fleet(hosts, servers, projects)
    fleet.settings.update(more.settings)
    cloud = simcloud.Cloud(fleet)
    if more.bus:
        cloud.notify.append(_Bus(more.bus, more.topic))
    if more.log:
        log = _Log(more.log)
        cloud.notify.append(log.heard)
        cloud.judges.append(log.called)
    with simcloud.SimCloudServer(cloud, threads=16) as server:
        print(server.auth_url, flush=True)
        while True:
            time.sleep(_TICK)
            cloud.settle()


if __name__ == "__main__":
    _main()
