"""What fails by a fault of ours is tried again later, so that it holds up no other."""

import datetime as dt
import logging
from collections.abc import Collection, Iterator

from sqlalchemy import exc

LOG = logging.getLogger(__name__)

#: Errors of the database: no fault of the one that met them.
OF_THE_DATABASE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)

#: Seconds between tries of one that fails.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class Setbacks:
    """Those of a kind whose work has failed, and when each is tried again."""

    def __init__(self, kind: str) -> None:
        """
        :param kind: what they are, for the log
        """
        self._kind = kind
        #: by id: what was wrong, the pause, and when it is tried again
        self._failing: dict[str, tuple[str, float, dt.datetime]] = {}

    def __len__(self) -> int:
        return len(self._failing)

    def keep(self, waiting: Collection[str], now: dt.datetime) -> None:
        """Forget those that wait no longer, unless they have just failed."""
        self._failing = {
            one: kept for one, kept in self._failing.items() if one in waiting or kept[2] > now
        }

    def may(self, one: str, now: dt.datetime) -> bool:
        """Whether it is to be tried now."""
        return one not in self._failing or self._failing[one][2] <= now

    def failed(self, one: str, error: Exception, now: dt.datetime) -> dt.datetime:
        """Log it, with its traceback unless it is as last time.

        :returns: when it is tried again
        """
        words = f"{type(error).__name__}: {error}"
        last, pause, _ = self._failing.get(one, ("", 0.0, None))
        LOG.error("%s %s: %s", self._kind, one, words, exc_info=None if words == last else error)
        pause = min(2 * pause, _LONGEST_PAUSE) or _FIRST_PAUSE
        again_at = now + dt.timedelta(seconds=pause)
        self._failing[one] = words, pause, again_at
        return again_at

    def worked(self, one: str) -> None:
        """It fails no longer."""
        self._failing.pop(one, None)

    def again(self) -> Iterator[dt.datetime]:
        """When those that failed are tried again."""
        return (moment for _, _, moment in self._failing.values())
