"""Times and durations as people type them."""

import argparse
import datetime as dt
import re

from craton_maintenance.domain import times

#: A time as typed: a moment, or how far it is from now.
When = dt.datetime | dt.timedelta

#: Seconds of a unit, and of the longest duration that makes sense.
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 100 * 365 * 86400
_DURATION = re.compile(r"(\d+[smhdw])+")
_NAIVE = re.compile(r"\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?")


def duration(text: str) -> dt.timedelta:
    """Read a duration such as ``90m`` or ``1h30m``.

    :raises argparse.ArgumentTypeError: with a sentence for whoever typed it
    """
    if not _DURATION.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a duration: write a number and its unit (s, m, h, d, w), "
            "such as 90m, 2h or 1h30m"
        )
    total = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))
    if not 0 < total <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not between a second and a hundred years")
    return dt.timedelta(seconds=total)


def seconds(text: str) -> int:
    """Read a number of seconds, with or without a unit: ``300``, ``5m``."""
    if text.isascii() and text.isdecimal():
        return int(text)
    return int(duration(text).total_seconds())


def when(text: str) -> When:
    """Read a time: ISO 8601 with an offset, ``now``, or ``+2h`` for two hours from now.

    A time without an offset is refused, not guessed: the operator's clock, the
    server's and the cloud's may be set to three different zones.

    :raises argparse.ArgumentTypeError: with a sentence for whoever typed it
    """
    if text.lower() == "now":
        return dt.timedelta()
    if text.startswith("+"):
        return duration(text[1:])
    if _NAIVE.fullmatch(text):
        raise argparse.ArgumentTypeError(_without_offset(text))
    # a space between date and time is as good as a T
    text = re.sub(r"^(\d{4}-\d{2}-\d{2}) (?=\d{2}:)", r"\1T", text).replace(" ", "")
    try:
        return times.parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(
            f"{problem}, or from now on as +30m, +2h, +1d, or now"
        ) from None


def _without_offset(text: str) -> str:
    try:
        here = dt.datetime.fromisoformat(text.upper()).astimezone()
    except (ValueError, OverflowError):
        return f"{text!r} is not a time that exists"
    iso = here.replace(tzinfo=None).isoformat(timespec="minutes")
    offset = here.isoformat()[-6:]
    local = f", or {iso}{offset} for this machine's time zone" if offset != "+00:00" else ""
    return f"{text!r} does not say which time zone: write {iso}Z for UTC{local}"


def moment(value: When, now: dt.datetime) -> dt.datetime:
    """The moment meant, when the command is run at ``now``; whole seconds."""
    return value if isinstance(value, dt.datetime) else now.replace(microsecond=0) + value
