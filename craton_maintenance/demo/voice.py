"""What is said while the demo runs: a line for each thing that somebody does or hears."""

import re
import threading
import time
from typing import TextIO

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")


class Voice:
    """Writes lines of many threads, with names in place of ids."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._silent = False
        #: names of servers, groups and projects by id
        self.names: dict[str, str] = {}

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def say(self, who: str, words: str) -> None:
        """Write a line, unless all is over."""
        with self._lock:
            if not self._silent:
                self._out.write(f"{self.seconds:5.1f} s  {who:<8}  {self.named(words)}\n")
                self._out.flush()

    def head(self, words: str) -> None:
        """Write a heading."""
        with self._lock:
            self._out.write(f"\n{words}\n\n")

    def named(self, words: str) -> str:
        """The same with names in place of the ids that are known."""
        return _ID.sub(lambda found: self.names.get(found[0], found[0]), words)

    def hush(self) -> None:
        """Nothing more is said."""
        with self._lock:
            self._silent = True
