"""What must always hold, judged where a call arrives: in the simulated cloud.

A judge knows what the cloud knows, what projects have really received, and what was asked
of us.  It never looks into our tables: what they say may be what is wrong.
"""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from craton_maintenance.simcloud.calls import CallRecord
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.model import UNFINISHED, Migration, Server

#: The user that we are to Nova.
US = "maintenance"

#: Calls that take a server away from its users, or move it.
_TAKES_OUT = frozenset({"os-migrateLive", "migrate", "os-stop", "shelveOffload"})
_MOVES = frozenset({"os-migrateLive", "migrate", "evacuate"})

#: States of servers that may be left on a host that is worked on: nothing of them runs.
_AT_REST = frozenset({"stopped", "suspended"})
#: Nova's power state of a server that does not run.
_POWERED_OFF = 4


@dataclasses.dataclass
class Asked:
    """A session as it was asked for, and how its time was changed since."""

    id: str
    hosts: frozenset[str]
    opens: dt.datetime
    closes: dt.datetime | None
    retire: bool
    #: servers on its hosts when it was announced: where they were, and whose
    servers: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Heard:
    """What an owner has received about a server, or about a session."""

    #: where the server was then
    host: str | None
    at: dt.datetime
    #: from then on it may be acted on, as nobody has answered
    free_at: dt.datetime
    #: somebody has answered, or an operator goes on without
    free: bool = False
    #: it was granted that nothing happens before
    later: dt.datetime | None = None

    def allows(self, now: dt.datetime) -> bool:
        if self.later is not None and now < self.later:
            return False
        return self.free or now >= self.free_at


