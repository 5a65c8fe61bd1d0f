"""When a host that Nova does not list has left."""

import dataclasses
import datetime as dt

#: Complete listings in a row that have to be without it.
LISTINGS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Absence:
    """How long a host has not been listed."""

    #: complete listings in a row without it; 0: it is there
    missed: int = 0
    #: when the first of them ended
    since: dt.datetime | None = None


def listed(absence: Absence, there: bool, complete: bool, now: dt.datetime) -> Absence:
    """The absence after one more listing.

    A partial listing says nothing about what is not in it.
    """
    if there:
        return Absence()
    if not complete:
        return absence
    return Absence(absence.missed + 1, absence.since or now)


def has_left(absence: Absence, now: dt.datetime, at_least: dt.timedelta) -> bool:
    """Whether it was away for long enough, in listings and in time."""
    return (
        absence.missed >= LISTINGS
        and absence.since is not None
        and now - absence.since >= at_least
    )
