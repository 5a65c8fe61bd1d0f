"""What a manager has to remember: what it has read, and what it has answered.

In a file, a manager that was restarted goes on where it was and does nothing twice.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

#: Answers, and events to be tried again, that are kept.
_MOST = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a notice."""

    url: str
    body: dict[str, Any]
    #: HTTP status of the service's answer; 0: it has not got the reply yet
    status: int = 0
    #: the message that was answered last
    message_id: str | None = None

    @property
    def sent(self) -> bool:
        """Whether the service has got it."""
        return self.status != 0


class Memory:
    """Remembers in a file, or as long as it lives."""

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        """
        :param file: made where it is not there
        :raises ValueError: it is there and has something else in it
        """
        self._file = None if file is None else Path(file)
        #: number of the last event that was read; None: none was
        self.since: int | None = None
        #: the reply by the key of its notice, the oldest first
        self.replies: dict[str, Reply] = {}
        #: events that could not be dealt with, the oldest first
        self.again: list[dict[str, Any]] = []
        if self._file is not None and self._file.exists():
            kept = json.loads(self._file.read_text("utf-8"))
            self.since, self.again = kept["since"], kept["again"]
            self.replies = {key: Reply(**reply) for key, reply in kept["replies"].items()}

    def remember(self, key: str, reply: Reply) -> None:
        """Keep the reply to a notice."""
        self.replies[key] = reply
        while len(self.replies) > _MOST:
            del self.replies[next(iter(self.replies))]
        self.save()

    def postpone(self, event: dict[str, Any]) -> None:
        """Keep an event to be dealt with again."""
        if event not in self.again:
            self.again = [*self.again, event][-_MOST:]
            self.save()

    def save(self) -> None:
        """Write it, whole or not at all."""
        if self._file is None:
            return
        kept = {
            "since": self.since,
            "again": self.again,
            "replies": {key: dataclasses.asdict(reply) for key, reply in self.replies.items()},
        }
        new = self._file.with_name(f"{self._file.name}.new")
        new.write_text(json.dumps(kept), "utf-8")
        new.replace(self._file)
