"""Times and durations as people type them."""

import argparse
import datetime as dt
import time

import pytest

from craton_maintenance.cli import times

NOW = dt.datetime(2030, 1, 31, 12, 0, 0, 654321, tzinfo=dt.UTC)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.delenv("TZ")
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("2h", 7200), ("1h30m", 5400), ("1d", 86400), ("2w", 1209600), ("45s", 45)],
)
def test_duration(text, seconds):
    assert times.duration(text) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "90", "h", "-1h", "1 h", "1.5h", "1y", "PT1H", "2h3"])
def test_what_is_no_duration_is_explained(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as 90m, 2h or 1h30m"):
        times.duration(text)


@pytest.mark.parametrize("text", ["0h", "99999999999999999w"])
def test_durations_have_bounds(text):
    with pytest.raises(argparse.ArgumentTypeError, match="hundred years"):
        times.duration(text)


@pytest.mark.parametrize(("text", "seconds"), [("300", 300), ("5m", 300), ("0", 0)])
def test_seconds(text, seconds):
    assert times.seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2030-01-31T12:00:00+00:00"),
        ("NOW", "2030-01-31T12:00:00+00:00"),
        ("+30m", "2030-01-31T12:30:00+00:00"),
        ("+1d2h", "2030-02-01T14:00:00+00:00"),
        ("2030-01-31T22:00Z", "2030-01-31T22:00:00+00:00"),
        ("2030-01-31 22:00Z", "2030-01-31T22:00:00+00:00"),
        ("2030-01-31 22:00:30 +01:00", "2030-01-31T21:00:30+00:00"),
        ("2030-01-31T22:00:00-0500", "2030-02-01T03:00:00+00:00"),
    ],
)
def test_moment(text, meant):
    assert times.moment(times.when(text), NOW) == dt.datetime.fromisoformat(meant)


@pytest.mark.parametrize("text", ["2030-01-31T22:00", "2030-01-31 22:00:00", "2030-01-31"])
def test_a_time_without_zone_is_refused_not_guessed(text):
    with pytest.raises(argparse.ArgumentTypeError, match="does not say which time zone"):
        times.when(text)


def test_the_refusal_shows_how_to_write_it(berlin):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        times.when("2030-07-31 22:00")
    assert "2030-07-31T22:00Z for UTC" in str(caught.value)
    assert "2030-07-31T22:00+02:00 for this machine's time zone" in str(caught.value)


@pytest.mark.parametrize("text", ["tomorrow", "22:00", "2030-13-01T00:00Z", "+", "+2", ""])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        times.when(text)


def test_a_day_that_does_not_exist():
    with pytest.raises(argparse.ArgumentTypeError, match="that exists"):
        times.when("2030-02-30T00:00")
