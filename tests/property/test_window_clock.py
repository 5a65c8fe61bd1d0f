"""The state of a window against a clock that is stepped second by second."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.domain import window
from craton_maintenance.domain.window import FINAL, State, Times
from tests.property.samples import plausible_times, second

LAST = 24


class StepByStep:
    """A window that is told about each second and each command, and computes nothing."""

    def __init__(self, start: int, end: int | None) -> None:
        self.state = State.SCHEDULED
        self.times = Times(second(start), None if end is None else second(end))

    def tick(self, now: int) -> None:
        if self.state is State.SCHEDULED and second(now) >= self.times.start:
            self.state = State.OPEN
        if self.state is State.OPEN and self.times.end and second(now) >= self.times.end:
            self.state = State.CLOSED

    def command(self, name: str, now: int) -> None:
        """An operator's word; ignored where the API would answer 409."""
        match name, self.state:
            case "start", State.SCHEDULED:
                self._now(State.OPEN, started_at=second(now))
            case "finish", State.OPEN:
                self._now(State.CLOSED, finished_at=second(now))
            case "cancel", State.SCHEDULED:
                self._now(State.CANCELLED, cancelled_at=second(now))
            case "prolong", State.OPEN if self.times.end:
                self._now(State.OPEN, end=second(now + 5))
            case "leave open", State.OPEN:
                self._now(State.OPEN, end=None)
            case "postpone", State.SCHEDULED if self.times.end is None:
                self._now(State.SCHEDULED, start=second(now + 3))

    def _now(self, state: State, **facts: object) -> None:
        self.state = state
        self.times = dataclasses.replace(self.times, **facts)


COMMANDS = st.dictionaries(
    st.integers(0, 20),
    st.sampled_from(["start", "finish", "cancel", "prolong", "leave open", "postpone"]),
    max_size=6,
)


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int | None]:
    start = draw(st.integers(0, 15))
    return start, draw(st.none() | st.integers(start + 1, 20))


@given(spans(), COMMANDS)
def test_the_state_is_what_a_clock_stepped_by_seconds_arrives_at(span, commands):
    stepped = StepByStep(*span)
    for now in range(LAST):
        stepped.tick(now)
        if now in commands:
            stepped.command(commands[now], now)
        assert window.state(stepped.times, second(now)) is stepped.state, now


@given(plausible_times())
def test_a_window_that_is_over_stays_over_and_one_that_opened_never_is_scheduled_again(times):
    order = [State.SCHEDULED, State.OPEN, State.CLOSED]
    before = window.state(times, second(0))
    for now in range(1, LAST):
        after = window.state(times, second(now))
        if before in FINAL:
            assert after is before
        elif after is not State.CANCELLED:
            assert order.index(after) >= order.index(before)
        else:
            assert before is State.SCHEDULED
        before = after


@given(plausible_times(), st.integers(0, 20))
def test_a_change_is_due_at_the_first_second_that_shows_another_state(times, since):
    told = window.state(times, second(since))
    changes = [
        second(now) for now in range(since, LAST) if window.state(times, second(now)) is not told
    ]
    assert window.due(times, told) == (changes[0] if changes else None)


@given(plausible_times(), st.lists(st.integers(0, LAST - 1), min_size=1))
def test_whoever_looks_now_and_then_tells_every_state_in_order(times, looks):
    told = [State.SCHEDULED]
    for now in sorted({*looks, LAST}):
        told += window.path(told[-1], window.state(times, second(now)))
    seen = [window.state(times, second(now)) for now in range(LAST + 1)]
    if window.State.CLOSED in seen and window.State.OPEN not in seen:
        # finished in the very second in which it opened
        seen.insert(seen.index(State.CLOSED), State.OPEN)
    assert told == list(dict.fromkeys([State.SCHEDULED, *seen]))


@given(plausible_times(), st.sampled_from(State))
def test_nothing_is_told_twice(times, told):
    for now in range(LAST):
        state = window.state(times, second(now))
        assert told not in window.path(told, state)
        assert window.path(state, state) == ()


@given(plausible_times(), plausible_times())
def test_windows_overlap_when_a_second_finds_both_of_them_open(one, other):
    one, other = (
        dataclasses.replace(times, cancelled_at=None, finished_at=None) for times in (one, other)
    )
    together = any(
        window.state(one, second(now)) is window.state(other, second(now)) is State.OPEN
        for now in range(LAST)
    )
    assert window.overlap(one, other) == window.overlap(other, one) == together


@pytest.mark.parametrize("told", sorted(FINAL))
def test_nothing_is_due_for_a_window_that_is_over(told):
    assert window.due(Times(second(1), second(2)), told) is None
