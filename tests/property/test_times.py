"""Times in and out."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.domain import times

OFFSETS = st.integers(-14 * 60, 14 * 60).map(
    lambda minutes: dt.timezone(dt.timedelta(minutes=minutes))
)
#: Hypothesis takes these bounds without an offset
_FIRST, _LAST = (dt.datetime(year, 1, 2) for year in (1970, 9999))  # noqa: DTZ001
MOMENTS = st.datetimes(_FIRST, _LAST, timezones=OFFSETS)


@given(MOMENTS)
def test_what_is_written_is_read_as_the_same_moment(moment):
    text = times.text(moment)
    assert times.parse(text) == moment
    assert times.parse(text).utcoffset() == dt.timedelta(0)


@given(MOMENTS, st.sampled_from(["T", "t"]))
def test_every_offset_is_understood(moment, letter):
    iso = moment.isoformat()
    assert times.parse(iso.replace("T", letter)) == moment
    # the offset also without its colon
    assert times.parse(iso[:-3] + iso[-2:]) == moment


@given(MOMENTS.map(lambda moment: moment.astimezone(dt.UTC).replace(microsecond=0)))
def test_the_form_of_fenix_is_utc(moment):
    assert times.parse(moment.strftime("%Y-%m-%d %H:%M:%S")) == moment


@given(MOMENTS)
def test_a_time_without_offset_is_refused(moment):
    with pytest.raises(ValueError, match="is not a time"):
        times.parse(moment.replace(tzinfo=None).isoformat())


@given(st.text() | st.from_regex(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(Z|\+\d{4})?"))
def test_whatever_is_sent_is_a_time_or_a_sentence(text):
    try:
        moment = times.parse(text)
    except ValueError as error:
        words = str(error)
        moment = None
    if moment is None:
        assert words
    else:
        assert moment.utcoffset() == dt.timedelta(0)
        assert times.parse(times.text(moment)) == moment


@given(st.integers(25, 99), MOMENTS)
def test_an_hour_that_does_not_exist_is_refused(hour, moment):
    text = f"{moment:%Y-%m-%d}T{hour}:00:00Z"
    with pytest.raises(ValueError, match="not a time that exists"):
        times.parse(text)