class Judge:
    """Judges one cloud. What it objects to is in the cloud's violations."""

    def __init__(self, cloud: Cloud, clock: Callable[[], dt.datetime], policy: Mapping[str, Any]):
        self.cloud = cloud
        self.clock = clock
        self.policy = policy
        self.us = next(user.id for user in cloud.users.values() if user.name == US)
        self.sessions: dict[str, Asked] = {}
        #: budget and rest of a group; who is in a group by a constraint
        self.budgets: dict[str, tuple[int, float]] = {}
        self.group_of: dict[str, str] = {}
        self.lead_time: dict[str, float] = {}
        #: by server, and by session and project
        self.heard: dict[str, Heard] = {}
        self.announced: dict[tuple[str, str], Heard] = {}
        #: servers that somebody entitled to it wants to be left in place
        self.left: set[str] = set()
        #: what we disabled, with our reason
        self.disabled: dict[str, str] = {}
        #: hosts that somebody else enabled meanwhile, and when
        self.enabled_by_others: dict[str, dt.datetime] = {}
        #: hosts whose work was begun, and has not been returned from; what was on them then
        self.in_work: dict[str, set[str]] = {}
        #: of these, hosts that somebody else has enabled since: what comes there is named, and
        #: can't be kept from work that is under way
        self.opened_in_work: set[str] = set()
        #: hosts that an operator has said to be off
        self.fenced: set[str] = set()
        self.begun: Counter[str] = Counter()
        #: servers that we have stopped, and where they were then
        self.stopped: dict[str, str | None] = {}
        #: those that ran then, whatever their status, and the session that stopped them: the
        #: others need no start
        self.ran: dict[str, str] = {}
        #: those of them that a session which is over has left so: they are their owners'
        self.left_down: set[str] = set()
        self.offloaded: set[str] = set()
        #: effects by session, subject and attempt
        self.effects: Counter[tuple[str, str, str, int]] = Counter()
        #: who is at it: set while a step is done
        self.step: tuple[str, str, str, int] | None = None
        self._last: list[tuple[CallRecord, tuple[str, str, str, int] | None]] = []
        cloud.judges.append(self.judge)

    # -- calls -------------------------------------------------------------------------

    def judge(self, cloud: Cloud, call: CallRecord) -> str | None:
        """A judge of the cloud."""
        self._learn()
        if call.service != "compute" or call.method == "GET":
            return None
        if call.user != US:
            self._by_others(call)
            return None
        self._last.append((call, self.step))
        if call.action == "os-stop":
            self._note_power(call.params["server"])
        return "; ".join(self._objections(call)) or None

    def _note_power(self, server_id: str) -> None:
        server = self.cloud.servers.get(server_id)
        if server is None or server_id in self.stopped:
            return  # what we have stopped before says nothing of how it was found
        if server.power_state == _POWERED_OFF:
            self.ran.pop(server_id, None)
        elif self.step is not None:
            self.ran[server_id] = self.step[0]

    def _learn(self) -> None:
        """Take in what came of the calls before."""
        for call, step in self._last:
            if not self._took_effect(call):
                continue
            if step is not None and call.action in _TAKES_OUT | _MOVES:
                self.effects[step] += 1
            server = call.params.get("server", "")
            if call.action == "os-stop":
                found = self.cloud.servers.get(server)
                self.stopped[server] = found.host if found is not None else None
            elif call.action == "shelveOffload":
                self.offloaded.add(server)
            elif call.template == "/os-services/{service}":
                host, status = self._host_of(call), (call.body or {}).get("status")
                if status == "disabled":
                    self.disabled[host] = call.body["disabled_reason"]
                    self.enabled_by_others.pop(host, None)
                elif status == "enabled":
                    self.disabled.pop(host, None)
                    self.in_work.pop(host, None)
                    self.opened_in_work.discard(host)
        self._last.clear()
        for server in list(self.stopped):
            there = self.cloud.servers.get(server)
            if there is None or (there.vm_state == "active" and there.task_state is None):
                del self.stopped[server]

    def _took_effect(self, call: CallRecord) -> bool:
        """Whether it did, whatever was answered."""
        if 200 <= call.status < 300:
            return True
        server = self.cloud.servers.get(call.params.get("server", ""))
        if server is not None:
            return any(one.user_id == self.us and one.start == call.time for one in server.actions)
        if call.template == "/os-services/{service}":
            host, body = self.cloud.hosts[self._host_of(call)], call.body or {}
            if "forced_down" in body:
                return host.forced_down == body["forced_down"]
            return host.disabled == (body.get("status") == "disabled")
        return False

    def _by_others(self, call: CallRecord) -> None:
        if call.template == "/os-services/{service}":
            self.by_others(self._host_of(call), (call.body or {}).get("status") == "enabled")

    def by_others(self, host: str, enabled: bool) -> None:
        """Somebody else has enabled or disabled a host."""
        if enabled:
            self.enabled_by_others[host] = self.clock()
            self.opened_in_work |= {host} & self.in_work.keys()
            self.disabled.pop(host, None)
        elif host in self.disabled:
            # the reason is not ours any more
            self.disabled.pop(host)

    def _host_of(self, call: CallRecord) -> str:
        return next(
            host.name
            for host in self.cloud.hosts.values()
            if host.service_uuid == call.params["service"]
        )

    def _objections(self, call: CallRecord) -> Iterator[str]:
        if call.template == "/os-services/{service}":
            yield from self._service(call)
        elif call.action in _TAKES_OUT:
            server = self.cloud.servers.get(call.params["server"])
            if server is not None:
                yield from self._budget(server)
                yield from self._window(server, call.action)
                yield from self._notice(server, call.action)
                yield from self._repeated(server, call.action)
        elif call.action == "evacuate":
            server = self.cloud.servers.get(call.params["server"])
            if server is not None:
                if server.host not in self.fenced:
                    yield f"I2: {server.id} is evacuated, and nobody has fenced {server.host}"
                yield from self._window(server, call.action)
                yield from self._repeated(server, call.action)
        elif call.action == "os-start":
            if call.params["server"] not in self.stopped:
                yield f"I2: {call.params['server']} is started, and was not stopped by us"
        elif call.action == "confirmResize":
            yield from self._confirm(call.params["server"])
        elif "migration" in call.params:
            migration = self.cloud.migrations.get(int(call.params["migration"]))
            if migration is not None and migration.user_id != self.us:
                yield f"I2: migration {migration.id} is somebody else's"
        else:
            yield f"I2: {call.method} {call.path} {call.action} is nothing that we may do"

    # -- I1: budgets -------------------------------------------------------------------

    def _group(self, server: Server) -> str | None:
        """A constraint's group comes before Nova's."""
        return self.group_of.get(server.id) or server.group

    def _budget(self, server: Server) -> Iterator[str]:
        group = self._group(server)
        if group is None:
            return
        most, rest = self.budgets.get(group, (1, 0.0))
        out = [
            other.id
            for other in self.cloud.servers.values()
            if other is not server and self._group(other) == group and self._is_out(other, rest)
        ]
        if len(out) >= most:
            yield f"I1: {server.id} of group {group} is taken out beside {out}, of {most}"

    def _is_out(self, server: Server, rest: float) -> bool:
        if server.id in self.stopped and server.id not in self.left_down:
            return True
        if server.id in self.offloaded and server.task_state == "shelving_offloading":
            return True
        now = self.cloud.now()
        for migration in self.cloud.migrations_of.get(server.id, ()):
            if migration.user_id != self.us:
                continue
            if migration.status in UNFINISHED and migration.status != "done":
                return True
            if (
                migration.status in ("completed", "confirmed")
                and now < migration.updated_at + rest
            ):
                return True
        return False

    # -- I2: windows and notices -------------------------------------------------------

    def _sessions_on(self, host: str | None) -> list[Asked]:
        return [one for one in self.sessions.values() if host in one.hosts]

    def _window(self, server: Server, action: str) -> Iterator[str]:
        now = self.clock()
        for asked in self._sessions_on(server.host):
            if asked.opens <= now and (asked.closes is None or now < asked.closes):
                return
        yield f"I2: {action} of {server.id} on {server.host} outside of every window"

    def _notice(self, server: Server, action: str) -> Iterator[str]:
        heard = self.heard.get(server.id)
        if heard is None or heard.host != server.host:
            yield f"I2: {action} of {server.id} on {server.host}: its owner has not been told"
        elif not heard.allows(self.clock()):
            yield (
                f"I2: {action} of {server.id}: its owner was told at {heard.at} and has until "
                f"{heard.later or heard.free_at}"
            )

    def _service(self, call: CallRecord) -> Iterator[str]:
        host, now, body = self._host_of(call), self.clock(), call.body or {}
        if "forced_down" in body:
            if body["forced_down"] and host not in self.fenced:
                yield f"I2: {host} is forced down, and nobody has fenced it"
            return
        if body.get("status") != "disabled":
            if host not in self.disabled:
                yield f"I4: {host} is enabled, and was not disabled by us"
            return
        if host in self.in_work:
            return
        # which of the sessions on it does it, the reason says
        reason = body.get("disabled_reason") or ""
        for asked in self._sessions_on(host):
            if now < asked.opens or (asked.closes is not None and now >= asked.closes):
                continue
            if asked.id not in reason:
                continue
            untold = sorted(
                project
                for server, (there, project) in asked.servers.items()
                if there == host
                and (found := self.cloud.servers.get(server)) is not None
                and found.host == host
                and not self._was_told(asked.id, project, now)
            )
            if not untold:
                return
            yield f"I2: {host} is disabled before projects {untold} were told"
            return
        yield f"I2: {host} is disabled outside of every window"

    def _was_told(self, session: str, project: str, now: dt.datetime) -> bool:
        heard = self.announced.get((session, project))
        return heard is not None and heard.allows(now)

    def _confirm(self, server: str) -> Iterator[str]:
        newest = self._newest(server)
        foreign = newest is not None and newest.user_id != self.us
        if foreign and self.policy["unconfirmed_resize"] != "confirm":
            yield f"I2: the resize of {server} is its owner's to confirm"

    # -- I3: host work -----------------------------------------------------------------

    def host_enters_work(self, session: str, host: str) -> list[str]:
        """Objections to calling a host empty, and ready to be worked on, now."""
        self._learn()
        self.opened_in_work.discard(host)
        self.in_work[host] = {server.id for server in self.cloud.servers_on(host)}
        found = self._work(host, set(), begins=True)
        asked, now = self.sessions[session], self.clock()
        if now < asked.opens or (asked.closes is not None and now >= asked.closes):
            found.append(f"I2: work on {host} begins outside of its window")
        return found

    def host_work(self, host: str, goes_on: bool = False) -> list[str]:
        """Objections to something being done to a host now.

        :param goes_on: it is under way since the host was empty; what owners do meanwhile to
            servers that were left there is theirs
        """
        self._learn()
        if goes_on and host in self.opened_in_work:
            return []
        known = self.in_work.get(host, set())
        return self._work(host, known, begins=False, left=known if goes_on else frozenset())

    def _work(
        self, host: str, known: Set[str], begins: bool, left: Set[str] = frozenset()
    ) -> list[str]:
        cloud, now = self.cloud, self.clock()
        found: list[str] = []
        there = {server.id for server in cloud.servers_on(host)}
        theirs = {
            one.uuid
            for one in cloud.migrations.values()
            if one.server_id in left and one.user_id != self.us
        }
        other = self.enabled_by_others.get(host)
        recent = dt.timedelta(seconds=self.policy["proof_valid"] + 1)
        if other is not None and (not begins or now - other <= recent):
            # nobody can see this in time; it is disabled again, and told
            return found
        for server in cloud.servers_on(host):
            if server.id in known:
                continue  # it was left there, and is its owner's to start
            if server.vm_state not in _AT_REST or server.task_state is not None:
                found.append(f"I3: work on {host} with {server.id} ({server.vm_state}) on it")
            elif not self.may_stay(server):
                found.append(f"I3: work on {host} with {server.id}, which was not to be left")
        found += [
            f"I3: work on {host} with migration {one.id} ({one.status})"
            for one in cloud.migrations.values()
            if one.status in UNFINISHED
            and host in (one.source, one.dest)
            and one.server_id in cloud.servers
            and one.uuid not in theirs
        ]
        found += [
            f"I3: work on {host} with an allocation of {consumer}"
            for consumer in cloud.hosts[host].consumers
            if consumer not in there | theirs
        ]
        return found

    def is_at_rest(self, host: str, session: str) -> bool:
        """Whether nothing is on a host but what was to be left there by a session.

        An owner may start its server again, on a host that is retired, too; and what another
        session has found running there it has left so.
        """
        return all(
            (
                server.vm_state in _AT_REST
                or self._started_by_its_owner(server)
                or self.ran.get(server.id, session) != session
            )
            and self.may_stay(server)
            for server in self.cloud.servers_on(host)
        )

    def _started_by_its_owner(self, server: Server) -> bool:
        started = [one.user_id for one in server.actions if one.name == "start"]
        return bool(started) and started[-1] != self.us

    def was_moved_by_others(self, server: str, host: str) -> bool:
        """Whether somebody else has had a server leave a host: what it does now is theirs."""
        newest = self._newest(server)
        return newest is not None and newest.source == host and newest.user_id != self.us

    def may_stay(self, server: Server) -> bool:
        """Whether its owner, or policy, has it left in place."""
        return (
            server.id in self.left
            or self.policy["default_action"] == "NOTHING"
            or self.policy["unmovable"] == "nothing"
        )

    def action_begins(self, step_id: str, repeat: str) -> list[str]:
        """I7: an action that must not be repeated by itself is begun once for a step."""
        self.begun[step_id] += 1
        if repeat == "ask" and self.begun[step_id] > 1:
            return [f"I7: host action of step {step_id} is begun again"]
        return []

    def action_was_not_possible(self, step_id: str) -> None:
        """It says itself that nothing was done: then it may be tried again."""
        self.begun[step_id] -= 1

    # -- I7: once ----------------------------------------------------------------------

    def _newest(self, server: str) -> Migration | None:
        return max(self.cloud.migrations_of.get(server, ()), key=lambda one: one.id, default=None)

    def _repeated(self, server: Server, action: str) -> Iterator[str]:
        if self.step is not None and self.effects[self.step]:
            yield f"I7: {action} of {server.id} has its effect again: {self.step}"
        if action not in _MOVES:
            return
        under_way = [
            one.id
            for one in self.cloud.migrations_of.get(server.id, ())
            # an evacuation is done once its host is there again
            if one.user_id == self.us and one.status in UNFINISHED - {"done"}
        ]
        if under_way:
            yield f"I7: {action} of {server.id} beside its migrations {under_way}"

    # -- what was received -------------------------------------------------------------

    def hears(
        self,
        session: str,
        project: str,
        state: str,
        servers: list[str],
        seconds: float,
    ) -> None:
        """A project has received a notice; the first time counts.

        :param seconds: that it has to answer
        """
        now = self.clock()
        until = now + dt.timedelta(seconds=seconds)
        if state == "MAINTENANCE":
            self.announced.setdefault((session, project), Heard(None, now, until))
        if state not in ("PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE"):
            return
        for server_id in servers:
            server = self.cloud.servers.get(server_id)
            if server is None:
                continue
            before = self.heard.get(server_id)
            if before is None or before.host != server.host:
                lead = dt.timedelta(seconds=self.lead_time.get(server_id, 0.0))
                self.heard[server_id] = Heard(server.host, now, max(until, now + lead))

    def answers(
        self,
        session: str,
        project: str,
        state: str,
        servers: list[str],
        later: dt.datetime | None = None,
    ) -> None:
        """A project has agreed to what it was asked, and its answer was taken.

        :param later: nothing happens before, as was granted
        """
        if state == "MAINTENANCE" and (session, project) in self.announced:
            self.announced[session, project].free = True
        for server_id in servers:
            if server_id in self.heard:
                self.heard[server_id].free = True
                self.heard[server_id].later = later

    def answers_for_all(self, session: str, project: str) -> None:
        """A project has agreed without naming servers: who answers has in hand what is asked."""
        now, hosts = self.clock(), self.sessions[session].hosts
        for server in self.cloud.servers.values():
            if server.project_id == project and server.host in hosts:
                self.heard[server.id] = Heard(server.host, now, now, free=True)

    def hurries(self, session: str) -> None:
        """An operator has something tried at once."""
        for server in self.cloud.servers.values():
            if server.host in self.sessions[session].hosts and server.id in self.heard:
                self.heard[server.id].later = None

    def refuses(self, session: str, project: str, state: str, servers: list[str]) -> None:
        """A project has said no: what follows is policy's, after the notice that it is due."""
        if state == "MAINTENANCE" and (session, project) in self.announced:
            self.announced[session, project].free = True
        for server_id in servers:
            if server_id in self.heard:
                heard = self.heard[server_id]
                lead = dt.timedelta(seconds=self.lead_time.get(server_id, 0.0))
                heard.free_at = min(heard.free_at, heard.at + lead)

    def overrides(self, session: str) -> None:
        """An operator goes on without the answers that are waited for."""
        asked = self.sessions[session]
        always = dt.datetime.min.replace(tzinfo=dt.UTC)
        for server in self.cloud.servers.values():
            if server.host in asked.hosts:
                self.heard[server.id] = Heard(server.host, always, always, free=True)
        for project in self.cloud.projects:
            self.announced[session, project] = Heard(None, always, always, free=True)

    def session_over(self, session: str) -> None:
        """What it has stopped and not started again is out for good, or until its owner acts."""
        self._learn()
        hosts = self.sessions[session].hosts
        self.left_down |= {server for server, host in self.stopped.items() if host in hosts}

    # -- I4: at any time, and at the end -------------------------------------------------

    def left_disabled(self) -> dict[str, str]:
        """Hosts that are still disabled with a reason of ours."""
        self._learn()
        return {
            host.name: host.disabled_reason or ""
            for host in self.cloud.hosts.values()
            if host.disabled and (host.disabled_reason or "").startswith("maintenance ")
        }
