"""``command``: a program on the engine's machine, e.g. one that calls Ansible or IPMI."""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from craton_maintenance import schema
from craton_maintenance.domain.session.steps import Outcome, Result
from craton_maintenance.workflow.plugins import fill, runner
from craton_maintenance.workflow.plugins.base import Context, HostAction, Problem

LOG = logging.getLogger(__name__)

#: Seconds between SIGTERM and SIGKILL at the limit.
GRACE = 5.0
#: Seconds that the runner may take besides the command and its end.
_MARGIN = 2.0
#: Seconds between two looks whether a predecessor's command has ended.
_LOOK = 0.1
#: Folders of sessions are removed after so many seconds without news: a session that is looked
#: up later than this has been given up.
_OLD = 90 * 86400.0

_RESERVED = "MAINTENANCE_"
#: All that a command gets of our own environment: there are passwords in it.
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_INHERITED = ("PATH", "LANG", "HOME")


class Command(HostAction):
    """Options: ``host-action-command.json``. No shell is involved.

    The program runs in a session of its own under its time limit, also when this process is
    killed; its result is kept in ``[sessions] state_dir``, where a successor finds it. It gets
    ``MAINTENANCE_SESSION``, ``_STEP``, ``_HOST``, ``_REGION``, ``_SERVER`` and ``_STAGE``, and
    nothing else of ours.

    Exit status 0 is success. A program that gives itself other rights (sudo) can't be ended at
    its limit by us: give it a limit of its own.
    """

    placeholders = True

    def check(self, options: Mapping[str, Any]) -> Sequence[Problem]:
        problems = problems_of("host-action-command", options)
        if problems:
            return problems
        if not options["argv"][0]:
            problems.append(("argv/0", "is empty"))
        if fill.used(options["argv"][0]):
            problems.append(("argv/0", "has a placeholder: the program must be a fixed one"))
        for name in options.get("env", ()):
            if name.startswith(_RESERVED):
                problems.append((f"env/{name}", f"names that begin with {_RESERVED} are ours"))
        return problems

    def look(self, context: Context) -> Outcome | None:
        return _look(_base(context), context)

    def run(self, context: Context) -> Outcome:
        limit = min(context.limit, context.left - 2 * GRACE - _MARGIN)
        if limit <= 0:
            return Outcome(Result.LATER, code="NO_TIME", words="no time is left to run it")
        try:
            spec = _spec(context, limit)
        except ValueError as error:
            return Outcome(Result.REFUSED, code="BAD_OPTIONS", words=str(error))
        try:
            _tidy(context.state_dir)
            Path(spec["base"]).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            said = _start(spec, context.left)
        except OSError as error:
            return Outcome(
                Result.REFUSED,
                code="NOT_STARTED",
                words=f"{error.filename or 'the runner'}: {error.strerror}",
            )
        found = _look(spec["base"], context)
        if found is not None:
            return found
        if Path(spec["base"] + runner.BEGUN).exists():
            return Outcome(Result.UNCLEAR, words="its runner was killed")
        words = f"its runner did not start: {said}" if said else "its runner did not start"
        return Outcome(Result.REFUSED, code="NOT_STARTED", words=words)


def problems_of(name: str, options: Mapping[str, Any]) -> list[Problem]:
    """What a schema finds wrong."""
    try:
        schema.check(name, dict(options))
    except schema.Invalid as problem:
        return problem.problems
    return []


def _base(context: Context) -> str:
    return str(context.state_dir / context.session_id / str(context.number))


def _spec(context: Context, limit: float) -> runner.Spec:
    """
    :raises ValueError: an option can't be filled in
    """
    known = fill.values(context)
    if any("\0" in value for value in known.values()):
        raise ValueError("a name has a character in it that no command can be given")
    ours = {f"{_RESERVED}{name.upper()}": value for name, value in known.items()}
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return runner.Spec(
        base=_base(context),
        argv=fill.filled(context.options["argv"], known),
        env=_ENVIRONMENT
        | inherited
        | fill.filled(context.options.get("env", {}), known)
        | ours
        | {f"{_RESERVED}STAGE": context.stage},
        limit=limit,
        grace=GRACE,
        keep=context.keep,
        again=context.again,
    )


def _start(spec: runner.Spec, seconds: float) -> str:
    """Start a runner, and wait for its end, but not longer.

    :returns: the last line of what it says of a failure
    """
    process = subprocess.Popen(  # noqa: S603  nothing in it is from outside
        [sys.executable, "-I", runner.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
        text=True,
    )
    try:
        _, said = process.communicate(json.dumps(spec), timeout=seconds)
    except subprocess.TimeoutExpired:
        # it ends by itself, later; somebody has to take its exit status
        threading.Thread(target=process.communicate, daemon=True).start()
        return ""
    lines = said.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _look(base: str, context: Context) -> Outcome | None:
    """The result; where it runs still, after waiting for it. None: there is none."""
    while True:
        # in this order: it may end between the two looks
        running = runner.runs(base)
        result = runner.read(base + runner.RESULT)
        if result is not None:
            return _outcome(result, context.limit)
        if not running:
            return None
        if not context.left:
            return Outcome(Result.UNCLEAR, code="RUNNING", words="it still runs")
        time.sleep(min(_LOOK, context.left))


def _outcome(result: Mapping[str, Any], limit: float) -> Outcome:
    if "error" in result:
        return Outcome(Result.REFUSED, code="NOT_STARTED", words=result["error"])
    facts = {"output": result["output"], "status": result["status"]}
    if result["alive"]:
        words = "its time is over, and it could not be ended"
        return Outcome(Result.UNCLEAR, facts, "TIMED_OUT", words)
    if result["timed_out"]:
        words = _with_last_line("it was ended, its time was over", result["output"])
        return Outcome(Result.REFUSED, facts, "TIMED_OUT", words)
    status = result["status"]
    if status == 0:
        return Outcome(Result.DONE, facts)
    how = f"exit status {status}" if status > 0 else f"ended by signal {-status}"
    return Outcome(Result.REFUSED, facts, "FAILED", _with_last_line(how, result["output"]))


def _with_last_line(words: str, output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"{words}: {lines[-1][:200]}" if lines else words


def _tidy(state_dir: Path) -> None:
    """Remove what sessions of long ago have left."""
    try:
        old = [
            entry.path
            for entry in os.scandir(state_dir)
            if entry.is_dir(follow_symlinks=False)
            and time.time() - entry.stat(follow_symlinks=False).st_mtime > _OLD
        ]
    except FileNotFoundError:
        return
    for path in old:
        LOG.info("removing %s: nothing has come of it for long", path)
        shutil.rmtree(path, ignore_errors=True)
