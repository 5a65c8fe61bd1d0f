"""What projects are told, byte by byte: no host name, and nothing of another project.

A rich scenario is played; everything that is answered to each project on every route,
headers included, and everything addressed to it on the bus, is kept and searched.
"""

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from craton_maintenance import simcloud
from craton_maintenance.api import routes
from craton_maintenance.db import tables
from craton_maintenance.domain.session.records import Problem
from craton_maintenance.domain.session.states import Blocker, State
from craton_maintenance.engine.bus import Bus
from tests.functional.deployment import Client, Deployment, at
from tests.support.sessions import Made

PROJECTS = ("red", "green", "blue", "empty")
HOSTS = ("compute-1", "compute-2", "compute-10", "blade-x", "storage-7", "spare-9")
UNKNOWN = "7d0e0ad6-6f3c-4c57-9a2f-0f3a4f3c2b1a"


def fleet() -> simcloud.Fleet:
    made = simcloud.Fleet(name="private")
    made.add_hosts(HOSTS, vcpus=64, ram_mb=65536)
    made.hosts[0].hypervisor_hostname = "hypervisor-one.example.org"
    made.add_flavor("tiny")
    for project in PROJECTS:
        made.add_project(project)
    for number in range(9):
        project = PROJECTS[number % 3]
        made.add_server(f"{project}-{number}", project, HOSTS[number % 5])
    made.add_aggregate("rack-secret", ["compute-1", "blade-x"], zone="zone-1")
    return made


class Recorder:
    """A project's caller, which keeps every byte that it is answered."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.answers: list[tuple[str, str]] = []

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self._client(method, path, body, **more)
        said = [answer.status, *(f"{name}: {text}" for name, text in answer.headers.items())]
        # what a caller has sent itself is no news to it
        sent = re.escape(path)
        text = re.sub(sent, "", "\n".join([*said, answer.text]))
        self.answers.append((f"{method} {path} {answer.status_code}", text))
        return answer


class Scenario:
    """The deployment after everything has happened, and what was said on the way."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.windows: list[str] = []
        self.sessions: list[Made] = []
        self.callers = {name: Recorder(deployment.member(name)) for name in PROJECTS}

    def play(self) -> None:
        """Operators work with words that give away what they can; projects look meanwhile."""
        d, operator = self.deployment, self.deployment.operator
        reason = f"disk of compute-1 in rack-secret; {d.project('green')} was rung up"
        later = {"start": at(hours=5), "reason": reason, "announcement": "new disks"}
        self.set(hosts=["compute-1"], **later)
        self.set(aggregates=["rack-secret"], allow_overlap=True, target_host="spare-9", **later)
        self.set(scope={"availability_zones": ["zone-1"]}, allow_overlap=True, **later)
        self.set(regions=["RegionOne"], allow_overlap=True, start=at(hours=9), end=at(hours=10))
        self.set(hosts=["compute-2", "compute-10"], end=at(hours=3), reason=reason)
        self.work(reason)
        self.look("GET")
        self.talk()
        operator.patch(self.path(0), {"scope": {"hosts": ["compute-1", "storage-7"]}})
        operator.patch(self.path(0), {"announcement": "new memory", "reason": reason * 2})
        operator.post(self.path(1) + "/start")
        d.move("red-0", "spare-9")
        d.move("green-1", None)
        d.move("blue-2", "compute-1")
        d.sync()
        d.engine()
        self.look("GET")
        d.pass_time(4 * 3600)
        d.engine()
        operator.delete(self.path(3))
        operator.post(self.path(1) + "/finish")
        d.pass_time(3600)
        d.engine()
        self.look()

    def work(self, reason: str) -> None:
        """Two sessions ask everybody, with words for operators that give everything away."""
        d = self.deployment
        for number, workflow in ((0, "default"), (2, "vnf")):
            session = Made(d.service, self.windows[number], workflow)
            self.sessions.append(session)
            key = next(iter(session.load().hosts))
            problem = Problem(Blocker.HOST_DOWN, reason, d.now)
            session.change(problem=problem, reason="HOST_DOWN", words=reason)
            session.host(key, problem=problem, reason=reason)
            for project in PROJECTS[:3]:
                owner, servers = d.project(project), d.servers_of(project)
                session.ask(owner, State.MAINTENANCE, servers, delivered=False)
                for server in servers:
                    alone = server if workflow == "vnf" else None
                    session.ask(owner, State.PLANNED_MAINTENANCE, [server], server_id=alone)
                    session.server(server, owner, key, problem=problem, name=f"{project}-x")

    def talk(self) -> None:
        """Every project answers, for itself and for the others, and wishes something."""
        d = self.deployment
        group = "5d7c9f2e-4d5a-4b7e-9d0f-0a1b2c3d4e5f"
        for project, caller in self.callers.items():
            for session in self.sessions:
                for other in PROJECTS:
                    path = f"{session.path}/{d.project(other)}"
                    own = other == project
                    servers = d.servers_of(other) if own else [UNKNOWN]
                    for body in (
                        {"state": "ACK_MAINTENANCE"},
                        {"state": "NACK_PLANNED_MAINTENANCE", "instance_actions": {"x": "y"}},
                        {"state": "ACK_SCALE_IN"},
                        {
                            "state": "ACK_PLANNED_MAINTENANCE",
                            "instance_actions": dict.fromkeys(servers, "MIGRATE"),
                            "not_before": at(days=3),
                        },
                        {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "flow:x"},
                        {"state": "NACK_PLANNED_MAINTENANCE"},
                    ):
                        caller("PUT", path, body)
                        caller("GET", path)
                        if own:
                            for server in servers:
                                caller("PUT", f"{path}/{server}", body)
                                caller("GET", f"{path}/{server}")
            for server in (*d.servers_of(project), UNKNOWN):
                caller("PUT", f"/v1/instance/{server}", {"lead_time": 9999, "group_id": group})
                caller("PUT", f"/v1/instance/{server}", {"migration_type": "flow:x"})
            caller("PUT", f"/v1/instance_group/{group}", {"max_impacted_members": 0})
            caller("GET", "/v1/maintenance?details=true")
            caller("GET", f"/v1/maintenance?marker={self.sessions[0].id}")

    def set(self, **window: Any) -> None:
        self.windows.append(self.deployment.operator.set(**window)["id"])

    def path(self, number: int) -> str:
        return f"/v1/maintenance-windows/{self.windows[number]}"

    def ids(self) -> list[str]:
        """Ids of everything that a curious caller may try."""
        d = self.deployment
        found = [*self.windows, *HOSTS, "RegionOne", UNKNOWN, "1"]
        found += [session.id for session in self.sessions]
        found += [d.project(name) for name in PROJECTS]
        found += [d.host_id(project, "compute-1") for project in PROJECTS]
        return found

    def look(self, *methods: str) -> None:
        """Every project asks every route about everything, with these methods or all."""
        tables_of = {"": routes.UNVERSIONED, "/v1": routes.V1 | routes.CRATON_V1}
        for prefix, table in tables_of.items():
            for path, resource in table.items():
                for method in sorted(set(methods or resource.methods) & resource.methods):
                    targets = (
                        [re.sub(r"<[^>]+>", one, path) for one in self.ids()]
                        if "<" in path
                        else [path]
                    )
                    if path == "/v1/openapi.json":
                        continue
                    for caller in self.callers.values():
                        for target in targets:
                            caller(method, prefix + target, {} if method != "GET" else None)
        for caller in self.callers.values():
            for query in (
                "/v1/events?limit=3&since=2",
                f"/v1/events?project_id={self.deployment.project('red')}",
                "/v1/events?all_projects=true",
                f"/v1/maintenance-windows?project_id={self.deployment.project('red')}",
                "/v1/maintenance-windows?host=compute-1",
                "/v1/maintenance-windows?region=RegionOne",
                "/v1/maintenance-windows?details=true&sort_keys=start&limit=10",
                "/v1/maintenance-windows?state=nonsense",
                *(f"/v1/maintenance-windows?marker={one}" for one in [*self.windows, UNKNOWN]),
            ):
                caller("GET", query)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    deployment = Deployment(tmp_path_factory.mktemp("privacy"), fleet())
    played = Scenario(deployment)
    played.play()
    yield played
    deployment.close()


