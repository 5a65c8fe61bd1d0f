"""Application managers as they are in the field, and the way on which they hear of us.

Three dialects are spoken to services for planned maintenance. Each manager here is small and
does with a notice what its original does, the rough edges included: which keys it reads, how it
makes lists of texts, what it insists on, and what exactly it sends.
"""

import ast
import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import yaml

#: Where Ceilometer cuts a text, without a word.
_CUT = 255

#: Its definitions make these times; all others are texts.
_TIMES = frozenset({"actions_at", "reply_at"})

#: Traits that a definition for maintenance has.
_TRAITS = (
    "service",
    "allowed_actions",
    "instance_ids",
    "reply_url",
    "state",
    "session_id",
    "project_id",
    "metadata",
    *sorted(_TIMES),
)


def alarm(event: Mapping[str, Any]) -> dict[str, Any]:
    """What Aodh posts for an event: Ceilometer has made traits of it."""
    traits = []
    for name in _TRAITS:
        value = event["payload"].get(name)
        if value is None:
            continue  # no trait
        if name in _TIMES:
            moment = dt.datetime.fromisoformat(str(value).replace(" ", "T"))
            naive = moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
            traits.append([name, 4, naive.isoformat()])
        else:
            traits.append([name, 1, str(value)[:_CUT]])
    inner = {
        "event_type": event["event_type"],
        "message_id": event["id"],
        "generated": event["time"],
        "traits": traits,
        "raw": {},
    }
    reason = {"type": "event", "event": inner}
    return {
        "alarm_id": "a",
        "alarm_name": "maintenance",
        "severity": "low",
        "previous": "insufficient data",
        "current": "alarm",
        "reason": "Event hits the query",
        "reason_data": reason,
    }


class Manager:
    """What the three have in common."""

    #: how a text with a bracket or brace becomes a value
    read: Any = None

    def __init__(self, world: Any, project: str) -> None:
        self.world = world
        self.project = project
        #: ids of the servers that it manages
        self.own = set(world.servers_of(project))
        #: bodies sent, in order
        self.sent: list[dict[str, Any]] = []
        #: states heard, in order
        self.states: list[str] = []
        #: servers it has added or removed
        self.scaled: list[str] = []

    def hear(self, event: Mapping[str, Any]) -> None:
        """Aodh's alarm arrives."""
        found = {}
        for name, _, value in alarm(event)["reason_data"]["event"]["traits"]:
            if "[" in value or "{" in value:
                value = type(self).read(value)
            found[name] = value
        self.states.append(found["state"])
        self.act(found)

    def act(self, traits: dict[str, Any]) -> None:
        raise NotImplementedError

    def get(self, url: str) -> list[str]:
        """Servers that a URL in a notice lists."""
        answer = self.world.member(self.project).get(_path(url))
        assert answer.status_code == 200, answer.text
        return list(answer.json["instance_ids"])

    def put(self, url: str, body: dict[str, Any]) -> None:
        """Reply, as often as it takes."""
        self.sent.append(body)
        for _ in range(5):
            answer = self.world.member(self.project).put(_path(url), body)
            if answer.status_code == 200:
                assert isinstance(answer.json, dict)
                return
        raise AssertionError(answer.text)

    def scale_in(self) -> None:
        name = sorted(s.name for s in self.world.cloud.servers.values() if s.id in self.own)[-1]
        self.own.discard(self.world.server(name))
        self.world.delete(self.project, name)
        self.world.pass_time(1)  # its stack has been updated
        self.scaled.append(f"-{name}")

    def scale_out(self) -> None:
        self.scaled.append("+")


def _path(url: str) -> str:
    """Ours is served here, under whatever address it says."""
    return "/v1" + url.partition("/v1")[2]


class Sample(Manager):
    """Doctor's sample manager, for workflow ``default``."""

    @staticmethod
    def read(text: str) -> Any:
        return yaml.safe_load(text)

    def act(self, traits: dict[str, Any]) -> None:
        state, url = traits["state"], traits["reply_url"]
        body: dict[str, Any] = {"session_id": traits["session_id"], "state": f"ACK_{state}"}
        if state == "MAINTENANCE":
            body["instance_ids"] = self.get(traits["instance_ids"])
            assert set(body["instance_ids"]) <= self.own
        elif state == "SCALE_IN":
            self.scale_in()
            body["instance_ids"] = sorted(self.own)
        elif state in ("PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE"):
            if "MIGRATE" not in traits["allowed_actions"]:
                raise ValueError("MIGRATE is not supported")
            servers = self.get(traits["instance_ids"])
            body["instance_actions"] = dict.fromkeys(servers, "MIGRATE")
        elif state == "MAINTENANCE_COMPLETE":
            self.scale_out()
        elif state == "INSTANCE_ACTION_DONE":
            return
        else:
            raise ValueError(state)
        self.put(url, body)


