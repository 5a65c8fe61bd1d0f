"""Kills a process at every point of a session, and has another one take over: a program.

``python -m tests.crash.sweep`` carries a session out once without a kill, and tells which
points it came by.  Then, for each point that is asked for, it forks, and the child carries
out the same session until it comes to that point, where it kills itself with SIGKILL.  What
is outside of us, the cloud among it, lives in the parent and goes on.  Another child takes
over, under another name, and has to bring the session to its end.

Forked from a parent that has done it all once, a point costs no more than the session.
"""

import argparse
import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from tests.sessions.aftermath import problems
from tests.sessions.beginning import Beginning
from tests.sessions.outside import Outside

_PR_SET_CHILD_SUBREAPER = 36

#: Seconds that one child may take, however busy the machine is.
_PATIENCE = 120


class Sweep:
    """A session of one workflow, to be killed again and again."""

    def __init__(self, workflow: str, folder: Path, url: str | None = None) -> None:
        """
        :param url: of a database that is migrated and empty; None: an SQLite file
        """
        self._begin = Beginning(workflow, folder, url)
        self._process = self._begin.process
        self.points: list[str] = []

    def trace(self) -> dict[str, Any]:
        """Carry it out once, in this process; what it came by, and what others counted."""
        outside = self._begin.restore()
        process = self._process
        process.point = self.points.append
        before = process.commits
        process.run(outside.ask, "trace")
        process.point = lambda name: None
        wrong = self._verdict(outside) + process.errors
        process.service.database.dispose()
        return {
            "points": self.points,
            "problems": wrong,
            "counted": {
                "commit": process.commits - before,
                "http": outside.cloud.number("call") - 1,
                "publish": len(outside.messages),
                "start": sum(outside.started.values()),
            },
        }

    def kill(self, number: int) -> dict[str, Any]:
        """Be killed at a point, counted from 1, and have another one take over."""
        began = time.monotonic()
        outside = self._begin.restore()
        wrong: list[str] = []
        said: dict[str, Any] = {}
        status = self._fork(outside, lambda ask: self._die(ask, number), said)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            wrong.append(f"it was not killed: {status} {said}")
        if said.get("dying") != self.points[number - 1]:
            wrong.append(f"it was at another point: {said}")
        said.clear()
        status = self._fork(outside, self._take_over, said)
        if status or said.get("errors"):
            wrong.append(f"its successor: {status} {said}")
        wrong += self._verdict(outside)
        return {
            "number": number,
            "point": self.points[number - 1],
            "problems": wrong,
            "unclear": outside.unclear,
            "repeated": len(outside.messages) - len({one.id for one in outside.messages}),
            "seconds": round(time.monotonic() - began, 3),
        }

    def _die(self, ask: Callable[..., Any], number: int) -> None:
        count = 0

        def point(name: str) -> None:
            nonlocal count
            count += 1
            if count == number:
                ask("dying", name)
                os.kill(os.getpid(), signal.SIGKILL)

        self._process.point = point
        self._process.run(ask, "engine-1")

    def _take_over(self, ask: Callable[..., Any]) -> None:
        self._process.run(ask, "engine-2")
        if self._process.errors:
            ask("errors", self._process.errors)

    def _verdict(self, outside: Outside) -> list[str]:
        with self._begin.database() as database:
            return problems(outside, database)

    # -- children ------------------------------------------------------------------

    def _fork(
        self, outside: Outside, run: Callable[[Callable[..., Any]], None], said: dict[str, Any]
    ) -> int:
        """Run it in a child, with this process as all that is outside of it.

        :param said: gets what the child has to say of itself
        :returns: how it ended, as of :func:`os.waitpid`
        """
        ours, theirs = Pipe()
        sys.stdout.flush()
        child = os.fork()
        if not child:
            ours.close()
            _be_child(theirs, run)
        theirs.close()
        with ours, contextlib.suppress(EOFError, ConnectionError):
            while True:
                if not ours.poll(_PATIENCE):
                    os.kill(child, signal.SIGKILL)
                    said["hung"] = True
                what, *args = ours.recv()
                if what in ("dying", "failed", "errors"):
                    said[what] = args[0]
                    ours.send(outside.ask("now"))
                else:
                    ours.send(outside.ask(what, *args))
        _, status = os.waitpid(child, 0)
        # its commands run on without it, and are waited for as their time limit would have us
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        return status


def _be_child(pipe: Connection, run: Callable[[Callable[..., Any]], None]) -> None:
    """Does not return."""
    gc.disable()

    def ask(what: str, *args: Any) -> Any:
        pipe.send((what, *args))
        return pipe.recv()

    code = 1
    try:
        run(ask)
        code = 0
    except BaseException:
        ask("failed", traceback.format_exc()[-3000:])
    finally:
        os._exit(code)


def main() -> None:
    """Tells of the trace, and then of each kill, in a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("workflow", choices=["default", "vnf"])
    parser.add_argument("--url", help="of a database that is migrated and empty")
    chosen = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with tempfile.TemporaryDirectory() as folder:
        sweep = Sweep(chosen.workflow, Path(folder), chosen.url)
        print(json.dumps(sweep.trace()), flush=True)
        gc.collect()
        gc.freeze()
        for line in sys.stdin:
            print(json.dumps(sweep.kill(int(line))), flush=True)


if __name__ == "__main__":
    main()
