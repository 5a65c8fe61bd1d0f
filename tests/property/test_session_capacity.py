"""Placing servers and ordering hosts, against counting by hand."""

from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import capacity, plan

Size = tuple[int, int, int]

_sizes = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
_free = st.dictionaries(
    st.sampled_from("abcde"), st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8))
)
_servers = st.dictionaries(st.integers(0, 20).map(lambda n: f"s{n}"), _sizes, max_size=12)


def _sum(sizes: list[Size]) -> Size:
    return (sum(s[0] for s in sizes), sum(s[1] for s in sizes), sum(s[2] for s in sizes))


@given(_servers, _free)
def test_no_host_gets_more_than_it_has_room_for(
    servers: dict[str, Size], free: dict[str, Size]
) -> None:
    placed = capacity.place(servers, free)
    assert placed.keys() <= servers.keys()
    for host, room in free.items():
        there = _sum([servers[one] for one, where in placed.items() if where == host])
        assert all(used <= has for used, has in zip(there, room, strict=True))


@given(_servers, _free)
def test_whoever_is_left_over_has_room_nowhere(
    servers: dict[str, Size], free: dict[str, Size]
) -> None:
    placed = capacity.place(servers, free)
    for server in servers.keys() - placed.keys():
        for host, room in free.items():
            there = _sum([servers[one] for one, where in placed.items() if where == host])
            together = _sum([there, servers[server]])
            assert any(used > has for used, has in zip(together, room, strict=True))


@given(_servers, _free)
def test_the_order_of_what_is_given_says_nothing(
    servers: dict[str, Size], free: dict[str, Size]
) -> None:
    turned = dict(reversed(servers.items())), dict(reversed(free.items()))
    assert capacity.place(servers, free) == capacity.place(*turned)


@st.composite
def fleets(draw: st.DrawFn) -> plan.Fleet:
    names = [f"h{number}" for number in range(draw(st.integers(1, 6)))]
    keys = [HostKey("r", name) for name in names]
    planned = draw(st.lists(st.sampled_from(keys), unique=True))
    unclean = set(planned) | set(draw(st.lists(st.sampled_from(keys), unique=True)))
    used = {name: draw(_sizes) for name in names if draw(st.booleans())}
    free = {name: draw(_sizes) for name in names}
    return plan.Fleet(planned=planned, unclean=unclean, used=used, free=free)


def _fits(wanted: Size, rooms: list[Size]) -> bool:
    return all(one <= has for one, has in zip(wanted, _sum(rooms), strict=True))


@given(fleets())
def test_a_host_is_taken_once_and_left_out_only_where_there_is_no_room(fleet: plan.Fleet) -> None:
    waves = plan.waves(fleet)
    taken = [key for wave in waves for key in wave.hosts]
    assert len(taken) == len(set(taken))
    assert set(taken) <= set(fleet.planned)
    for key in set(fleet.planned) - set(taken):
        others = [room for host, room in fleet.free.items() if host != key.name]
        assert not _fits(fleet.used[key.name], others)


@given(fleets())
def test_what_is_called_empty_or_clean_is(fleet: plan.Fleet) -> None:
    unclean = {key.name for key in fleet.unclean}
    for wave in plan.waves(fleet):
        for key in wave.hosts:
            used = fleet.used.get(key.name, (0, 0, 0))
            rooms = [
                room
                for host, room in fleet.free.items()
                if host not in unclean and host != key.name
            ]
            assert wave.empty == (used == (0, 0, 0))
            assert wave.clean == (wave.empty or _fits(used, rooms))


@given(fleets())
def test_empty_hosts_come_first_and_servers_that_move_twice_last(fleet: plan.Fleet) -> None:
    waves = plan.waves(fleet)
    order = [(not wave.empty, not wave.clean) for wave in waves]
    assert order == sorted(order)
    turned = plan.Fleet(
        planned=list(reversed(fleet.planned)),
        unclean=fleet.unclean,
        used=dict(reversed(fleet.used.items())),
        free=dict(reversed(fleet.free.items())),
    )
    assert plan.waves(turned) == waves
