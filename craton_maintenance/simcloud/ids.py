"""Ids and times as OpenStack writes them, the same on every run."""

import functools
import hashlib
import time
import uuid
from datetime import UTC, datetime

_SPACE = uuid.UUID("6f1cf9f5-6f0e-5d26-9b3a-0d6b3b1c7a41")


def make_uuid(*parts: object) -> str:
    """A UUID that depends on nothing but the names it is made from."""
    return str(uuid.uuid5(_SPACE, "/".join(str(part) for part in parts)))


def make_hex(*parts: object) -> str:
    """The same without dashes: how Keystone writes the ids of projects and users."""
    return make_uuid(*parts).replace("-", "")


@functools.lru_cache(maxsize=200_000)
def host_id(project_id: str, host: str) -> str:
    """What a project sees of a host: SHA-224 of its own id and the host's name."""
    return hashlib.sha224((project_id + host).encode()).hexdigest()


@functools.lru_cache(maxsize=200_000)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def zulu(moment: float) -> str:
    """As in a server's "created": whole seconds, with Z."""
    return _stamp(int(moment)) + "Z"


def micros(moment: float | None) -> str | None:
    """As in most other fields: Nova's database keeps whole seconds, and there is no zone."""
    return None if moment is None else _stamp(int(moment)) + ".000000"


def parse_time(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time, UTC if it names no zone; ValueError."""
    moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def is_uuid(text: str) -> bool:
    """Whether this can be the id of something."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