def secrets(deployment: Deployment, project: str) -> dict[str, str]:
    """What this project must never read, by what it is."""
    words = {f"host {name}": name for name in HOSTS}
    words |= {
        "hypervisor": "hypervisor-one",
        "aggregate": "rack-secret",
        "zone": "zone-1",
        "region": "RegionOne",
        "reason": "was rung up",
    }
    for other in PROJECTS:
        if other == project:
            continue
        words[f"project {other}"] = deployment.project(other)
        for server in deployment.cloud.by_project[deployment.project(other)].values():
            words[f"server {server.name}"] = server.id
    return words


def found_in(text: str, words: dict[str, str]) -> list[str]:
    return [what for what, word in words.items() if word in text]


@pytest.mark.parametrize("project", PROJECTS)
def test_no_answer_to_a_project_holds_a_host_name_or_anything_of_another_project(
    scenario, project
):
    words = secrets(scenario.deployment, project)
    answers = scenario.callers[project].answers
    assert len(answers) > 1000
    told = [(what, found_in(text, words)) for what, text in answers]
    assert [one for one in told if one[1]] == []


def test_the_scenario_has_something_to_give_away(scenario):
    """Operators do see all of the words, and projects do see windows: the search can fail."""
    operator = scenario.deployment.operator
    text = operator.get("/v1/maintenance-windows?details=true&limit=100").text
    text += operator.get("/v1/nova-hosts").text
    words = secrets(scenario.deployment, "empty")
    # nowhere any more: shelved and offloaded
    assert set(words) - set(found_in(text, words)) == {"server green-1"}
    for project in PROJECTS[:3]:
        told = scenario.deployment.member(project).events()
        assert {one["event_type"].rpartition(".")[2] for one in told} == {
            "created",
            "updated",
            "opened",
            "closed",
            "cancelled",
        }
        own = scenario.deployment.servers_of(project)
        assert all(any(server in one["servers"] for one in told) for server in own)
    assert scenario.deployment.member("empty").events() == []


