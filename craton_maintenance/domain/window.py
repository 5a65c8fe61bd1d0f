"""A maintenance window and its state, which follows from the clock.

The state is never stored.  What is stored are facts (when it was to start, when
somebody started, finished or cancelled it), and the state is computed from them
and ``now``.  So a window opens on time even while no engine runs; what the
engine adds is telling everybody.
"""

import dataclasses
import datetime as dt
import enum


class State(enum.StrEnum):
    """Where a window stands at a moment."""

    #: announced, not begun
    SCHEDULED = "scheduled"
    #: its hosts may be worked on
    OPEN = "open"
    #: over: its end passed, or somebody finished it
    CLOSED = "closed"
    #: withdrawn before it opened
    CANCELLED = "cancelled"


#: A window in one of these states is over and never changes again.
FINAL = frozenset({State.CLOSED, State.CANCELLED})


class Impact(enum.StrEnum):
    """What owners of servers have to expect; the classes of the MAINTNOTE format."""

    NO_IMPACT = "NO-IMPACT"
    REDUCED_REDUNDANCY = "REDUCED-REDUNDANCY"
    DEGRADED = "DEGRADED"
    OUTAGE = "OUTAGE"


@dataclasses.dataclass(frozen=True, slots=True)
class Times:
    """The facts that a window's state follows from. All times are aware, in UTC."""

    #: when it is to open
    start: dt.datetime
    #: when it is to close; None: when somebody finishes it
    end: dt.datetime | None = None
    #: when somebody said "in maintenance now"
    started_at: dt.datetime | None = None
    #: when somebody said "done"
    finished_at: dt.datetime | None = None
    #: when it was withdrawn
    cancelled_at: dt.datetime | None = None
    #: a session works on it: it stays open past its end, until the session is over
    held: bool = False

    @property
    def opens(self) -> dt.datetime:
        """The moment it opens: its start, or earlier when somebody started it."""
        return min(self.start, self.started_at) if self.started_at else self.start

    @property
    def closes(self) -> dt.datetime | None:
        """The moment it closes, None while nobody knows."""
        ends = [moment for moment in (self.end, self.finished_at) if moment]
        return max(min(ends), self.opens) if ends else None


def state(times: Times, now: dt.datetime) -> State:
    """The state at ``now``.

    An end is exclusive: at its very moment the window is closed.
    """
    if times.cancelled_at is not None and times.cancelled_at <= now:
        return State.CANCELLED
    if now < times.opens:
        return State.SCHEDULED
    if times.closes is not None and times.closes <= now and not times.held:
        return State.CLOSED
    return State.OPEN


def due(times: Times, told: State) -> dt.datetime | None:
    """When the next change of state has to be told.

    :param told: the state that was told last
    :returns: None if the clock alone will change nothing more
    """
    if told in FINAL:
        return None
    if times.cancelled_at is not None:
        return times.cancelled_at
    if told is State.SCHEDULED:
        return times.opens
    return None if times.held else times.closes


def path(told: State, now_state: State) -> tuple[State, ...]:
    """The states to tell, in order, to get from what was told to what is.

    A window whose whole time passed while no engine ran has opened and closed,
    and both are told.
    """
    if told == now_state or told in FINAL:
        return ()
    if now_state is State.CLOSED and told is State.SCHEDULED:
        return (State.OPEN, State.CLOSED)
    return (now_state,)


def overlap(one: Times, other: Times) -> bool:
    """Whether two windows that are not cancelled share a moment."""
    return (one.closes is None or other.opens < one.closes) and (
        other.closes is None or one.opens < other.closes
    )
