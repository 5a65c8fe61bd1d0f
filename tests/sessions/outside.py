"""What outlives a process of ours: the cloud, the bus, application managers, an operator.

A process reaches all of it by :meth:`Outside.ask` only, with plain values, so it makes no
difference whether it stands in the same process or at the other end of a pipe.  What must
always hold is judged here, on the cloud's own state, when a call arrives.
"""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from craton_maintenance import simcloud
from craton_maintenance.simcloud import transport
from craton_maintenance.simcloud.calls import CallRecord
from craton_maintenance.simcloud.model import UNFINISHED
from tests.functional.deployment import BEGIN

#: What the owners of servers choose, and the calls of Nova that come of it, each once.
CHOICES = {
    "db-1": "LIVE_MIGRATE",
    "db-2": "MIGRATE",
    "web-1": "NOTHING",
    "web-2": "LIVE_MIGRATE",
}
CALLS = {
    "LIVE_MIGRATE": ("os-migrateLive",),
    "MIGRATE": ("migrate", "confirmResize"),
    "NOTHING": ("os-stop", "os-start"),
}

HOSTS = ("h1", "h2", "h3")

_SERVER_ACTION = "/servers/{server}/action"
_SERVICE = "/os-services/{service}"


def fleet() -> simcloud.Fleet:
    """Three hosts, one of them empty, two projects, and a group that loses one at a time."""
    return simcloud.Fleet.from_dict(
        {
            "name": "small",
            "projects": ["db", "web"],
            "flavors": [{"name": "small", "vcpus": 1, "ram_mb": 1024, "disk_gb": 5}],
            "hosts": [{"name": name, "vcpus": 8} for name in HOSTS],
            # members may stand on one host: where they are sent is not what is tested
            "server_groups": [{"name": "db", "project": "db", "policy": "soft-anti-affinity"}],
            "servers": [
                {"name": "db-1", "project": "db", "flavor": "small", "host": "h2", "group": "db"},
                {"name": "db-2", "project": "db", "flavor": "small", "host": "h2", "group": "db"},
                {"name": "web-1", "project": "web", "flavor": "small", "host": "h3"},
                {"name": "web-2", "project": "web", "flavor": "small", "host": "h3"},
            ],
        }
    )


@dataclasses.dataclass(frozen=True)
class Message:
    """A notification as the broker has it."""

    id: str
    project_id: str
    seq: int
    content: dict[str, Any]
    context: dict[str, Any]


@dataclasses.dataclass
class Request:
    """Something that somebody asks of our API, until it is answered."""

    key: str
    method: str
    path: str
    body: Any
    headers: dict[str, str]
    #: times that a process began to carry it out
    tries: int = 0