class Wire:
    """Stands where oslo.messaging's transport stands, and keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def _send_notification(self, target: Any, context: Any, message: Any, **_: Any) -> None:
        self.sent.append((context, message))


def on_the_bus(deployment: Deployment) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Context and message of every event, as they go to the bus."""
    bus = Bus.__new__(Bus)
    bus._transport = wire = Wire()
    bus._publisher_id = "craton-maintenance"
    bus._targets = [SimpleNamespace()]
    with deployment.service.database.read() as connection:
        user = deployment.service.identity(connection)["user_id"]
        rows = connection.execute(sa.select(tables.events).order_by(tables.events.c.position))
        for row in rows.all():
            bus.send(row, user)
    return wire.sent


@pytest.mark.parametrize("project", PROJECTS[:3])
def test_no_message_to_a_project_on_the_bus_holds_a_host_name_or_anything_of_another_project(
    scenario, project
):
    words = secrets(scenario.deployment, project)
    mine = [
        json.dumps([context, message])
        for context, message in on_the_bus(scenario.deployment)
        if context["project_id"] == scenario.deployment.project(project)
    ]
    assert len(mine) > 5
    assert [found_in(text, words) for text in mine] == [[]] * len(mine)


def test_every_message_on_the_bus_is_addressed_as_consumers_need_it(scenario):
    admin = scenario.deployment.project("service")
    for context, message in on_the_bus(scenario.deployment):
        assert context["project_id"] == context["tenant_id"] == message["payload"]["project_id"]
        assert context["user_id"]
        assert context["request_id"].startswith("req-")
        assert all(len(str(value)) <= 255 for value in message["payload"].values())
        assert None not in message["payload"].values()
        is_for_operators = context["project_id"] == admin
        assert (
            "scope" in message["payload"] or "reason" in message["payload"]
        ) <= is_for_operators


@pytest.mark.parametrize("project", PROJECTS)
def test_what_is_anothers_is_answered_as_what_does_not_exist(scenario, project):
    d = scenario.deployment
    member = d.member(project)
    others = [name for name in PROJECTS if name != project]
    touched = {
        one["id"]
        for one in member.get("/v1/maintenance-windows?limit=100").json["maintenance_windows"]
    }
    foreign = [window for window in scenario.windows if window not in touched]
    pairs = [
        (f"/v1/maintenance-windows/{window}", f"/v1/maintenance-windows/{UNKNOWN}")
        for window in foreign
    ]
    pairs += [
        (f"/v1/maintenance-windows?marker={window}", f"/v1/maintenance-windows?marker={UNKNOWN}")
        for window in foreign
    ]
    pairs += [
        (f"/v1/links/project/{d.host_id(other, host)}", f"/v1/links/project/{'0' * 56}")
        for other in others
        for host in HOSTS
    ]
    own, another = d.project(project), d.project(others[0])
    listed = member.get("/v1/maintenance").json["sessions"]
    for session in (one.id for one in scenario.sessions):
        if session not in listed:
            pairs += [
                (f"/v1/maintenance/{session}{rest}", f"/v1/maintenance/{UNKNOWN}{rest}")
                for rest in ("", f"/{own}", f"/{own}/{UNKNOWN}")
            ]
        pairs += [
            (f"/v1/maintenance/{session}/{another}", f"/v1/maintenance/{session}/{UNKNOWN}"),
            (f"/v1/maintenance/{session}/{another}", f"/v1/maintenance/{UNKNOWN}/{own}"),
        ]
    assert pairs
    for theirs, nobodys in pairs:
        one, two = member.get(theirs), member.get(nobodys)
        assert (one.status_code, plain(one, theirs)) == (two.status_code, plain(two, nobodys))
        assert one.status_code in (400, 404)


def plain(answer: Any, path: str) -> str:
    """The body without the id that was asked for, and without the request's own."""
    asked = path.rpartition("=")[2] if "=" in path else path.rpartition("/")[2]
    return answer.text.replace(asked, "ID").replace(answer.headers["X-OpenStack-Request-ID"], "")


def test_a_host_is_found_by_its_hostid_only_while_the_project_has_a_server_there(scenario):
    d = scenario.deployment
    for project in PROJECTS:
        there = {server.host for server in d.cloud.by_project[d.project(project)].values()}
        for host in HOSTS:
            path = f"/v1/links/project/{d.host_id(project, host)}"
            status = d.member(project).get(path).status_code
            assert status == (200 if host in there else 404), (project, host)