class Vnfm(Manager):
    """Doctor's manager for workflow ``vnf``."""

    @staticmethod
    def read(text: str) -> Any:
        return yaml.safe_load(text)

    def register(self) -> None:
        """What it asks for beforehand: groups, then servers."""
        member, group = self.world.member(self.project), "5f2b0a1c-7c30-4b4e-8f43-1f4a2f1c2a01"
        project_id = self.world.project(self.project)
        answers = [
            member.put(
                f"/v1/instance_group/{group}",
                {
                    "group_id": group,
                    "project_id": project_id,
                    "group_name": "nonha",
                    "anti_affinity_group": False,
                    "max_instances_per_host": 0,
                    "max_impacted_members": 2,
                    "recovery_time": 0,
                    "resource_mitigation": True,
                },
            )
        ]
        for server in sorted(self.own):
            body = {
                "instance_id": server,
                "project_id": project_id,
                "group_id": group,
                "instance_name": "app",
                "max_interruption_time": 120,
                "migration_type": "MIGRATE",
                "resource_mitigation": True,
                "lead_time": 10,
            }
            answers.append(member.put(f"/v1/instance/{server}", body))
        assert {one.status_code for one in answers} <= {200, 204}, answers[-1].text
        self._group = group

    def withdraw(self) -> None:
        """Servers, then groups."""
        member = self.world.member(self.project)
        for server in sorted(self.own):
            assert member.delete(f"/v1/instance/{server}").status_code in (200, 204)
        assert member.delete(f"/v1/instance_group/{self._group}").status_code in (200, 204)

    def act(self, traits: dict[str, Any]) -> None:
        state = traits["state"]
        body = {"state": f"ACK_{state}"}
        if state == "MAINTENANCE":
            if not set(self.get(traits["instance_ids"])) <= self.own:
                body = {"state": f"NACK_{state}"}
        elif state == "SCALE_IN":
            self.scale_in()
        elif state in ("PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE"):
            if "MIGRATE" not in traits["allowed_actions"]:
                raise ValueError("MIGRATE is not supported")
            (server,) = traits["instance_ids"]
            assert isinstance(traits["instance_ids"], list)
            assert server in self.own
            body["instance_action"] = "MIGRATE"
        elif state == "MAINTENANCE_COMPLETE":
            self.scale_out()
        elif state == "INSTANCE_ACTION_DONE":
            return
        else:
            raise ValueError(state)
        self.put(traits["reply_url"], body)


class Tacker(Manager):
    """Tacker's plugin, in its time: constraints per server, lists made by evaluation."""

    @staticmethod
    def read(text: str) -> Any:
        return ast.literal_eval(text)

    def register(self) -> None:
        """It repeats until it is answered 200, and nothing else."""
        member, project_id = self.world.member(self.project), self.world.project(self.project)
        for server in sorted(self.own):
            body = {
                "instance_id": server,
                "project_id": project_id,
                "group_id": server,
                "instance_name": "vdu1",
                "max_interruption_time": 180,
                "migration_type": "MIGRATE",
                "resource_mitigation": True,
                "lead_time": 20,
            }
            assert member.put(f"/v1/instance/{server}", body).status_code == 200

    def act(self, traits: dict[str, Any]) -> None:
        state = traits["state"]
        body: dict[str, Any] = {"session_id": traits["session_id"], "state": f"ACK_{state}"}
        if state == "MAINTENANCE":
            body["instance_ids"] = sorted(self.own)
        elif state == "SCALE_IN":
            self.scale_in()
            body["instance_ids"] = sorted(self.own)
        elif state in ("PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE"):
            for name in ("allowed_actions", "instance_ids"):
                assert isinstance(traits[name], list), traits
            if "MIGRATE" not in traits["allowed_actions"]:
                raise ValueError("MIGRATE is not supported")
            body["instance_action"] = "MIGRATE"
        elif state == "MAINTENANCE_COMPLETE":
            self.scale_out()
        elif state == "INSTANCE_ACTION_DONE":
            return
        self.put(traits["reply_url"], body)


#: A time as the traits have it.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
