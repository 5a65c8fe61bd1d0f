"""Sizes of samples, and strategies that several tests share."""

import datetime as dt
import os

import hypothesis
from hypothesis import strategies as st

from craton_maintenance.domain.window import Times

#: Many random examples instead of a fixed small sample.
FULL = bool(os.environ.get("CRATON_MAINTENANCE_FULL"))

ZERO = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def examples(sample: int, full: int, **more: object) -> hypothesis.settings:
    """Settings of a test whose examples are dear."""
    return hypothesis.settings(max_examples=full if FULL else sample, **more)


def second(number: int) -> dt.datetime:
    """So many seconds after the beginning."""
    return ZERO + dt.timedelta(seconds=number)


_moments = st.integers(0, 20).map(second)


@st.composite
def plausible_times(draw: st.DrawFn) -> Times:
    """Facts of a window as requests and operators can bring them about."""
    start = draw(st.integers(0, 15))
    end = draw(st.none() | st.integers(start + 1, 20))
    fate = draw(st.sampled_from(["left alone", "cancelled", "started", "finished", "both"]))
    started = draw(st.integers(0, start - 1)) if fate in ("started", "both") and start else None
    opens = start if started is None else started
    facts: dict[str, dt.datetime] = {}
    if started is not None:
        facts["started_at"] = second(started)
    if fate in ("finished", "both"):
        facts["finished_at"] = second(draw(st.integers(opens, 20 if end is None else end - 1)))
    if fate == "cancelled" and start:
        facts["cancelled_at"] = second(draw(st.integers(0, start - 1)))
    return Times(second(start), None if end is None else second(end), **facts)


#: Facts in any combination, also such as nobody can bring about.
any_times = st.builds(
    Times,
    start=_moments,
    end=st.none() | _moments,
    started_at=st.none() | _moments,
    finished_at=st.none() | _moments,
    cancelled_at=st.none() | _moments,
)
