"""Which hosts are worked on, as far as was heard or read. Pure: no clock, no I/O.

Vitrage has two threads for a datasource: one hears notifications, one asks for snapshots,
and either may come late. A notification may come twice, too. What makes them agree is
that one session works on a host once: what has ended never begins again.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from craton_maintenance_vitrage.maintenance import properties as names

#: A host in one session: region, host, session.
Key = tuple[str, str, str]

#: Ends that are remembered; repeats and late snapshots come within moments.
_ENDS_KEPT = 10_000


@dataclasses.dataclass(frozen=True)
class Stay:
    """A host that is worked on."""

    host: str
    """Its name, which is Nova's, and so the id of Vitrage's nova.host."""
    session_id: str
    """The session that works on it."""
    region: str = ""
    """Its region; empty where there is none or it is not said."""
    project_id: str = ""
    """The operators' project; empty where it is not known."""
    since: str = ""
    """When it began, as Vitrage writes times; empty where it is not known."""

    @property
    def key(self) -> Key:
        return (self.region, self.host, self.session_id)


@dataclasses.dataclass(frozen=True)
class Change:
    """What a notification says."""

    stay: Stay
    """The host."""
    over: bool
    """Whether the work has ended; else it has begun."""


def change(payload: Any, region: str | None = None) -> Change | None:
    """What a ``maintenance.host`` notification means; None: nothing here.

    :param region: hosts of this region only; None: of all
    """
    if not isinstance(payload, Mapping) or payload.get("service") != names.SERVICE:
        return None
    state = payload.get("state")
    host, session_id = payload.get(names.HOST), payload.get(names.SESSION)
    where = payload.get(names.REGION, "")
    if state != names.BEGINS and state not in names.ENDS:
        return None
    if not (isinstance(host, str) and host and isinstance(session_id, str) and session_id):
        return None
    if region is not None and where != region:
        return None
    stay = Stay(
        host=host,
        session_id=session_id,
        region=str(where),
        project_id=str(payload.get(names.PROJECT, "")),
        since=vitrage_time(payload.get("time")),
    )
    return Change(stay, over=state in names.ENDS)


def vitrage_time(text: Any) -> str:
    """A time of ours in Vitrage's form, which has no fraction; empty for what is none."""
    try:
        # older versions of Python, which a Vitrage may have, don't read the Z
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
        return moment.astimezone(dt.timezone.utc).strftime(names.TIME_FORMAT)  # noqa: UP017
    except (AttributeError, ValueError):
        return ""


class Book:
    """Keeps account of them; for several threads.

    Times are seconds of one clock that only goes forward.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stays: dict[Key, Stay] = {}
        #: when each was last heard of or confirmed
        self._sure: dict[Key, float] = {}
        self._over: collections.OrderedDict[Key, None] = collections.OrderedDict()
        self._project = ""

    def hear(self, told: Change, now: float) -> bool:
        """Take in a notification.

        :returns: whether it is news: False for the repeat of a beginning whose end is known
        """
        key = told.stay.key
        with self._lock:
            self._project = told.stay.project_id or self._project
            if told.over:
                self._stays.pop(key, None)
                self._sure.pop(key, None)
                self._over[key] = None
                while len(self._over) > _ENDS_KEPT:
                    self._over.popitem(last=False)
                return True
            if key in self._over:
                return False
            self._stays[key] = told.stay
            self._sure[key] = now
            return True

    def read(self, found: Iterable[Stay], asked: float, now: float) -> None:
        """Take in a snapshot: the truth, but for what was heard since it was asked for.

        :param asked: when the first question was put
        """
        with self._lock:
            kept = {key: self._stays[key] for key, sure in self._sure.items() if sure >= asked}
            snapshot = {one.key: self._whole(one) for one in found if one.key not in self._over}
            self._stays = snapshot | kept
            self._sure = dict.fromkeys(snapshot, now) | {key: self._sure[key] for key in kept}

    def _whole(self, stay: Stay) -> Stay:
        """A snapshot does not say all that a notification says."""
        known = self._stays.get(stay.key, stay)
        return dataclasses.replace(
            stay,
            project_id=stay.project_id or known.project_id or self._project,
            since=stay.since or known.since,
        )

    def current(self, now: float, max_age: float) -> list[Stay]:
        """Hosts that are worked on.

        :param max_age: seconds after which what nothing has confirmed is forgotten
        """
        with self._lock:
            for key in [key for key, sure in self._sure.items() if now - sure > max_age]:
                del self._stays[key], self._sure[key]
            return sorted(self._stays.values(), key=lambda one: one.key)

    def sessions(self) -> list[str]:
        """Sessions of the hosts that are known to be worked on."""
        with self._lock:
            return sorted({one.session_id for one in self._stays.values()})

    def is_over(self, key: Key) -> bool:
        """Whether the work on a host is known to have ended."""
        with self._lock:
            return key in self._over
