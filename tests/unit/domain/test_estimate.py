"""When a session is expected to end."""

import datetime as dt

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.estimate import estimate
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import HostState

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def ago(minutes: float) -> dt.datetime:
    return NOW - dt.timedelta(minutes=minutes)


def host(
    name: str, state: HostState, began: float | None = None, ended: float | None = None
) -> Host:
    return Host(
        HostKey("R", name),
        state,
        began_at=None if began is None else ago(began),
        ended_at=None if ended is None else ago(ended),
    )


def test_nothing_is_known_before_the_first_host_is_done():
    assert estimate([host("a", HostState.DRAINING, 5), host("b", HostState.PLANNED)], NOW) is None


def test_nothing_is_expected_when_nothing_is_left():
    assert estimate([host("a", HostState.RETURNED, 10, 0)], NOW) is None


def test_the_mean_for_each_that_is_left_less_what_has_passed():
    found = estimate(
        [
            host("a", HostState.RETURNED, 60, 40),
            host("b", HostState.RETIRED, 40, 30),
            host("c", HostState.SKIPPED, 30, 29),
            host("d", HostState.DRAINING, 5),
            host("e", HostState.PLANNED),
        ],
        NOW,
    )
    assert found is not None
    # the mean is 15 minutes: ten are left of d, and all of e
    assert found.ends_at == NOW + dt.timedelta(minutes=25)
    assert found.hosts == 2


def test_a_host_that_takes_longer_is_expected_now():
    found = estimate(
        [host("a", HostState.RETURNED, 20, 10), host("b", HostState.IN_MAINTENANCE, 100)], NOW
    )
    assert found is not None
    assert found.ends_at == NOW


def test_a_host_that_was_given_back_counts_as_not_begun():
    found = estimate(
        [host("a", HostState.RETURNED, 20, 10), host("b", HostState.PLANNED, 100)], NOW
    )
    assert found is not None
    assert found.ends_at == NOW + dt.timedelta(minutes=10)
