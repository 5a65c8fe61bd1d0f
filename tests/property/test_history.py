"""The history a project reads, replayed, is what the service shows as pending.

Operators set, change, start, finish and cancel windows; the clock goes on; servers
and hosts move; the engine works now and then.  Whatever the order, once the engine
has worked a project that has read all its events knows every window that concerns
it: its state, its times, its servers.

What replay does not promise is the newest revision: an edit that a project does not
see (the reason, the target host, hosts without its servers) makes a new revision and
no event for it.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from craton_maintenance import simcloud
from craton_maintenance.db import fleet, tables
from craton_maintenance.domain import event, scope
from craton_maintenance.domain.window import FINAL
from craton_maintenance.windows import names
from tests.functional.deployment import Deployment
from tests.property.samples import examples

HOSTS = ("h1", "h2", "h3", "h10")
PROJECTS = ("red", "green", "blue")
AGGREGATES = ("rack-1", "rack-2")
SERVERS = ("red-0", "red-1", "red-2", "green-0", "green-1", "blue-0")


def small_fleet() -> simcloud.Fleet:
    made = simcloud.Fleet(name="history")
    made.add_hosts(HOSTS, vcpus=64, ram_mb=65536)
    made.add_flavor("tiny")
    for project in PROJECTS:
        made.add_project(project)
    for number, server in enumerate(SERVERS):
        made.add_server(server, server.split("-")[0], HOSTS[number % 3])
    made.add_aggregate("rack-1", ["h1", "h2"])
    made.add_aggregate("rack-2", ["h3"])
    return made


def scopes() -> st.SearchStrategy[dict[str, list[str]]]:
    return st.one_of(
        st.lists(st.sampled_from(HOSTS), min_size=1, max_size=3, unique=True).map(
            lambda hosts: {"hosts": hosts}
        ),
        st.sampled_from(AGGREGATES).map(lambda name: {"aggregates": [name]}),
        st.just({"regions": ["RegionOne"]}),
    )


class History(RuleBasedStateMachine):
    windows: Bundle = Bundle("windows")

    @initialize(target=windows)
    def deploy(self) -> Any:
        """There is a window to begin with, on a host without servers yet."""
        self.folder = Path(tempfile.mkdtemp())
        self.deployment = Deployment(self.folder, small_fleet())
        self.operator = self.deployment.operator
        return self.operator.set(hosts=["h10"], start=self.ahead(30), allow_overlap=True)["id"]

    def ahead(self, minutes: int | None) -> str | None:
        return None if minutes is None else f"{self.deployment.now_plus(minutes * 60)}"

    # -- operators -----------------------------------------------------------------

    @rule(
        target=windows,
        covered=scopes(),
        start=st.integers(0, 30),
        lasts=st.none() | st.integers(1, 30),
        announcement=st.sampled_from(["", "new disks"]),
    )
    def set_window(self, covered: Any, start: int, lasts: int | None, announcement: str) -> Any:
        end = None if lasts is None else self.ahead(start + lasts)
        answer = self.operator.post(
            "/v1/maintenance-windows",
            {
                "scope": covered,
                "start": self.ahead(start),
                "end": end,
                "announcement": announcement,
                "allow_overlap": True,
            },
        )
        if answer.status_code == 400:
            # an aggregate without a host is not known
            assert answer.json["code"] == "UNKNOWN_NAME"
            return multiple()
        assert answer.status_code == 201
        return answer.json["id"]

    @rule(window=windows, covered=scopes())
    def change_scope(self, window: str, covered: Any) -> None:
        self.change(window, {"scope": covered})

    @rule(window=windows, start=st.integers(-5, 30), lasts=st.none() | st.integers(1, 30))
    def change_times(self, window: str, start: int, lasts: int | None) -> None:
        end = None if lasts is None else self.ahead(start + lasts)
        self.change(window, {"start": self.ahead(start), "end": end})

    @rule(window=windows, lasts=st.none() | st.integers(1, 30))
    def change_end(self, window: str, lasts: int | None) -> None:
        self.change(window, {"end": self.ahead(lasts)})

    @rule(window=windows, words=st.sampled_from(["a", "b"]))
    def change_announcement(self, window: str, words: str) -> None:
        self.change(window, {"announcement": words})

    @rule(window=windows, words=st.sampled_from(["a", "b"]))
    def change_reason(self, window: str, words: str) -> None:
        self.change(window, {"reason": words})

    def change(self, window: str, wanted: dict[str, Any]) -> None:
        answer = self.operator.patch(f"/v1/maintenance-windows/{window}", wanted)
        assert answer.status_code in (200, 400, 409), answer.text

    @rule(window=windows)
    def start(self, window: str) -> None:
        answer = self.operator.post(f"/v1/maintenance-windows/{window}/start")
        assert answer.status_code in (200, 409)

    @rule(window=windows)
    def finish(self, window: str) -> None:
        answer = self.operator.post(f"/v1/maintenance-windows/{window}/finish")
        assert answer.status_code in (200, 409)

    @rule(window=consumes(windows))
    def cancel(self, window: str) -> None:
        answer = self.operator.delete(f"/v1/maintenance-windows/{window}")
        assert answer.status_code in (204, 409)

    # -- the world -----------------------------------------------------------------

    @rule(minutes=st.integers(0, 20))
    def time_passes(self, minutes: int) -> None:
        self.deployment.pass_time(minutes * 60)

    @rule(
        moves=st.dictionaries(
            st.sampled_from(SERVERS), st.sampled_from([*HOSTS, None]), min_size=1
        ),
        seen=st.booleans(),
    )
    def servers_move(self, moves: dict[str, str | None], seen: bool) -> None:
        """To no host: shelved and offloaded. They may swap places between two looks."""
        for server, host in moves.items():
            self.deployment.move(server, host)
        if seen:
            self.deployment.sync()

    @rule(
        hosts=st.sets(st.sampled_from(HOSTS), min_size=1),
        aggregate=st.sampled_from(AGGREGATES),
        seen=st.booleans(),
    )
    def hosts_join_or_leave_an_aggregate(
        self, hosts: set[str], aggregate: str, seen: bool
    ) -> None:
        found = next(a for a in self.deployment.cloud.aggregates.values() if a.name == aggregate)
        found.hosts = sorted(set(found.hosts) ^ hosts)
        if seen:
            self.deployment.sync()

    @rule()
    def engine_works(self) -> None:
        self.deployment.engine()

    # -- what has to hold ----------------------------------------------------------

    @precondition(lambda self: hasattr(self, "deployment"))
    @rule()
    def everybody_reads(self) -> None:
        self.deployment.engine()
        for project in PROJECTS:
            self.project_knows(project)
        self.operators_know()
        self.windows_cover_what_they_name()

    def project_knows(self, project: str) -> None:
        member = self.deployment.member(project)
        history = member.events()
        assert [one["seq"] for one in history] == list(range(1, len(history) + 1))
        shown = member.get("/v1/events/pending").json
        assert shown["seq"] == len(history)
        known = event.replay(history)
        assert {
            window["id"]: {key: window[key] for key in ("state", "start", "end", "servers")}
            for window in shown["maintenance_windows"]
        } == {
            window_id: {key: window[key] for key in ("state", "start", "end", "servers")}
            for window_id, window in known.items()
        }
        newest = {one["payload"]["window_id"]: one["payload"] for one in history}
        for window in shown["maintenance_windows"]:
            assert known[window["id"]]["revision"] <= window["revision"]
            told = newest[window["id"]]
            assert told.get("announcement", "") == window["announcement"]
            assert told["servers_count"] == window["servers_count"] == len(window["servers"]) > 0
        # delivery is at least once: what is seen again changes nothing
        assert event.replay([*history, *history]) == known

    def operators_know(self) -> None:
        """Operators see every edit, so their revision is the newest."""
        history = self.operator.events()
        known = event.replay(history)
        path = "/v1/maintenance-windows?state=scheduled,open&limit=100"
        listed = self.operator.get(path).json["maintenance_windows"]
        assert {w["id"]: (w["state"], w["revision"]) for w in listed} == {
            window_id: (window["state"], window["revision"]) for window_id, window in known.items()
        }
        everything = self.operator.events(all_projects="true")
        positions = [one["position"] for one in everything]
        assert positions == list(range(1, len(everything) + 1))

    def windows_cover_what_they_name(self) -> None:
        """Of windows that have not opened, what the inventory says now; servers of all."""
        with self.deployment.service.database.read() as connection:
            hosts = fleet.load(connection)
            for row in connection.execute(sa.select(tables.windows)).all():
                if row.told_state in FINAL:
                    continue
                covered = connection.execute(
                    sa.select(tables.window_hosts.c.region, tables.window_hosts.c.host).where(
                        tables.window_hosts.c.window_id == row.id
                    )
                ).all()
                found = {scope.HostKey(*one) for one in covered}
                if row.told_state == "scheduled":
                    assert found == scope.resolve(names.from_json(row.scope), hosts)
                servers = connection.execute(sa.select(tables.nova_servers)).all()
                there = {s.id for s in servers if scope.HostKey(s.region, s.host or "") in found}
                parts = connection.execute(
                    sa.select(tables.window_projects.c.servers).where(
                        tables.window_projects.c.window_id == row.id,
                        tables.window_projects.c.concerned,
                    )
                ).scalars()
                assert {server for part in parts for server in part} == there
                assert row.hosts_count == len(found)
                assert row.servers_count == len(there)

    def teardown(self) -> None:
        if hasattr(self, "deployment"):
            self.everybody_reads()
            self.deployment.close()
            shutil.rmtree(self.folder)


def test_a_history_replays_to_what_is_pending():
    run_state_machine_as_test(History, settings=examples(40, 600, stateful_step_count=25))
