"""The order in which a session takes its hosts."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.capacity import Size, has_room

_NONE: Size = (0, 0, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class Fleet:
    """Hosts and their capacity, as the survey of one moment has them."""

    #: hosts of the session that are still to be taken
    planned: Sequence[HostKey]
    #: hosts of the session that are not done, and take no server that is to stay
    unclean: Collection[HostKey]
    #: used and free by host name, of all enabled hosts of the region
    used: Mapping[str, Size]
    free: Mapping[str, Size]


@dataclasses.dataclass(frozen=True, slots=True)
class Wave:
    """Hosts that are taken at a time."""

    hosts: tuple[HostKey, ...]
    #: no server is on them
    empty: bool
    #: their servers have room on hosts that are done, or not of the session: they move once
    clean: bool


def waves(fleet: Fleet) -> list[Wave]:
    """Waves in order, one host each: the empty ones, then those that move the least.

    A host whose servers have no room anywhere is left out; it may have later, when
    others are done or applications need less.
    """
    empty = sorted(key for key in fleet.planned if _used(fleet, key) == _NONE)
    found = [Wave((key,), empty=True, clean=True) for key in empty]
    loaded = sorted(
        (key for key in fleet.planned if _used(fleet, key) != _NONE),
        key=lambda key: (_used(fleet, key), key),
    )
    dirty = []
    for key in loaded:
        if has_room(_used(fleet, key), _room(fleet, key, clean=True)):
            found.append(Wave((key,), empty=False, clean=True))
        elif has_room(_used(fleet, key), _room(fleet, key, clean=False)):
            dirty.append(Wave((key,), empty=False, clean=False))
    return found + dirty


def clean_free(fleet: Fleet) -> dict[str, Size]:
    """Free capacity of the hosts that servers may stay on."""
    unclean = {key.name for key in fleet.unclean}
    return {host: free for host, free in fleet.free.items() if host not in unclean}


def _used(fleet: Fleet, key: HostKey) -> Size:
    return fleet.used.get(key.name, _NONE)


def _room(fleet: Fleet, key: HostKey, clean: bool) -> list[Size]:
    there = clean_free(fleet) if clean else fleet.free
    return [free for host, free in there.items() if host != key.name]
