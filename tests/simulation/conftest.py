"""How many schedules: a fixed sample, many with CRATON_MAINTENANCE_FULL, or one by SEED."""

import os

#: Schedules of the sample, and of the full run; CRATON_MAINTENANCE_SCHEDULES says how many
#: it is in place of that.
_SAMPLE, _FULL = 100, 10_000

#: Each of these has found something once.
REGRESSIONS: tuple[int, ...] = (
    532,
    798,
    1832,
    2044,
    2088,
    2101,
    2145,
    2178,
    2228,
    3098,
    3923,
    4100,
    5114,
    5195,
    5920,
    7333,
    8286,
)


def seeds() -> list[int]:
    """The seeds to play."""
    if "SEED" in os.environ:
        return [int(os.environ["SEED"])]
    if os.environ.get("CRATON_MAINTENANCE_FULL") == "1":
        return list(range(int(os.environ.get("CRATON_MAINTENANCE_SCHEDULES", _FULL))))
    return sorted({*range(_SAMPLE), *REGRESSIONS})