class Outside:
    """Everything but us."""

    def __init__(self, workflow: str, work: Path) -> None:
        """
        :param work: file that host commands write the host's name into
        """
        self.workflow = workflow
        self.work = work
        self.clock = simcloud.VirtualClock(BEGIN.timestamp())
        self.cloud = simcloud.Cloud(fleet(), clock=self.clock, seed=1)
        self.cloud.judges.append(self._judge)
        self._nova = transport.WsgiAdapter(simcloud.create_app(self.cloud))
        self.names = {server.id: server.name for server in self.cloud.servers.values()}
        self.projects = {project.id: project.name for project in self.cloud.projects.values()}
        #: what arrived on the bus, in order
        self.messages: list[Message] = []
        #: fewer than none: it takes nothing; the number of messages until it does not
        self.refuses: set[int] = set()
        self.offered = 0
        self.requests: list[Request] = []
        self.answers: list[tuple[Request, int, Any]] = []
        #: by server's name, what its owner has chosen so far
        self.said: dict[str, str] = {}
        self.started: Counter[str] = Counter()
        self.unclear: list[str] = []
        #: what should not have happened
        self.complaints: list[str] = []
        self.session_id = ""
        self._asked: set[str] = set()
        self._ask(
            "session",
            "POST",
            "/v1/maintenance",
            {
                "hosts": list(HOSTS),
                "workflow": workflow,
                "metadata": {"release": "next"},
                "actions": [
                    {
                        "plugin": "command",
                        "type": "host",
                        "options": {
                            "argv": ["/bin/sh", "-c", f"echo $MAINTENANCE_HOST >> {work}"],
                            "timeout": 30,
                        },
                    }
                ],
            },
            {"Idempotency-Key": "the-session"},
        )

    # -- asked by a process of ours ------------------------------------------------

    def ask(self, what: str, *args: Any) -> tuple[float, Any]:
        """The time, and what is asked for."""
        value = getattr(self, f"on_{what}")(*args)
        return self.clock.now(), value

    def on_now(self) -> None:
        """Just the time."""

    def on_advance(self, until: float) -> tuple[float | None, bool]:
        """Let time pass until then, or until something happens in the cloud.

        :returns: when something is due there next, and whether something has happened
        """
        due = self.cloud.next_due()
        happens = due is not None and due <= until
        self.clock.advance_to(max(min(until, due) if due is not None else until, self.clock.now()))
        return self.cloud.next_due(), happens

    def on_http(
        self, method: str, url: str, headers: dict[str, str], body: Any
    ) -> tuple[str, Any]:
        """A request to the cloud: ``("answer", …)``, or how it was lost."""
        request = requests.Request(method, url, headers=headers, data=body).prepare()
        try:
            response = self._nova.send(request)
        except requests.exceptions.ReadTimeout:
            return "timeout", None
        except requests.exceptions.ConnectionError:
            return "reset", None
        return "answer", (
            response.status_code,
            response.reason,
            dict(response.headers),
            response.content,
        )

    def on_publish(self, context: dict[str, Any], content: dict[str, Any]) -> bool:
        """A message for the bus; whether the broker has taken it."""
        self.offered += 1
        if self.offered in self.refuses:
            return False
        payload = content["payload"]
        message = Message(
            content["message_id"], context["project_id"], payload["seq"], content, context
        )
        self.messages.append(message)
        if content["event_type"] == "maintenance.scheduled":
            self._notice(payload)
        return True

    def on_starts(self, host: str) -> None:
        """The process of a host command is about to be begun."""
        self.started[host] += 1
        there = [
            server.name
            for server in self.cloud.servers_on(host)
            if not (self.said.get(server.name) == "NOTHING" and server.vm_state == "stopped")
        ]
        if there:
            self._complain(f"work on {host} with {there} on it")
        if not self.cloud.hosts[host].disabled:
            self._complain(f"work on {host}, which is enabled")
        for one in self.cloud.migrations.values():
            if one.status in UNFINISHED and host in (one.source, one.dest_host):
                self._complain(f"work on {host} with migration {one.id} ({one.status})")

    def on_inbox(self) -> list[dict[str, Any]]:
        """Requests to our API that nobody has answered."""
        for one in self.requests:
            one.tries += 1
        return [dataclasses.asdict(one) for one in self.requests]

    def on_answered(self, key: str, status: int, body: Any) -> None:
        """A request was answered."""
        request = next(one for one in self.requests if one.key == key)
        self.requests.remove(request)
        self.answers.append((request, status, body))
        if status >= 300:
            self._complain(f"{request.method} {request.path}: {status} {body}")
        elif key == "session":
            self.session_id = body["session_id"]
        elif key.startswith("look "):
            self._choose(key.removeprefix("look "), request.path, body)

    def on_unclear(self, host: str, since: str) -> None:
        """A session names a host of which it is unclear whether its work was done."""
        key = f"order {host} {since}"
        if key in self._asked:
            return
        self.unclear.append(host)
        if host in self.worked_on():
            order = {"action": "confirm", "host": host, "reason": "its log says so"}
        else:
            order = {"action": "retry", "host": host}
        self._ask(key, "PUT", f"/v1/maintenance/{self.session_id}", order, {})

    # -- application managers, and an operator -------------------------------------

    def worked_on(self) -> list[str]:
        """Hosts whose command was run, once for each time."""
        return self.work.read_text().split() if self.work.exists() else []

    def retry(self) -> None:
        """The operator has whatever is blocked tried again."""
        self._ask("retry", "PUT", f"/v1/maintenance/{self.session_id}", {"action": "retry"}, {})

    def _ask(self, key: str, method: str, path: str, body: Any, headers: dict[str, str]) -> None:
        self._asked.add(key)
        self.requests.append(Request(key, method, path, body, headers))

    def _member(self, project_id: str) -> dict[str, str]:
        return {
            "X-Project-Id": project_id,
            "X-Roles": "member",
            "X-User-Id": self.projects[project_id],
        }

    def _notice(self, payload: dict[str, Any]) -> None:
        """A project hears of something; each notice is answered once, however often it comes."""
        notice = payload["notice_id"]
        if "reply_at" not in payload or f"look {notice}" in self._asked:
            return
        headers = self._member(payload["project_id"])
        self._asked.add(f"look {notice}")
        path = urlsplit(payload["reply_url"]).path
        self._ask(f"look {notice}", "GET", path, None, headers)

    def _choose(self, notice: str, path: str, part: dict[str, Any]) -> None:
        payload = next(
            one.content["payload"]
            for one in self.messages
            if one.content["payload"].get("notice_id") == notice
        )
        body: dict[str, Any] = {"state": f"ACK_{payload['state']}"}
        if payload["allowed_actions"]:
            ids = payload["instance_ids"]
            ids = part["instance_ids"] if isinstance(ids, str) else ids
            names = {server: self.names[server] for server in ids}
            self.said |= {name: CHOICES[name] for name in names.values()}
            body["instance_actions"] = {server: CHOICES[name] for server, name in names.items()}
        self._ask(f"answer {notice}", "PUT", path, body, self._member(payload["project_id"]))

    # -- judgement -----------------------------------------------------------------

    def _complain(self, words: str) -> None:
        self.complaints.append(f"{self.clock.now() - BEGIN.timestamp():.1f} s: {words}")

    def _judge(self, cloud: simcloud.Cloud, call: CallRecord) -> str | None:
        words = None
        if call.user == "maintenance" and call.template == _SERVER_ACTION:
            words = self._judge_action(cloud, call)
        elif call.template == _SERVICE and call.method == "PUT":
            words = self._judge_service(cloud, call)
        if words is not None:
            self._complain(words)
        return words

    def _judge_action(self, cloud: simcloud.Cloud, call: CallRecord) -> str | None:
        server = cloud.servers.get(call.params["server"])
        if server is None:
            return None
        chosen = self.said.get(server.name)
        if chosen is None or call.action not in CALLS[chosen]:
            return f"{call.action} of {server.name}, whose owner has said {chosen}"
        group = cloud.group_of(server)
        out = [
            member
            for member in (group.members if group is not None else ())
            if member != server.id and _is_out(cloud.servers[member])
        ]
        if out:
            return f"{call.action} of {server.name} with another member out"
        moves = call.action in ("migrate", "os-migrateLive", "os-stop")
        if moves and server.host is not None and not cloud.hosts[server.host].disabled:
            return f"{call.action} of {server.name} on {server.host}, which is enabled"
        return None

    def _judge_service(self, cloud: simcloud.Cloud, call: CallRecord) -> str | None:
        host = next(
            one for one in cloud.hosts.values() if one.service_uuid == call.params["service"]
        )
        reason = host.disabled_reason or ""
        if call.body.get("status") == "enabled":
            if not reason.startswith(f"maintenance {self.session_id}"):
                return f"{host.name} is enabled, which is disabled with {reason!r}"
            if host.name not in self.worked_on():
                return f"{host.name} is enabled, and nothing was done"
        elif host.disabled:
            return f"{host.name} is disabled, and was already"
        return None


def _is_out(server: Any) -> bool:
    return server.task_state is not None or server.vm_state != "active"
