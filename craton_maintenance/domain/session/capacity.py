"""Whether servers fit on hosts; what plans are built on.

Sizes and free space are ``(vCPUs, MiB of memory, GiB of disk)``.
"""

from collections.abc import Iterable, Mapping

Size = tuple[int, int, int]


def fits(size: Size, free: Size) -> bool:
    """Whether one server, or a whole host's servers taken together, has room there."""
    return all(wanted <= there for wanted, there in zip(size, free, strict=True))


def less(free: Size, size: Size) -> Size:
    """What is left, never below nothing: an overcommitted host has no room, not less."""
    return (
        max(0, free[0] - size[0]),
        max(0, free[1] - size[1]),
        max(0, free[2] - size[2]),
    )


def place(sizes: Mapping[str, Size], free: Mapping[str, Size]) -> dict[str, str]:
    """A host for each server that has room somewhere: the largest first, the emptiest host.

    First-fit decreasing: not always the best, never wrong, and the same for the same input.
    Servers that are missing in what comes out have no room beside the others.
    """
    left = dict(free)
    found: dict[str, str] = {}
    for server, size in sorted(sizes.items(), key=lambda one: (one[1], one[0]), reverse=True):
        able = [host for host, there in left.items() if fits(size, there)]
        if able:
            best = max(able, key=lambda host: (left[host], host))
            found[server] = best
            left[best] = less(left[best], size)
    return found


def has_room(demand: Size, free: Iterable[Size]) -> bool:
    """Whether the hosts together have room for a demand; servers may still not fit singly."""
    there = [0, 0, 0]
    for one in free:
        for index, amount in enumerate(one):
            there[index] += amount
    return fits(demand, (there[0], there[1], there[2]))
