"""The catalogue of flows: what it offers, and what it says of a file that is wrong."""

import pathlib
from typing import Any

import pytest
import yaml

from craton_maintenance import conf as configuration
from craton_maintenance.workflow import catalogue
from craton_maintenance.workflow.catalogue import CatalogueError

EXAMPLE = pathlib.Path(__file__).parents[3] / "etc" / "flows.yaml"

SERVER = {"name": "aside", "description": "Set aside", "for": "server", "steps": ["live_migrate"]}
HOST = {"name": "work", "description": "Work", "for": "host", "host": [{"plugin": "none"}]}


def write(folder: pathlib.Path, document: Any) -> str:
    file = folder / "flows.yaml"
    file.write_text(yaml.safe_dump(document))
    return str(file)


def read(folder: pathlib.Path, *flows: Any) -> catalogue.Catalogue:
    return catalogue.read(write(folder, {"flows": list(flows)}))


def problems(folder: pathlib.Path, *flows: Any) -> tuple[str, ...]:
    with pytest.raises(CatalogueError) as caught:
        read(folder, *flows)
    return caught.value.problems


def test_without_a_file_there_are_no_flows():
    found = catalogue.load(configuration.load([]))
    assert found.flows == {}
    assert found.describe() == []


def test_the_example_can_be_used():
    conf = configuration.load([], {("sessions", "flows_file"): str(EXAMPLE)})
    found = catalogue.load(conf)
    assert set(found.flows) == {
        "restart-elsewhere",
        "quiesce-and-migrate",
        "switch-over-and-migrate",
        "park",
        "power-off",
    }
    assert found.host_flows == ("firmware", "bios", "by-hand")


def test_steps_become_kinds_of_steps_and_plugins_a_place_in_a_list(tmp_path):
    command = {"argv": ["/bin/notify", "{server}"], "timeout": 5, "repeat": "safe"}
    request = {"url": "http://balancer/{server}"}
    steps = [{"command": command}, "stop", "cold_migrate", {"http": request}, "start", "offload"]
    flow = read(tmp_path, SERVER | {"steps": steps}).flows["aside"]
    assert flow.steps == (
        "run_plugin:0",
        "stop_server",
        "cold_migrate",
        "confirm_resize",
        "run_plugin:1",
        "start_server",
        "offload_server",
    )
    assert flow.plugins == (
        {"plugin": "command", "options": command},
        {"plugin": "http", "options": request},
    )
    assert flow.projects is None


def test_a_flow_may_leave_the_server_where_it_is(tmp_path):
    assert read(tmp_path, SERVER | {"steps": ["stop"]}).flows["aside"].steps == ("stop_server",)


def test_host_work_is_flat_in_the_order_of_stages(tmp_path):
    waits = {"plugin": "wait", "options": {"message": "look"}}
    flow = HOST | {"post": [waits], "pre": [{"plugin": "none"}]}
    assert read(tmp_path, flow).host_work("work") == [
        {"plugin": "none", "options": {}, "stage": "pre"},
        {"plugin": "none", "options": {}, "stage": "host"},
        {"plugin": "wait", "options": {"message": "look"}, "stage": "post"},
    ]


def test_a_flow_for_servers_is_no_work_for_hosts(tmp_path):
    found = read(tmp_path, SERVER, HOST)
    with pytest.raises(KeyError):
        found.host_work("aside")
    assert set(found.flows) == {"aside"}


def test_projects_see_what_they_may_choose_and_no_options(tmp_path):
    secret = {"http": {"url": "http://inside.example.org/", "headers": {"X-Key": "s3cret"}}}
    program = {"command": {"argv": ["/opt/inside"]}}
    ours = SERVER | {"name": "ours", "projects": ["p1"], "steps": [secret, program, "stop"]}
    theirs = SERVER | {"name": "theirs", "projects": ["p2"], "interrupts": False}
    found = read(tmp_path, SERVER, ours, theirs, HOST)
    shown = found.describe("p1")
    assert [flow["name"] for flow in shown] == ["aside", "ours"]
    assert shown[1] == {
        "name": "ours",
        "description": "Set aside",
        "for": "server",
        "steps": ["http", "command", "stop"],
        "interrupts": True,
    }
    for hidden in ("inside", "s3cret", "p1", "p2"):
        assert hidden not in str(shown)


