"""Times: aware, in UTC, everywhere inside; text only at the edges."""

import datetime as dt
import re

#: Fenix's clients send this form and mean UTC.
_FENIX = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:?\d{2})")


def parse(text: str) -> dt.datetime:
    """Read a time.

    :param text: ISO 8601 with an offset, or ``YYYY-MM-DD HH:MM:SS`` taken as UTC
    :raises ValueError: anything else, with a sentence for whoever wrote it
    """
    if _FENIX.fullmatch(text):
        return dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.UTC)
    if not _ISO.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a time: write it as 2030-01-31T22:00:00Z, or with an "
            "offset such as +01:00"
        )
    try:
        return dt.datetime.fromisoformat(text.upper()).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time that exists") from None


def text(moment: dt.datetime) -> str:
    """Write a time as everything outside sees it, e.g. ``2030-01-31T22:00:00Z``."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"
