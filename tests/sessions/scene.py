"""A world in which projects read, answer and act, and time leaps to whatever is due next."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from keystoneauth1.session import Session as Keystone

from craton_maintenance import simcloud
from craton_maintenance.db import leases, session_inputs, tables
from craton_maintenance.db import windows as window_store
from craton_maintenance.domain.session.states import Blocker
from craton_maintenance.engine.decider import Decider
from craton_maintenance.engine.watcher import Watcher
from craton_maintenance.nova.compute import Cloud
from tests.sessions.world import World

#: Times to answer, in seconds: silence is a part of most stories.
SOON = {
    "reply_maintenance": 20.0,
    "reply_actions": 20.0,
    "reply_scale_in": 20.0,
    "reply_complete": 20.0,
}

#: The host work of a session that is to be looked at while it is done.
WAIT = [{"plugin": "wait", "options": {"message": "new fans"}}]

#: Rounds of decisions and steps that one moment may take.
_ROUNDS = 200

#: Steps that somebody has to begin, or to look at again.
_TO_BE_DONE = ("waiting", "under_way")

#: Called with the payload of a notice.
Listener = Callable[[Mapping[str, Any]], object]

_COMPUTE = {"service_type": "compute", "interface": "public"}
_VERSION = {"OpenStack-API-Version": "compute 2.87"}


def fleet_of(
    hosts: Mapping[str, Iterable[str]],
    vcpus: int = 4,
    project: str = "app",
    projects: Iterable[str] = (),
    **more: Any,
) -> simcloud.Fleet:
    """A fleet of equal hosts, and their servers of one vCPU each.

    :param hosts: names of servers by host; ``team/name`` is another project's
    :param more: settings of the cloud
    """
    named = {project, *projects}
    named |= {one.split("/")[0] for some in hosts.values() for one in some if "/" in one}
    fleet = simcloud.Fleet(projects=sorted(named), settings=more)
    for host, servers in hosts.items():
        fleet.add_host(host, vcpus=vcpus)
        for server in servers:
            owner, _, name = server.rpartition("/")
            fleet.add_server(name, owner or project, host)
    return fleet


class Scene(World):
    """A world with projects that do something."""

    def __init__(self, folder: Path, fleet: simcloud.Fleet, **options: Any) -> None:
        options["sessions"] = SOON | options.get("sessions", {})
        super().__init__(folder, fleet.complete(), **options)
        #: what each project does when it hears of a notice; None: it reads, and says nothing
        self.apps: dict[str, Listener | None] = {}
        #: payloads of notices in the order in which each project read them
        self.heard: dict[str, list[dict[str, Any]]] = {}
        #: as apps, for those who take whole events
        self.events_to: dict[str, Listener] = {}
        self._since: dict[str, int] = {}
        self._seen: tuple[Any, ...] = ()
        self._engines = 1

    # -- time ----------------------------------------------------------------------

    def run(self, until: Callable[[], bool], limit: float = 7200.0, step: float = 0.0) -> None:
        """Let time pass, from one event to the next, until something is so."""
        end = self.now + dt.timedelta(seconds=limit)
        self.settle()
        while not until():
            assert self.now < end, f"waited {limit} s in vain: {self.blockers()}"
            self.pass_time(step or self._leap())
            self.settle()

    def run_for(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + dt.timedelta(seconds=seconds)
        self.settle()
        while self.now < end:
            self.pass_time(min(self._leap(), (end - self.now).total_seconds()))
            self.settle()

    def finish(self, *sessions: str, limit: float = 7200.0) -> None:
        """Let time pass until sessions are over."""
        self.run(lambda: all(self.is_over(one) for one in sessions), limit)

    def _leap(self) -> float:
        """Seconds until something is due next, in Nova or here."""
        with self.service.database.read() as connection:
            waiting = sa.select(sa.func.min(tables.steps.c.not_before)).where(
                tables.steps.c.status.in_(_TO_BE_DONE)
            )
            found = [
                session_inputs.next_due(connection),
                window_store.next_due(connection),
                connection.execute(waiting).scalar_one(),
                connection.execute(
                    # nobody may be there who sees to those that are due
                    sa.select(sa.func.min(tables.suppressions.c.not_before)).where(
                        tables.suppressions.c.not_before > self.now
                    )
                ).scalar_one(),
            ]
        due = self.cloud.next_due()
        if due is not None:
            found.append(dt.datetime.fromtimestamp(due, dt.UTC))
        ahead = [(one - self.now).total_seconds() for one in found if one is not None]
        # a little more: the cloud counts in binary fractions
        return max(min([*ahead, 600.0]), 0.0) + 0.001

    def settle(self) -> None:
        """Let everything happen that is to happen at this moment."""
        for _ in range(_ROUNDS):
            before = self.mark()
            self.engine()
            self.watcher.work()
            self.quieten()
            self._do_what_is_due()
            self.hand_over()
            if self.mark() == before:
                return
        raise AssertionError("it does not come to rest")

    def _do_what_is_due(self) -> None:
        for _ in range(_ROUNDS):
            if not self._decide():
                return
            self.steps.work()
        raise AssertionError("a step is due, and is never done")

    def _decide(self) -> bool:
        """Decide on all that waits; whether a step is to be done now."""
        while self.decider.work() == 0.0:
            pass
        with self.service.database.read() as connection:
            waiting = sa.select(tables.steps.c.number).where(
                tables.steps.c.status.in_(_TO_BE_DONE),
                sa.or_(tables.steps.c.not_before.is_(None), tables.steps.c.not_before <= self.now),
            )
            return connection.execute(waiting.limit(1)).first() is not None

    # -- projects ------------------------------------------------------------------

    def hand_over(self) -> None:
        """Every project reads what is new for it, and does something about it."""
        with self.service.database.read() as connection:
            newest = connection.execute(sa.select(tables.event_head.c.position)).scalar_one()
        seen = (newest, *self.apps, *self.events_to)
        if seen == self._seen:
            return
        self._seen = seen
        for project in [*self.apps, *self.events_to]:
            for event in self.member(project).events(self._since.get(project, 0)):
                self._since[project] = event["seq"]
                if event["event_type"] == "maintenance.scheduled":
                    self._hears(project, event)

    def _hears(self, project: str, event: Mapping[str, Any]) -> None:
        self.heard.setdefault(project, []).append(event["payload"])
        app = self.apps.get(project)
        if app is not None:
            app(event["payload"])
        if project in self.events_to:
            self.events_to[project](event)

    def told(self, project: str, state: str) -> list[dict[str, Any]]:
        """Notices of a state that a project got, each once."""
        found = {
            one["notice_id"]: one
            for one in self.said("maintenance.scheduled", self.project(project))
            if one["state"] == state
        }
        return list(found.values())

    def url(self, session_id: str, project: str) -> str:
        return f"/v1/maintenance/{session_id}/{self.project(project)}"

    def part(self, session_id: str, project: str) -> dict[str, Any]:
        """What a project sees of a session."""
        answer = self.member(project).get(self.url(session_id, project))
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def reply(self, session_id: str, project: str, state: str, **body: Any) -> dict[str, Any]:
        """A project answers; it has to be taken."""
        answer = self.member(project).put(
            self.url(session_id, project), {"state": state, "session_id": session_id} | body
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def agrees(self, project: str, action: str | None = None) -> Listener:
        """A project's manager that agrees to everything, with an action for its servers."""

        def answer(notice: Mapping[str, Any]) -> None:
            if "reply_at" not in notice or notice["notice_id"] in answered:
                return
            answered.add(notice["notice_id"])
            chosen = action if notice["allowed_actions"] else None
            body = {} if chosen is None else {"instance_action": chosen}
            path = notice["reply_url"].partition("/v1")[2]
            told = {"state": f"ACK_{notice['state']}"} | body
            taken = self.member(project).put(f"/v1{path}", told)
            assert taken.status_code == 200, taken.text

        answered: set[str] = set()
        return answer

    def boot(self, name: str, project: str, host: str, **more: Any) -> None:
        """A project has a new server on a host, which nobody here has been told of."""
        server = {
            "name": name,
            "flavorRef": next(iter(self.cloud.flavors)),
            "imageRef": "",
            "networks": "none",
            "availability_zone": f"{self.cloud.hosts[host].zone}:{host}",
        }
        self._as_admin_of(project).post(
            "/servers", json={"server": server | more}, endpoint_filter=_COMPUTE, headers=_VERSION
        )

    def _as_admin_of(self, project: str) -> Keystone:
        """Whoever may boot a server of a project on a named host."""
        admin = next(one for one in self.cloud.users.values() if one.name == "admin")
        admin.roles[self.project(project)] = ["admin", "member", "reader"]
        return simcloud.session(self.cloud, "admin", project)

    def act(self, user: str, server: str, action: str, arguments: Any = None) -> None:
        """A user has something done with a server."""
        path = f"/servers/{self.server(server)}/action"
        body = {action: arguments}
        keystone = simcloud.session(self.cloud, user)
        keystone.post(path, json=body, endpoint_filter=_COMPUTE, headers=_VERSION)

    def delete(self, user: str, server: str) -> None:
        """A user deletes a server."""
        path = f"/servers/{self.server(server)}"
        simcloud.session(self.cloud, user).delete(path, endpoint_filter=_COMPUTE)

    def set_service(self, host: str, **body: Any) -> None:
        """An administrator enables or disables a host behind our back."""
        path = f"/os-services/{self.cloud.hosts[host].service_uuid}"
        keystone = simcloud.session(self.cloud, "admin")
        keystone.put(path, json=body, endpoint_filter=_COMPUTE, headers=_VERSION)

    # -- operators -----------------------------------------------------------------

    def order(self, session_id: str, action: str, **body: Any) -> dict[str, Any]:
        """The operator orders a session about; it has to be taken."""
        if action in ("override", "confirm"):
            body.setdefault("reason", "said so by phone")
        answer = self.operator.put(f"/v1/maintenance/{session_id}", {"action": action} | body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def show(self, session_id: str) -> dict[str, Any]:
        """A session as the operator sees it."""
        answer = self.operator.get(f"/v1/maintenance/{session_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def detail(self, session_id: str) -> dict[str, Any]:
        """All of a session."""
        answer = self.operator.get(f"/v1/maintenance/{session_id}/detail")
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def codes(self, session_id: str) -> set[str]:
        """Codes of what a session does not get on for."""
        return {one["code"] for one in self.detail(session_id)["blockers"]}

    def run_to(self, session_id: str, blocker: Blocker, limit: float = 7200.0) -> dict[str, Any]:
        """Let time pass until a session has this blocker; the blocker."""
        self.run(lambda: blocker.value in self.codes(session_id), limit)
        return next(
            one for one in self.detail(session_id)["blockers"] if one["code"] == blocker.value
        )

    def run_to_state(self, session_id: str, state: str, limit: float = 7200.0) -> None:
        """Let time pass until a session is in a state."""
        self.run(lambda: self.session(session_id).state == state, limit)

    def server_of(self, session_id: str, name: str) -> dict[str, Any]:
        """A server of a session as the operator sees it; empty: it was not found yet."""
        ident = self.server(name)
        found = [one for one in self.detail(session_id)["servers"] if one["id"] == ident]
        return found[0] if found else {}

    def host_states(self, session_id: str) -> dict[str, str]:
        return {one["name"]: one["state"] for one in self.detail(session_id)["hosts"]}

    # -- the cloud -----------------------------------------------------------------

    def where(self, server: str) -> str | None:
        """The host that a server is on."""
        return self.cloud.server_named(server).host

    def on(self, host: str) -> list[str]:
        """Names of the servers on a host."""
        return sorted(one.name for one in self.cloud.servers_on(host))

    def disabled(self) -> dict[str, str | None]:
        """Reasons of the hosts that take no servers."""
        return {
            name: host.disabled_reason for name, host in self.cloud.hosts.items() if host.disabled
        }

    def moves_of(self, server: str) -> list[str]:
        """Types of a server's migrations, in order."""
        return [one.type for one in self.cloud.migrations_of.get(self.server(server), ())]

    def asked_of_nova(self, *actions: str) -> list[tuple[str, str]]:
        """Actions that we asked for and servers, in order; all, or those of these names."""
        names = {one.id: one.name for one in self.cloud.servers.values()}
        return [
            (call.action, names.get(call.params.get("server", ""), "?"))
            for call in self.cloud.calls
            if call.user == "maintenance"
            and call.action
            and (call.action in actions or not actions)
        ]

    # -- the service ---------------------------------------------------------------

    def restart(self) -> None:
        """The engine ends, and another one starts: it knows what is stored, and nothing else."""
        leases.give_up(self.service.database, f"engine-{self._engines}")
        self._engines += 1
        owner = f"engine-{self._engines}"
        self.decider = Decider(self.service)
        self.nova = Cloud(self.conf, self.region)
        self.steps = self.engine_of(owner)
        self.watcher = Watcher(self.service, self.region, self.nova, owner)
        self.quiet = self.quiet_of(owner)
