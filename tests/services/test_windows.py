"""Windows on real databases: what happens to one, and what happens to many at once."""

import datetime as dt
import logging

from craton_maintenance.db.database import Transaction
from craton_maintenance.engine.clock import Clock as ClockWorker
from craton_maintenance.service import utcnow
from craton_maintenance.windows.service import Windows
from tests.support import deployment, history
from tests.support.waiting import together

AT_ONCE = 8
A_MINUTE = dt.timedelta(minutes=1)


def test_a_window_is_set_changed_started_and_finished(service, operator):
    window = operator.set_window(["compute-01"], **_tomorrow(service))
    path = f"/v1/maintenance-windows/{window['id']}"
    assert window["state"] == "scheduled"
    changed = operator.call("PATCH", path, {"announcement": "new disks"}).json
    assert (changed["revision"], changed["announcement"]) == (2, "new disks")
    assert operator.call("POST", f"{path}/start").json["state"] == "open"
    assert operator.call("POST", f"{path}/finish").json["state"] == "closed"
    told = ["created", "updated", "opened", "closed"]
    for project in ("admin", "alpha", "beta"):
        assert history.told(service.database, project, window["id"]) == told


def test_a_window_is_cancelled_once(service, operator):
    window = operator.set_window(["compute-01"], **_tomorrow(service))
    path = f"/v1/maintenance-windows/{window['id']}"
    answers = together([lambda: operator.call("DELETE", path).status_code] * AT_ONCE)
    assert sorted(answers) == [204] + [409] * (AT_ONCE - 1)
    assert history.told(service.database, "alpha", window["id"]) == ["created", "cancelled"]


def test_what_was_decided_holds_also_where_the_clock_is_behind(service, operator, clock):
    """Two APIs on hosts whose clocks differ: the other one is a minute ahead."""
    ahead = deployment.api(deployment.service(service.database, lambda: clock() + A_MINUTE))
    cancelled = ahead.set_window(["compute-01"], **_tomorrow(service))
    finished = ahead.set_window(["compute-02"])
    assert ahead.call("DELETE", _path(cancelled)).status_code == 204
    assert ahead.call("POST", f"{_path(finished)}/finish").status_code == 200
    for window in (cancelled, finished):
        path = _path(window)
        before = operator.get(path)
        answers = [
            operator.call("PATCH", path, {"announcement": "too late"}),
            operator.call("DELETE", path),
            operator.call("POST", f"{path}/start"),
            operator.call("POST", f"{path}/finish"),
        ]
        assert [answer.json["code"] for answer in answers] == ["WINDOW_OVER"] * 4
        assert operator.get(path)["revision"] == before["revision"] == 2
    ClockWorker(service).work()
    assert history.told(service.database, "alpha", cancelled["id"]) == ["created", "cancelled"]
    assert history.told(service.database, "alpha", finished["id"])[-1] == "closed"


def test_the_clock_opens_and_closes_a_window_once_however_many_engines_look(
    service, operator, clock
):
    window = operator.set_window(["compute-01"], **_tomorrow(service))
    clock.forward(days=1, seconds=1)
    together([ClockWorker(service).work] * 4)
    assert history.told(service.database, "alpha", window["id"]) == ["created", "opened"]
    clock.forward(hours=2)
    together([ClockWorker(service).work] * 4)
    assert history.told(service.database, "beta", window["id"]) == ["created", "opened", "closed"]


def test_a_window_that_can_not_be_opened_holds_up_no_other(database, monkeypatch, caplog):
    now = [utcnow()]
    service = deployment.service(database, lambda: now[0])
    operator, worker = deployment.api(service), ClockWorker(service)
    ill = operator.set_window(["compute-01"], **_tomorrow(service))["id"]
    well = operator.set_window(["compute-02"], **_tomorrow(service))["id"]
    advance = Windows.advance

    def fails(windows: Windows, transaction: Transaction, window_id: str) -> object:
        if window_id == ill:
            raise KeyError("a fault of ours")
        return advance(windows, transaction, window_id)

    def later(**more: float) -> float:
        now[0] += dt.timedelta(**more)
        return worker.work()

    monkeypatch.setattr(Windows, "advance", fails)
    with caplog.at_level(logging.ERROR):
        assert later(days=1) == min(1.0, service.conf.engine.poll_seconds)
        assert history.told(service.database, "alpha", well) == ["created", "opened"]
        # tried again after a pause, which grows
        later(seconds=0.5)
        later(seconds=0.5)
    said = f"window {ill}: KeyError: 'a fault of ours'"
    assert [one.getMessage() for one in caplog.records] == [said] * 2
    assert [bool(one.exc_info) for one in caplog.records] == [True, False]
    monkeypatch.undo()
    later(seconds=1)
    assert history.told(service.database, "alpha", ill) == ["created"]
    later(seconds=1)
    assert history.told(service.database, "alpha", ill) == ["created", "opened"]


