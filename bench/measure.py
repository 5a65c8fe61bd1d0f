"""Time and memory, measured so that a busy machine does less harm."""

import os
import pathlib
import socket
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def interleaved(calls: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Figures of several calls, taken in turns: what disturbs one disturbs all.

    Every other round goes backwards, so that none always comes after the same other.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        names = list(calls)
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(calls[name]())
    return found


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the rounds' ratios: neighbours in time are compared."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def percentile(values: list[float], part: float) -> float:
    """The value that ``part`` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def until(check: Callable[[], T], every: float = 0.01, limit: float = 300.0) -> T:
    """The first true answer of ``check``.

    :raises TimeoutError: none came within ``limit`` seconds
    """
    end = time.monotonic() + limit
    while not (found := check()):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing within {limit:g} s")
        time.sleep(every)
    return found


def memory(pid: int) -> dict[str, float]:
    """A process's memory now, in MB: ``rss``, and ``pss``, which shares out what is shared."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("Rss", "Pss"):
            found[name.lower()] = int(value.split()[0]) / 1024
    return found


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used so far."""
    after_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid: int) -> float:
    """The most memory (RSS) that a process ever had, in MB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no VmHWM")


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
