"""Sessions as an engine would have left them, put into the database by hand."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from craton_maintenance.db import sessions as store
from craton_maintenance.db import tables, windows
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import machine
from craton_maintenance.domain.session.records import Notice, Server, Session
from craton_maintenance.domain.session.states import Action, NoticeStatus, ServerState, State
from craton_maintenance.service import Service

#: What a notice about servers offers.
ACTIONS = tuple(action.value for action in Action)


class Made:
    """A session of a window, and what is done to it without an engine."""

    def __init__(
        self,
        service: Service,
        window_id: str,
        workflow: str = "default",
        work: Sequence[dict[str, Any]] = (),
    ) -> None:
        self._service = service
        self.id = str(uuid.uuid4())
        with service.database.read() as connection:
            hosts = windows.hosts(connection, window_id)
        session = machine.begin(
            self.id, window_id, workflow, hosts, service.clock(), {"release": "next"}, work
        )

        def insert(transaction: Any) -> None:
            windows.update(transaction, window_id, {"workflow": workflow})
            store.insert(transaction, session, "admin")

        service.database.write(insert)

    @property
    def path(self) -> str:
        return f"/v1/maintenance/{self.id}"

    def load(self) -> Session:
        with self._service.database.read() as connection:
            row = store.get(connection, self.id)
            assert row is not None
            return store.load(connection, row)

    def decide(self) -> None:
        """Decide on what came in, as the engine does."""
        service = self._service
        service.database.write(lambda t: service.sessions.decide(t, self.id))

    def change(self, **values: Any) -> Session:
        """Replace fields of the session."""
        before = self.load()
        after = dataclasses.replace(before, **values)

        def save(transaction: Any) -> None:
            store.save(transaction, before, after, self._service.clock())

        self._service.database.write(save)
        return after

    def state(self, state: State, **values: Any) -> None:
        self.change(state=state, **values)

    def host(self, key: HostKey, **values: Any) -> None:
        hosts = dict(self.load().hosts)
        hosts[key] = dataclasses.replace(hosts[key], **values)
        self.change(hosts=hosts)

    def tell(self, project_id: str, servers: Sequence[str]) -> None:
        """The project has been told of these servers."""
        self.change(projects=self.load().projects | {project_id: tuple(servers)})

    def server(self, server_id: str, project_id: str, host: HostKey, **values: Any) -> None:
        """The server was found on a host of the session."""
        made = Server(server_id, project_id, host, **({"state": ServerState.ASKED} | values))
        self.change(servers=self.load().servers | {server_id: made})

    def ask(
        self,
        project_id: str,
        state: State,
        servers: Sequence[str],
        seconds: float = 120.0,
        delivered: bool = True,
        **values: Any,
    ) -> str:
        """Ask a project something; the notice's id.

        :param delivered: the project has it
        """
        made = self._notice(project_id, state, servers, seconds, **values)
        self._add([made])
        if delivered:
            self.delivered(made.id)
        return made.id

    def ask_each(self, project_id: str, state: State, servers: Sequence[str]) -> None:
        """Ask a project about each of these servers alone; it has got all of that."""
        made = [self._notice(project_id, state, [one], server_id=one) for one in servers]
        self._add(made)
        self.delivered(*(one.id for one in made))

    def _notice(
        self,
        project_id: str,
        state: State,
        servers: Sequence[str],
        seconds: float = 120.0,
        **values: Any,
    ) -> Notice:
        now = self._service.clock()
        asks = state in (State.PREPARE_MAINTENANCE, State.PLANNED_MAINTENANCE)
        return Notice(
            id=str(uuid.uuid4()),
            project_id=project_id,
            state=state.value,
            servers=tuple(servers),
            created_at=now,
            **{
                "reply_seconds": seconds,
                "reply_at": now + dt.timedelta(seconds=seconds),
                "actions_at": now + dt.timedelta(seconds=seconds) if asks else None,
                "actions": ACTIONS if asks else (),
                "status": NoticeStatus.OPEN,
            }
            | values,
        )

    def _add(self, made: Sequence[Notice]) -> None:
        session = self.load()
        projects = {project: set(ids) for project, ids in session.projects.items()}
        for one in made:
            projects.setdefault(one.project_id, set()).update(one.servers)
        self.change(
            notices=session.notices | {one.id: one for one in made},
            projects={project: tuple(sorted(ids)) for project, ids in projects.items()},
        )

    def delivered(self, *notice_ids: str) -> None:
        """The broker has taken these now."""
        self.write_notice(*notice_ids, delivered_at=self._service.clock())

    def write_notice(self, *notice_ids: str, **values: Any) -> None:
        """Write columns of notices."""
        table = tables.notices
        statement = table.update().where(table.c.id.in_(notice_ids)).values(**values)
        self._service.database.write(lambda transaction: transaction.execute(statement))

    def inputs(self) -> list[dict[str, Any]]:
        """What came in and was not taken yet."""
        table = tables.inputs
        with self._service.database.read() as connection:
            rows = connection.execute(
                table.select().where(table.c.session_id == self.id).order_by(table.c.id)
            ).all()
        return [
            {"kind": row.kind} | {key: row.data[key] for key in row.data if key != "said"}
            for row in rows
        ]

    def notice(self, notice_id: str) -> Any:
        """A notice's row."""
        table = tables.notices
        with self._service.database.read() as connection:
            return connection.execute(table.select().where(table.c.id == notice_id)).one()
