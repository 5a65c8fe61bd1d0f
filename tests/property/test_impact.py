"""What has to be told after servers changed, against looking at every project by itself."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.domain import impact

#: few projects and servers, so that the same come up on both sides
PARTS = st.dictionaries(
    st.sampled_from(["alpha", "beta", "gamma", "delta"]),
    st.sets(st.sampled_from(["s1", "s2", "s3"]), min_size=1).map(lambda ids: tuple(sorted(ids))),
)

Parts = Mapping[str, tuple[str, ...]]


@given(PARTS, PARTS)
def test_every_project_is_told_what_changed_for_it(before: Parts, after: Parts) -> None:
    seen = impact.difference(before, after)
    for project in before.keys() | after.keys():
        assert (project in seen.entered) == (project not in before)
        assert (project in seen.left) == (project not in after)
        both = project in before and project in after
        assert (project in seen.changed) == (both and before[project] != after[project])
    for told in (seen.entered, seen.changed, seen.left):
        assert list(told) == sorted(set(told))


@given(PARTS)
def test_nothing_is_told_where_nothing_changed(parts: Parts) -> None:
    assert not impact.difference(parts, dict(reversed(parts.items())))
