"""What the quick check takes for valid, the thorough one takes as well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance import schema

EVENTS = sorted(name for name in schema.documents() if name.startswith("event-"))

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 400),
    st.sampled_from(
        [
            "craton-maintenance",
            "0d7c5e6a-3f0e-4e58-9d3c-6f1f3a0c2b11",
            "2030-01-31T22:00:00Z",
            "2030-01-31T22:00:00",
            "OUTAGE",
            "OPERATOR",
            "open",
            "PAUSED",
            "MAINTENANCE",
            "true",
            "x" * 300,
            "a\n",
        ]
    ),
    st.lists(st.sampled_from(["a", "b" * 200]), max_size=2),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from(["x", "y" * 300, 1]), max_size=2),
)


@pytest.mark.parametrize("name", EVENTS)
@given(data=st.data())
def test_quick_is_never_more_lenient(name: str, data: st.DataObject) -> None:
    known = schema.documents()[name].get("properties", {})
    keys = st.sampled_from([*known, "unknown"])
    document = data.draw(st.dictionaries(keys, _VALUES, max_size=len(known) + 1))
    if schema.is_valid(name, document):
        schema.check(name, document)


def test_quick_takes_what_is_valid_and_nothing_else() -> None:
    payload = {
        "service": "craton-maintenance",
        "project_id": "admin",
        "session_id": "0d7c5e6a-3f0e-4e58-9d3c-6f1f3a0c2b11",
        "state": "PAUSED",
        "percent_done": 3,
    }
    assert schema.is_valid("event-session", payload)
    assert not schema.is_valid("event-session", payload | {"words": "x" * 256})
    assert not schema.is_valid("event-session", payload | {"session_id": "none"})
