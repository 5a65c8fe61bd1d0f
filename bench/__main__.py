"""Run benches by name, all of them without one."""

import argparse
import sys
from collections.abc import Callable, Iterator

import pytest

from bench import (
    aodh,
    lag,
    listeners,
    memory,
    nova_api,
    nova_links,
    pages,
    relay,
    replies,
    sessions,
    sync,
    variables,
    window,
)
from bench.result import Result, say

BENCHES: dict[str, Callable[[], Iterator[Result]]] = {
    "pages": pages.run,
    "sync": sync.run,
    "window": window.run,
    "relay": relay.run,
    "variables": variables.run,
    "listeners": listeners.run,
    "memory": memory.run,
    "nova-links": nova_links.run,
    "nova-api": nova_api.run,
    "sessions": sessions.run,
    "replies": replies.run,
    "aodh": aodh.run,
    "lag": lag.run,
}


def main() -> int:
    """:returns: 0 if all ran; targets that were missed are said on standard error"""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    wanted = parser.parse_args().names or list(BENCHES)
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    missed = []
    for name in wanted:
        say(f"-- {name}")
        for result in _results(name):
            print(result.line(), flush=True)
            if result.ok is False:
                missed.append(result)
    for result in missed:
        ratio = "" if result.ratio is None else f", ratio {result.ratio:.3g}"
        say(f"missed: {result.name}: {result.value:.4g} {result.unit}{ratio}; {result.target}")
    return 0


def _results(name: str) -> Iterator[Result]:
    try:
        yield from BENCHES[name]()
    except pytest.skip.Exception as skipped:
        say(f"not measured: {name}: {skipped}")


if __name__ == "__main__":
    sys.exit(main())
