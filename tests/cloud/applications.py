"""Application managers of the projects: told by Aodh, they answer over REST as members."""

import ast
import dataclasses
import datetime as dt
import json
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import requests
from cheroot import wsgi

from craton_maintenance.appmanager import ApplicationManager, Caller, Webhook

from . import stack
from .parties import Party

SCHEDULED = "maintenance.scheduled"


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """A notice as Aodh delivered it."""

    #: seconds since the epoch
    arrived: float
    state: str
    session_id: str
    traits: Mapping[str, Any]

    @property
    def servers(self) -> frozenset[str]:
        """The servers that it names itself."""
        named = str(self.traits["instance_ids"])
        return frozenset(ast.literal_eval(named) if named.startswith("[") else ())


class Manager(ApplicationManager):
    """Does to each server what the test has set, else has it migrated live."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: action by server
        self.wanted: dict[str, str] = {}
        #: does what the application has to do itself before it answers
        self.before: Callable[[str, Collection[str]], None] = lambda state, servers: None
        #: how it acts on a server itself
        self.does: dict[str, Callable[[], object]] = {}
        self.done: list[str] = []
        self.scaled_out = 0

    def choose(
        self, state: str, servers: Collection[str], allowed: Collection[str]
    ) -> Mapping[str, str]:
        self.before(state, servers)
        chosen = dict(super().choose(state, servers, allowed))
        return chosen | {one: self.wanted[one] for one in servers if one in self.wanted}

    def own_action(self, server_id: str, until: dt.datetime | None) -> None:
        self.does[server_id]()

    def action_done(self, server_id: str) -> None:
        self.done.append(server_id)

    def scale_out(self) -> None:
        self.scaled_out += 1


class Application:
    """A project's application manager at an address of its own, and its alarm."""

    def __init__(self, party: Party, endpoint: str) -> None:
        self.party = party
        self.heard: list[Heard] = []
        session = stack.session(party.user, party.project_id)
        session.session.hooks["response"].append(self._keep)
        self._endpoint = endpoint
        self.manager = Manager(Caller(session), endpoint, party.project_id)
        # nobody guesses it
        self._path = f"/{uuid.uuid4()}"
        self._webhook = Webhook(self.manager, self._path)
        self._server = wsgi.Server((stack.HOST, 0), self._hear, numthreads=4)
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, daemon=True)
        self._thread.start()
        self._alarms = stack.Alarms(party.session)
        name = f"maintenance-test-{party.name}-scheduled"
        self._alarms.delete_named(name)
        port = self._server.bind_addr[1]
        url = f"http://{stack.HOST}:{port}{self._path}"
        self._alarm = self._alarms.create(name, SCHEDULED, url)

    def close(self) -> None:
        self._alarms.delete(self._alarm)
        self._server.stop()
        self._thread.join()

    def deafen(self) -> None:
        """Its alarm does not ring any more."""
        self._alarms.disable(self._alarm)

    def hear(self) -> None:
        """Its alarm rings again."""
        self._alarms.enable(self._alarm)

    def of(self, session_id: str) -> list[Heard]:
        """What was heard of a session, in order of arrival."""
        return [one for one in list(self.heard) if one.session_id == session_id]

    def _hear(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        arrived = time.time()
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.party.ledger.add("an alarm's POST to its application manager", raw)
        event = json.loads(raw)["reason_data"]["event"]
        traits = {name: value for name, _, value in event["traits"]}
        self.heard.append(Heard(arrived, traits["state"], traits["session_id"], traits))
        environ["wsgi.input"] = _Again(raw)
        return self._webhook(environ, start_response)

    def _keep(self, answer: requests.Response, **kwargs: Any) -> None:
        """Every byte that the manager is answered by us goes into the ledger."""
        request = answer.request
        if str(request.url).startswith(self._endpoint):
            head = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
            where = f"{request.method} {request.path_url}"
            self.party.ledger.add(where, head.encode() + b"\n" + answer.content)


class _Again:
    """A body that was read already."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        return self._raw if size < 0 else self._raw[:size]


def states(heard: Iterable[Heard]) -> list[str]:
    """States of notices, each said once where several in a row have the same."""
    found: list[str] = []
    for one in heard:
        if not found or found[-1] != one.state:
            found.append(one.state)
    return found