def test_operators_see_all_and_who_may_choose_it(tmp_path):
    ours = SERVER | {"projects": ["p2", "p1"]}
    shown = read(tmp_path, ours, HOST).describe()
    assert [flow["for"] for flow in shown] == ["server", "host"]
    assert shown[0]["projects"] == ["p1", "p2"]
    assert shown[1]["actions"] == [{"plugin": "none", "stage": "host"}]


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (SERVER | {"steps": []}, "flow aside: steps: "),
        (SERVER | {"steps": ["fly"]}, "flow aside: steps/0: 'fly' is not one of"),
        (SERVER | {"steps": [7]}, "flow aside: steps/0: 7 is not one of"),
        (SERVER | {"steps": [{"ssh": {}}]}, "flow aside: steps/0/ssh: is not known here"),
        (SERVER | {"steps": [{"command": {}}]}, "flow aside: steps/0/command/argv: is missing"),
        (
            SERVER | {"steps": ["stop", {"http": {"url": "ftp://x"}}]},
            "flow aside: steps/1/http/url: ",
        ),
        (SERVER | {"host": []}, "flow aside: host: is not known here"),
        (SERVER | {"name": "No Good"}, "flow No Good: name: "),
        (SERVER | {"projects": []}, "flow aside: projects: "),
        (SERVER | {"interrupts": "no"}, "flow aside: interrupts: 'no' is not"),
        (SERVER | {"for": "rack"}, "flow aside: for: 'rack' is not one of"),
        ({"name": "half", "for": "host"}, "flow half: description: is missing"),
        ({"for": "server"}, "flow number 1: name: is missing"),
        ("text", "flow number 1: 'text' is not"),
        (HOST | {"steps": ["stop"]}, "flow work: steps: is not known here"),
        (
            HOST | {"host": [{"plugin": "dig"}]},
            "flow work: host/0/plugin: there is no host action",
        ),
        (HOST | {"post": [{}]}, "flow work: post/0/plugin: is missing"),
        (
            HOST | {"pre": [{"plugin": "command", "options": {"argv": ["/a", "{server}"]}}]},
            "flow work: pre/0/options: {server} stands in the options",
        ),
    ],
)
def test_what_is_wrong_is_said_with_flow_and_field(tmp_path, flow, expected):
    found = problems(tmp_path, flow)
    assert any(problem.startswith(expected) for problem in found), found


def test_the_text_names_the_file_in_each_line(tmp_path):
    wrong = SERVER | {"steps": ["fly"], "interrupts": 1}
    file = write(tmp_path, {"flows": [wrong]})
    with pytest.raises(CatalogueError) as caught:
        catalogue.read(file)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{file}: flow aside: ") for line in lines)


def test_a_name_is_there_once(tmp_path):
    found = problems(tmp_path, SERVER, HOST | {"name": "aside"})
    assert found == ("flow aside: name: there are several of that name",)


@pytest.mark.parametrize("text", ["flows: [", "- a list", "", "flows: {}", "other: []"])
def test_a_file_that_is_something_else(tmp_path, text):
    file = tmp_path / "flows.yaml"
    file.write_text(text)
    with pytest.raises(CatalogueError, match=str(file)):
        catalogue.read(str(file))


def test_a_file_that_is_not_there(tmp_path):
    conf = configuration.load([], {("sessions", "flows_file"): str(tmp_path / "none")})
    with pytest.raises(CatalogueError, match="can't be read: No such file"):
        catalogue.load(conf)
