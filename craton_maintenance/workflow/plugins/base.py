"""What a host action is: the class that others write plugins from.

A plugin is a class with the methods of :class:`HostAction`, named by an entry point in
``craton_maintenance.host_actions``. One object of it serves all threads for as long as the
process lives, so it keeps no state of a run.

An action is begun once for a step. When the engine dies meanwhile, its successor calls
:meth:`HostAction.look` first; what that can't tell is run again where ``repeat`` is ``safe``,
and left to the operator where it is ``ask``.

What is done elsewhere for long, by a workflow service say, holds no thread: such an action says
``elsewhere``, and is called again and again until it has ended.
"""

import abc
import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from craton_maintenance.domain.session.steps import Outcome
from craton_maintenance.nova.compute import Cloud

#: ``(field, what is wrong with it)``; the field as a path within the options, e.g. ``argv/0``.
Problem = tuple[str, str]

Repeat = Literal["safe", "ask"]


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """One step, as its plugin gets to know it."""

    session_id: str
    #: ``{session}-{number}``: the same whenever this step is repeated, never another step's
    step_id: str
    #: number of the step in its session
    number: int
    host: str
    region: str
    #: the stage of a host flow: ``pre``, ``host`` or ``post``
    stage: str
    #: as the operator wrote them; :meth:`HostAction.check` found nothing wrong
    options: Mapping[str, Any]
    #: seconds that the action may take
    limit: float
    #: moment of ``time.monotonic()`` by which ``run`` has to return
    deadline: float
    #: the server, in a server's flow
    server_id: str | None = None
    #: the step was begun before, and nobody knows what became of it
    again: bool = False
    #: folder for what has to outlive this process; exists only once somebody makes it
    state_dir: Path = Path("/nonexistent")
    #: bytes of output to keep
    keep: int = 16384
    #: the cloud of the host's region, with the service's credentials; None: none is configured
    cloud: Cloud | None = None
    #: of what goes on elsewhere: an address where a POST of anything in JSON, with ``event`` as
    #: Mistral's notifications have it, brings the next look at once; empty: there is none
    news: str = ""
    #: of what goes on elsewhere: facts of its last look
    known: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self.deadline - time.monotonic())


class HostAction(abc.ABC):
    """Something that is done to a host, or for a server of a flow, outside of Nova."""

    #: whether it may be run again after a crash between its start and its result, where the
    #: option ``repeat`` does not say otherwise
    repeat: Repeat = "ask"
    #: seconds that it may take where the option ``timeout`` does not say; None: what
    #: ``[sessions] command_timeout`` says, which is the most in any case
    timeout: float | None = None
    #: it fills ``{host}`` and its like in options
    placeholders: bool = False
    #: it goes on elsewhere: ``run`` is called again with the same ``step_id`` for as long as it
    #: returns ``UNDER_WAY``, by any engine, and after a crash. It has to find what was begun
    #: under that id, to begin nothing a second time, and to end it at its ``limit``
    elsewhere: bool = False
    #: seconds that one call of ``run`` may take where it goes on elsewhere
    call: float = 120.0

    def check(self, options: Mapping[str, Any]) -> Sequence[Problem]:
        """What is wrong with options; called when a session is created, and before each run.

        Must have no effect and take no time.
        """
        return ()

    def look(self, context: Context) -> Outcome | None:
        """What became of an earlier begin of this step; None: nobody knows.

        Only called with ``context.again``. May wait for the end of what still runs, until
        ``context.deadline``.
        """
        return None

    @abc.abstractmethod
    def run(self, context: Context) -> Outcome:
        """Do it.

        :returns: ``DONE``; ``REFUSED`` with code and words when it has certainly failed;
            ``LATER`` when nothing was done and it may be tried again; ``UNDER_WAY``, with
            ``look_in``, when it goes on elsewhere; ``UNCLEAR`` otherwise.
            ``facts["output"]`` is for the operator.  An exception counts as ``UNCLEAR``.
        """
