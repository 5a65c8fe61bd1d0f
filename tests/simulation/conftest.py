"""How many schedules: a fixed sample, many with CRATON_MAINTENANCE_FULL, or one by SEED."""

import os

#: Schedules of the sample, and of the full run.
_SAMPLE, _FULL = 100, 10_000

#: Each of these has found something once.
REGRESSIONS: tuple[int, ...] = (12, 23, 31)


def seeds() -> list[int]:
    """The seeds to play."""
    if "SEED" in os.environ:
        return [int(os.environ["SEED"])]
    if os.environ.get("CRATON_MAINTENANCE_FULL") == "1":
        return list(range(_FULL))
    return sorted({*range(_SAMPLE), *REGRESSIONS})