def test_of_windows_set_on_one_host_at_once_exactly_one_wins(service, operator):
    answers = together([lambda: operator.post_window(["compute-01"])] * AT_ONCE)
    won = [answer for answer in answers if answer.status_code == 201]
    lost = [answer for answer in answers if answer.status_code == 409]
    assert (len(won), len(lost)) == (1, AT_ONCE - 1)
    for answer in lost:
        assert answer.json["code"] == "WINDOW_OVERLAP"
        assert won[0].json["id"] in answer.json["message"]
    assert history.told(service.database, "alpha") == ["created", "opened"]


def test_windows_set_on_different_hosts_at_once_all_win(service, operator):
    hosts = [f"compute-{number:02}" for number in range(1, AT_ONCE + 1)]
    answers = together([lambda host=host: operator.post_window([host]) for host in hosts])
    assert [answer.status_code for answer in answers] == [201] * AT_ONCE
    history.assert_complete(service.database)


def test_a_key_sent_many_times_at_once_sets_one_window(service, operator):
    key = {"Idempotency-Key": "once"}
    answers = together([lambda: operator.post_window(["compute-01"], key)] * AT_ONCE)
    assert [answer.status_code for answer in answers] == [201] * AT_ONCE
    assert len({answer.json["id"] for answer in answers}) == 1
    assert history.told(service.database, "alpha") == ["created", "opened"]


def test_a_key_sent_at_once_for_different_windows_sets_one_and_refuses_the_others(
    service, operator
):
    key = {"Idempotency-Key": "once"}
    hosts = [f"compute-{number:02}" for number in range(1, AT_ONCE + 1)]
    answers = together([lambda host=host: operator.post_window([host], key) for host in hosts])
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] + [422] * (AT_ONCE - 1)
    assert len(operator.get("/v1/maintenance-windows")["maintenance_windows"]) == 1


def test_a_refused_request_leaves_its_key_free(operator):
    key = {"Idempotency-Key": "again"}
    other = operator.set_window(["compute-01"])
    assert operator.post_window(["compute-01"], key).status_code == 409
    assert (
        operator.call("POST", f"/v1/maintenance-windows/{other['id']}/finish").status_code == 200
    )
    assert operator.post_window(["compute-01"], key).status_code == 201


def test_clients_who_edit_what_they_have_read_lose_no_edit(service, operator):
    window = operator.set_window(["compute-01"], reason="", **_tomorrow(service))
    path = f"/v1/maintenance-windows/{window['id']}"
    names = [f"client-{number}" for number in range(AT_ONCE)]

    def edit(name: str) -> int:
        for refused in range(10 * AT_ONCE):
            seen = operator.call("GET", path)
            reason = f"{seen.json['reason']} {name}".strip()
            answer = operator.call(
                "PATCH", path, {"reason": reason}, If_Match=seen.headers["ETag"]
            )
            if answer.status_code == 200:
                return refused
            assert answer.status_code == 412, answer.text
        raise AssertionError(f"{name} never got its edit through")

    together([lambda name=name: edit(name) for name in names])
    last = operator.get(path)
    assert sorted(last["reason"].split()) == sorted(names)
    assert last["revision"] == 1 + len(names)


def test_edits_of_different_fields_at_once_are_all_kept(service, operator):
    window = operator.set_window(["compute-01"], **_tomorrow(service))
    path = f"/v1/maintenance-windows/{window['id']}"
    edits = {
        "reason": "disks",
        "announcement": "new disks",
        "impact": "DEGRADED",
        "expected_interruption": 60,
    }
    together(
        [
            lambda name=name, value=value: operator.call("PATCH", path, {name: value})
            for name, value in edits.items()
        ]
    )
    last = operator.get(path)
    assert {name: last[name] for name in edits} == edits
    assert last["revision"] == 1 + len(edits)


def test_a_project_sees_its_own_part_on_every_database(service, operator):
    window = operator.set_window(["compute-01", "compute-02"], **_tomorrow(service))
    alpha = operator.as_project("alpha").get(f"/v1/maintenance-windows/{window['id']}")
    beta = operator.as_project("beta").get(f"/v1/maintenance-windows/{window['id']}")
    assert (sorted(alpha["servers"]), beta["servers"]) == (["a-1", "a-2", "a-3"], ["b-1"])


def _path(window: dict) -> str:
    return f"/v1/maintenance-windows/{window['id']}"


def _tomorrow(service) -> dict[str, str]:
    start = service.clock() + dt.timedelta(days=1)
    return {"start": start.isoformat(), "end": (start + dt.timedelta(hours=1)).isoformat()}
