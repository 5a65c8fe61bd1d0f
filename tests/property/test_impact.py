"""Who has to be told after servers came and went."""

from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.domain import impact

PROJECTS = st.sampled_from(["p", "q", "r", "s"])
SERVERS = st.lists(st.tuples(PROJECTS, st.sampled_from("123456")), unique=True)


@given(SERVERS)
def test_parts_hold_every_server_once_with_its_project(servers):
    found = impact.parts(servers)
    assert sorted((p, s) for p, ids in found.items() for s in ids) == sorted(servers)
    assert all(list(ids) == sorted(ids) and ids for ids in found.values())


@given(SERVERS, SERVERS)
def test_each_project_is_in_the_one_list_that_its_servers_say(before, after):
    seen = impact.difference(impact.parts(before), impact.parts(after))
    for project in "pqrs":
        had = {server for owner, server in before if owner == project}
        has = {server for owner, server in after if owner == project}
        lists = [
            name
            for name in ("entered", "changed", "left")
            for found in getattr(seen, name)
            if found == project
        ]
        if had == has:
            assert lists == []
        elif not had:
            assert lists == ["entered"]
        elif not has:
            assert lists == ["left"]
        else:
            assert lists == ["changed"]
    assert bool(seen) == (set(before) != set(after))


@given(SERVERS, st.randoms(use_true_random=False))
def test_the_order_in_which_servers_are_listed_is_no_difference(servers, random):
    shuffled = random.sample(servers, len(servers))
    assert not impact.difference(impact.parts(servers), impact.parts(shuffled))
