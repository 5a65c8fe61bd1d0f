"""Failures on purpose: of calls, by their number, path and method."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from craton_maintenance.simcloud.errors import ApiError, ConnectionLost

if TYPE_CHECKING:
    from craton_maintenance.simcloud.calls import CallRecord
    from craton_maintenance.simcloud.cloud import Cloud

_MESSAGES = {
    404: "The resource could not be found.",
    409: "Conflict.",
    429: "Too many requests.",
    500: "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and "
    "attach the Nova API log if possible.\n<class 'simcloud.Fault'>",
    503: "Service unavailable.",
}


@dataclass
class Fault:
    """One failure. Add it to cloud.faults; it stays there when it is used up."""

    method: str | None = None
    """Which calls: GET, POST...; None: any."""
    path: str = ""
    """Which calls: a regular expression searched in the path below the service's root."""
    action: str | None = None
    """Which calls: a server's action, such as os-migrateLive."""
    user: str | None = None
    """Which calls: those of the user of that name."""
    nth: int = 1
    """From which of these calls on, counted from 1."""
    times: int = 1
    """How many calls it hits; -1: all that follow."""
    chance: float = 1.0
    """Probability that it hits, by the cloud's own random generator."""
    status: int | None = None
    """Answer with this status and an error."""
    message: str | None = None
    lost: str | None = None
    """"timeout" or "reset": the answer never arrives. In the same process both are raised at
    once; over TCP the connection ends, after delay seconds."""
    after: bool = False
    """The call has its effect before status or lost hits: an unclear answer."""
    delay: float = 0.0
    """Seconds that the answer takes longer; a virtual clock advances by them."""
    partial: float | None = None
    """Share of a list's items that are missing in the answer, from 0 to 1, without a sign."""
    effect: "Callable[[Cloud, CallRecord], None] | None" = None
    """Called before the call has its effect: for what happens at the worst moment."""
    seen: int = 0
    """Calls that matched so far."""
    fired: int = 0
    """Calls that were hit so far."""

    def hits(self, cloud: "Cloud", record: "CallRecord") -> bool:
        """Count a call, and tell whether it is to fail."""
        if self.method is not None and self.method != record.method:
            return False
        if self.action is not None and self.action != record.action:
            return False
        if self.user is not None and self.user != record.user:
            return False
        if self.path and not re.search(self.path, record.path):
            return False
        self.seen += 1
        if self.seen < self.nth or 0 <= self.times <= self.fired:
            return False
        if self.chance < 1.0 and cloud.random.random() >= self.chance:
            return False
        self.fired += 1
        return True

    def strike(self) -> None:
        """Raise what the fault is: ConnectionLost or ApiError, or nothing."""
        if self.lost is not None:
            raise ConnectionLost(timeout=self.lost == "timeout")
        if self.status is not None:
            default = _MESSAGES.get(self.status, "Fault.")
            raise ApiError(self.status, self.message or default)

    def thin(self, body: Any) -> Any:
        """A list's answer without some of its items, and without a link to a next page."""
        if self.partial is None or not isinstance(body, dict):
            return body
        thinned = {}
        for name, value in body.items():
            if isinstance(value, list):
                if name.endswith("_links"):
                    continue
                value = value[: len(value) - round(len(value) * self.partial)]
            thinned[name] = value
        return thinned
