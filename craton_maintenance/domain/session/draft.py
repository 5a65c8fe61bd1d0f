"""A decision being made: a session's records, changed by replacing them, and its commands."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.commands import Command, Do, Tell
from craton_maintenance.domain.session.known import Known
from craton_maintenance.domain.session.records import Host, Notice, Problem, Server, Session
from craton_maintenance.domain.session.states import Blocker, HostState
from craton_maintenance.domain.session.steps import Step, StepKind


class Draft:
    """Records of one session while something is decided about them."""

    def __init__(self, session: Session, known: Known) -> None:
        self.session = session
        self.known = known
        self.now = known.now
        self.policy = known.policy
        self.hosts = dict(session.hosts)
        self.servers = dict(session.servers)
        self.notices = dict(session.notices)
        self.projects = dict(session.projects)
        self.commands: list[Command] = []
        #: codes and words of what the session pauses for, so that the operator decides
        self.refusals: list[tuple[Blocker, str]] = []
        #: hosts that are left out
        self.skip: set[HostKey] = set()
        #: grows with every change: while it does, there may be more to decide
        self.changes = 0
        self._number = session.next_step

    def done(self) -> tuple[Session, tuple[Command, ...]]:
        """The session as it is now, and what has to be done."""
        after = dataclasses.replace(
            self.session,
            hosts=self.hosts,
            servers=self.servers,
            notices=self.notices,
            projects=self.projects,
            next_step=self._number,
        )
        return after, tuple(self.commands)

    # -- records -------------------------------------------------------------------

    def set(self, **values: Any) -> None:
        """Change the session's own fields."""
        after = dataclasses.replace(self.session, **values)
        if after != self.session:
            self.session = after
            self.changes += 1

    def host(self, key: HostKey, **values: Any) -> Host:
        """Change a host's fields, or just get it."""
        before = self.hosts[key]
        if not values:
            return before
        after = dataclasses.replace(before, **values)
        if after != before:
            self.hosts[key] = after
            self.changes += 1
        return after

    def server(self, server_id: str, **values: Any) -> Server:
        """Change a server's fields, or just get it."""
        before = self.servers[server_id]
        if not values:
            return before
        after = dataclasses.replace(before, **values)
        if after != before:
            self.servers[server_id] = after
            self.changes += 1
        return after

    def add_server(self, server: Server) -> None:
        self.servers[server.id] = server
        self.changes += 1

    def notice(self, notice_id: str, **values: Any) -> Notice:
        """Change a notice's fields, or just get it."""
        before = self.notices[notice_id]
        after = dataclasses.replace(before, **values)
        if after != before:
            self.notices[notice_id] = after
            self.changes += 1
        return after

    def new_notice_id(self) -> str:
        """An id that is the same whenever the same is decided."""
        number = self.session.next_notice
        self.set(next_notice=number + 1)
        return str(uuid.uuid5(uuid.UUID(self.session.id), f"notice {number}"))

    # -- problems ------------------------------------------------------------------

    def problem(self, before: Problem | None, code: Blocker, words: str, **more: str) -> Problem:
        """A problem; one that stays the same keeps the time that it began."""
        if before is not None and before.code is code:
            return dataclasses.replace(before, words=words)
        return Problem(code, words, self.now)

    def block_host(self, key: HostKey, code: Blocker, words: str) -> Host:
        return self.host(key, problem=self.problem(self.hosts[key].problem, code, words))

    def block_server(self, server_id: str, code: Blocker, words: str, **values: Any) -> Server:
        problem = self.problem(self.servers[server_id].problem, code, words)
        return self.server(server_id, problem=problem, **values)

    # -- commands ------------------------------------------------------------------

    def do(
        self,
        kind: StepKind,
        host: HostKey,
        server_id: str | None = None,
        params: Mapping[str, Any] | None = None,
        not_before: dt.datetime | None = None,
    ) -> int:
        """Have a step done; its number."""
        number = self._number
        self._number += 1
        self.commands.append(Do(Step(number, kind, host, server_id, params or {}, not_before)))
        self.changes += 1
        return number

    def tell(self, event: Tell) -> None:
        self.commands.append(event)

    def later(self, seconds: float) -> dt.datetime:
        return self.now + dt.timedelta(seconds=seconds)

    @property
    def is_closed(self) -> bool:
        """Whether the window's end has passed."""
        closes = self.known.window.closes
        return closes is not None and self.now >= closes

    def not_after(self) -> dict[str, Any]:
        """Whoever does a step late, as another engine has died at it, begins nothing after it."""
        closes = self.known.window.closes
        return {} if closes is None else {"not_after": closes.isoformat()}

    # -- what is asked often -------------------------------------------------------

    def hosts_in(self, *states: HostState) -> list[Host]:
        """Hosts in these states, in order."""
        return [host for _, host in sorted(self.hosts.items()) if host.state in states]

    def servers_of(self, key: HostKey) -> list[Server]:
        """Servers that have, or had, to leave a host, in order."""
        return [one for _, one in sorted(self.servers.items()) if one.host == key]
