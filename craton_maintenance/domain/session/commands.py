"""What goes out of a decision."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.session.steps import Step


@dataclasses.dataclass(frozen=True, slots=True)
class Do:
    """A step to be done after the commit."""

    step: Step


@dataclasses.dataclass(frozen=True, slots=True)
class Drop:
    """A step that nobody has to begin any more; one that was begun still ends."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Tell:
    """An event to be stored."""

    #: one of ``domain.event.Type``
    type: str
    project_id: str
    payload: Mapping[str, Any]
    #: the notice that this hands over
    notice_id: str | None = None
    servers: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Finish:
    """The session is over: its window closes."""


Command = Do | Drop | Tell | Finish
