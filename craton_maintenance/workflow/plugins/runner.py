"""Runs one command under a time limit, and keeps its result in a file.

A process of its own, which outlives whoever started it: when the engine is killed, the command
still ends at its limit, and a successor finds the result. Run as a file, with ``-I`` and the
standard library only: it starts in a few hundredths of a second, and what it needs
(:class:`Spec`, as JSON) comes by standard input, as arguments are seen by everybody.

Beside the path ``base`` it keeps

``.lock``
  locked for as long as it runs;
``.begun``
  written before the command is begun;
``.result``
  how the command ended: ``status`` (negative: the signal), ``timed_out``, ``alive`` (it could
  not be ended), ``output`` (the end of it), or ``error`` (it could not be begun).
"""

import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any, TypedDict

LOCK, BEGUN, RESULT = ".lock", ".begun", ".result"

#: Exit status: it runs, or was begun, already.
BUSY = 3

#: Seconds between two looks at the command.
_LOOK = 0.05
#: Tries to get the lock, which a reader holds for a moment.
_TRIES = 20

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Spec(TypedDict):
    """What is to be run."""

    base: str
    argv: list[str]
    env: dict[str, str]
    #: seconds that it may take
    limit: float
    #: seconds between SIGTERM and SIGKILL
    grace: float
    #: bytes of the end of its output that are kept
    keep: int
    #: it may be begun although it was begun before
    again: bool


def read(path: str) -> dict[str, Any] | None:
    """A document that was written; None: it is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            document: dict[str, Any] = json.load(file)
            return document
    except FileNotFoundError:
        return None


def write(path: str, document: dict[str, Any]) -> None:
    """Write it so that a reader finds all of it or nothing, also after a power cut."""
    descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def runs(base: str) -> bool:
    """Whether a runner is at it."""
    try:
        lock = os.open(base + LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def run(spec: Spec) -> int:
    """Run it, unless somebody does or did.

    :returns: 0 when there is a result, else :data:`BUSY`
    """
    base = spec["base"]
    lock = os.open(base + LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    if not _locked(lock):
        return BUSY
    if os.path.exists(base + RESULT) or (os.path.exists(base + BEGUN) and not spec["again"]):
        return BUSY
    write(base + BEGUN, {"pid": os.getpid(), "at": time.time(), "limit": spec["limit"]})
    write(base + RESULT, _result(spec))
    return 0


def _locked(lock: int) -> bool:
    for _ in range(_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK)
        else:
            return True
    return False


def _die_with_us() -> None:
    # whoever kills the runner must not leave a command behind that has no limit
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _result(spec: Spec) -> dict[str, Any]:
    try:
        command = subprocess.Popen(  # noqa: S603  the operator's own words, without a shell
            spec["argv"],
            env=spec["env"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            preexec_fn=_die_with_us,
        )
    except (OSError, ValueError) as error:
        words = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        return {"error": f"{spec['argv'][0]}: {words}"}
    output = _Output(command, spec["keep"])
    timed_out = _follow(command, output, spec["limit"], spec["grace"])
    if timed_out:
        # what it has begun itself has no more right to go on than it has
        _signal(command.pid, signal.SIGKILL)
    output.rest()
    return {
        "status": command.returncode,
        "timed_out": timed_out,
        "alive": command.returncode is None,
        "output": output.text(),
    }


def _follow(
    command: "subprocess.Popen[bytes]", output: "_Output", limit: float, grace: float
) -> bool:
    """Wait for its end, and end it at its limit.

    :returns: whether the limit was reached
    """
    ends = time.monotonic() + limit
    steps = [(ends, signal.SIGTERM), (ends + grace, signal.SIGKILL), (ends + 2 * grace, None)]
    while command.poll() is None:
        moment, number = steps[0]
        if time.monotonic() < moment:
            output.take(_LOOK)
        elif number is None:
            break
        else:
            _signal(command.pid, number)
            del steps[0]
    return len(steps) < 3


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except OSError as error:
        # gone already; or it has given itself other rights, and ``alive`` will tell
        if error.errno not in (errno.ESRCH, errno.EPERM):
            raise


class _Output:
    """The end of what a command writes."""

    def __init__(self, command: "subprocess.Popen[bytes]", keep: int) -> None:
        assert command.stdout is not None  # noqa: S101  it was asked for
        self._pipe = command.stdout
        self._open = True
        self._keep = keep
        self._kept = bytearray()
        self._lost = False

    def take(self, seconds: float) -> None:
        """Read what there is, waiting so long for it."""
        if not self._open:
            time.sleep(seconds)
        elif select.select([self._pipe], [], [], seconds)[0]:
            data = os.read(self._pipe.fileno(), 1 << 20)
            self._open = bool(data)
            self._kept += data
            if len(self._kept) > self._keep:
                self._lost = True
                del self._kept[: -self._keep or None]

    def rest(self) -> None:
        """Read what is left, without waiting: a process left behind may hold the pipe open."""
        if self._open:
            self.take(0.0)

    def text(self) -> str:
        # NUL has no place in the text of a database
        text = self._kept.decode("utf-8", "replace").replace("\0", "\ufffd")
        return f"… {text}" if self._lost else text


def main() -> int:
    """Run what standard input says."""
    # handlers, not SIG_IGN, which the command would inherit
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        spec: Spec = json.load(sys.stdin)
    except ValueError:
        # whoever started us died before the end of the sentence
        return 1
    return run(spec)


if __name__ == "__main__":
    sys.exit(main())
