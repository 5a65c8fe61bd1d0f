"""What is asked of the API, and what its answers mean."""

import urllib.parse
from typing import Any

import pytest

from craton_maintenance_vitrage.maintenance import snapshot
from craton_maintenance_vitrage.maintenance.book import Stay


class Api:
    """Sessions by id: their state and their hosts' states; answers as the service does."""

    def __init__(self, **sessions: tuple[str, dict[str, str]]) -> None:
        self.sessions = sessions
        self.asked: list[str] = []
        #: done after each answer
        self.then: Any = lambda path: None

    def get(self, path: str) -> Any:
        self.asked.append(path)
        answer = self._answer(path)
        self.then(path)
        return answer

    def _answer(self, path: str) -> Any:
        where, _, query = path.partition("?")
        if where.endswith("/detail"):
            found = self.sessions.get(where.split("/")[2])
            if found is None:
                return None
            listed = [
                {"name": name, "region": "north", "state": state}
                for name, state in found[1].items()
            ]
            return {"hosts": listed}
        asked = dict(urllib.parse.parse_qsl(query))
        ids = [one for one, (state, _) in self.sessions.items() if state == asked["state"]]
        if "marker" in asked:
            ids = ids[ids.index(asked["marker"]) + 1 :]
        ids = ids[: int(asked["limit"])]
        return {"sessions": ids, "details": [self._counted(one) for one in ids]}

    def _counted(self, session_id: str) -> dict[str, Any]:
        states = list(self.sessions[session_id][1].values())
        return {"session_id": session_id, "hosts": {one: states.count(one) for one in states}}

    def details(self) -> list[str]:
        """Sessions that were looked at more closely."""
        return [path.split("/")[2] for path in self.asked if path.endswith("/detail")]


def test_hosts_between_the_beginning_of_their_work_and_their_return():
    api = Api(
        s1=("PLANNED_MAINTENANCE", {"a": "in_maintenance", "b": "draining", "c": "returned"}),
        s2=("PAUSED", {"d": "verifying"}),
        s3=("MAINTENANCE", {"e": "planned"}),
        s4=("MAINTENANCE_FAILED", {"f": "failed"}),
    )
    assert set(snapshot.read(api.get)) == {Stay("a", "s1", "north"), Stay("d", "s2", "north")}
    # nobody else is looked at
    assert sorted(api.details()) == ["s1", "s2"]
    assert snapshot.read(api.get, region="south") == []


def test_a_known_session_is_looked_at_in_any_case():
    """It may be over, or gone, or have got on while it was asked for."""
    api = Api(s1=("MAINTENANCE_DONE", {"a": "returned"}))
    assert snapshot.read(api.get, known=["s1", "gone"]) == []
    assert sorted(api.details()) == ["gone", "s1"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("PLANNED_MAINTENANCE", "PAUSED"),
        ("PAUSED", "PLANNED_MAINTENANCE"),
        ("START_MAINTENANCE", "PLANNED_MAINTENANCE"),
    ],
)
def test_a_session_that_gets_on_meanwhile_is_not_missed(before, after):
    """Whenever it does: after each of the answers in turn."""
    for moment in range(1, 9):
        api = Api(s1=(before, {"a": "in_maintenance"}))

        def then(path: str, api: Api = api, moment: int = moment) -> None:
            if len(api.asked) == moment:
                api.sessions["s1"] = (after, {"a": "in_maintenance"})

        api.then = then
        assert snapshot.read(api.get) == [Stay("a", "s1", "north")], moment


def test_many_sessions_come_in_pages():
    api = Api(**{f"s{n}": ("PAUSED", {f"h{n}": "in_maintenance"}) for n in range(1100)})
    assert len(snapshot.read(api.get)) == 1100


def test_a_user_who_may_not_see_sessions_is_not_told_that_there_are_none():
    def get(path: str) -> Any:
        return {"sessions": ["s1"], "details": [{"session_id": "s1", "state": "PAUSED"}]}

    with pytest.raises(ValueError, match="may not see"):
        snapshot.read(get)
