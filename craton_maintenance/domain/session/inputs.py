"""What comes in for a session."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.steps import Outcome, Step


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """A project's answer to a notice, already checked against its deadline."""

    notice_id: str
    #: False: no
    ack: bool
    #: action by server
    actions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: for every server that ``actions`` does not name
    action: str | None = None
    #: the answer is about this server only
    server_id: str | None = None
    #: not before, if it can be
    later: dt.datetime | None = None
    #: what operators are told of it: keys of ``maintenance.reply``
    said: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Stale:
    """A notice could not be handed over in time: it was not published."""

    notice_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class StepEnded:
    """A step has ended; or it goes on elsewhere, and there is something to say of that."""

    step: Step
    outcome: Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """An operator's command."""

    #: ``pause``, ``resume``, ``abort``, ``retry``, ``override`` (go on without the answers),
    #: ``confirm`` (the host work is done, or took effect), ``skip``, ``evacuate`` (the host is
    #: down and fenced)
    command: str
    actor: str
    host: HostKey | None = None
    server_id: str | None = None
    #: for ``retry`` of a server: what to do instead
    action: str | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class AdapterSaid:
    """Another system was told to be quiet about a host, or not any more."""

    adapter: str
    host: HostKey
    #: why it did not work, if that is news; empty: it has worked
    error: str = ""
    #: it was told that the host is back
    releases: bool = False


Input = Reply | Stale | StepEnded | Order | AdapterSaid
