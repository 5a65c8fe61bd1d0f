"""The catalogue of flows: what the operator lets projects, and sessions, choose from.

A YAML file, read when a process starts. What is wrong with it is said then, and the process does
not start: nobody should learn of it in the middle of the night.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from oslo_config import cfg

from craton_maintenance import schema
from craton_maintenance.domain.session.known import Flow
from craton_maintenance.domain.session.steps import StepKind
from craton_maintenance.workflow.plugins import registry

#: Stages of a host flow, in order.
STAGES = ("pre", "host", "post")

_SCHEMA = "flow-catalogue"
_STEPS: Mapping[str, tuple[str, ...]] = {
    "live_migrate": (StepKind.LIVE_MIGRATE.value,),
    # one that nobody confirms stays on its old host as well
    "cold_migrate": (StepKind.COLD_MIGRATE.value, StepKind.CONFIRM_RESIZE.value),
    "stop": (StepKind.STOP_SERVER.value,),
    "start": (StepKind.START_SERVER.value,),
    "offload": (StepKind.OFFLOAD_SERVER.value,),
}


class CatalogueError(Exception):
    """The catalogue can't be used; a line for each thing that is wrong, with file and flow."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))


@dataclasses.dataclass(frozen=True, slots=True)
class ServerFlow:
    """A flow that a server may be taken through."""

    flow: Flow
    description: str
    #: the steps as the file names them, without their options
    steps: tuple[str, ...]
    interrupts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class HostFlow:
    """Work on a host that a session may name instead of spelling it out."""

    name: str
    description: str
    #: ``{"plugin", "options", "stage"}`` in order
    work: tuple[Mapping[str, Any], ...]


class Catalogue:
    """The flows that there are."""

    def __init__(self, servers: Sequence[ServerFlow] = (), hosts: Sequence[HostFlow] = ()) -> None:
        self._servers = {each.flow.name: each for each in servers}
        self._hosts = {each.name: each for each in hosts}

    @property
    def flows(self) -> dict[str, Flow]:
        """Flows for servers by name."""
        return {name: each.flow for name, each in self._servers.items()}

    @property
    def host_flows(self) -> tuple[str, ...]:
        """Names of the flows for hosts."""
        return tuple(self._hosts)

    def host_work(self, name: str) -> list[dict[str, Any]]:
        """The work of a host flow: ``{"plugin", "options", "stage"}`` in order.

        :raises KeyError: there is no such flow for hosts
        """
        return [dict(action) for action in self._hosts[name].work]

    def describe(self, project_id: str | None = None) -> list[dict[str, Any]]:
        """What may be chosen, without the options of anything.

        :param project_id: what this project may choose; None: everything, with who may choose
            it, for operators
        """
        servers = [_server(each, project_id) for each in self._servers.values()]
        found = [each for each in servers if each is not None]
        if project_id is None:
            found += [_host(each) for each in self._hosts.values()]
        return found


def _server(each: ServerFlow, project_id: str | None) -> dict[str, Any] | None:
    projects = each.flow.projects
    if project_id is not None and projects is not None and project_id not in projects:
        return None
    shown: dict[str, Any] = {
        "name": each.flow.name,
        "description": each.description,
        "for": "server",
        "steps": list(each.steps),
        "interrupts": each.interrupts,
    }
    if project_id is None and projects is not None:
        shown["projects"] = sorted(projects)
    return shown


def _host(each: HostFlow) -> dict[str, Any]:
    return {
        "name": each.name,
        "description": each.description,
        "for": "host",
        "actions": [
            {"plugin": action["plugin"], "stage": action["stage"]} for action in each.work
        ],
    }


def load(conf: cfg.ConfigOpts) -> Catalogue:
    """The catalogue that ``[sessions] flows_file`` names; an empty one where it names none.

    :raises CatalogueError: it can't be read, or something in it is wrong
    """
    file = conf.sessions.flows_file
    return read(file) if file else Catalogue()


def read(file: str) -> Catalogue:
    """The catalogue in a file.

    :raises CatalogueError: it can't be read, or something in it is wrong
    """
    try:
        with open(file, encoding="utf-8") as opened:
            document = yaml.safe_load(opened)
    except OSError as error:
        raise CatalogueError(file, [f"can't be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CatalogueError(file, [f"is not YAML: {' '.join(str(error).split())}"]) from error
    try:
        schema.check(_SCHEMA, document)
    except schema.Invalid as error:
        problems = [f"{_place(document, field)}{words}" for field, words in error.problems]
        raise CatalogueError(file, problems) from error
    problems = [*_names_taken(document["flows"]), *_options_wrong(document["flows"])]
    if problems:
        raise CatalogueError(file, problems)
    return Catalogue(
        [_server_flow(flow) for flow in document["flows"] if flow["for"] == "server"],
        [_host_flow(flow) for flow in document["flows"] if flow["for"] == "host"],
    )


def _place(document: Any, field: str) -> str:
    """The beginning of a sentence about a field: the flow by its name, where it has one."""
    parts = field.split("/", 2) if field else []
    if len(parts) < 2 or parts[0] != "flows":
        return f"{field}: " if field else ""
    flow = document["flows"][int(parts[1])]
    name = flow.get("name") if isinstance(flow, dict) else None
    called = f"flow {name}" if isinstance(name, str) else f"flow number {int(parts[1]) + 1}"
    return ": ".join([called, *parts[2:], ""])


def _names_taken(flows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [flow["name"] for flow in flows]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [f"flow {name}: name: there are several of that name" for name in twice]


def _options_wrong(flows: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    for flow in flows:
        on_server = flow["for"] == "server"
        for field, plugin, options in _actions(flow):
            for inner, words in registry.problems(plugin, options, on_server):
                # in a server's flow the options stand right below the plugin's name
                below = inner.removeprefix("options").strip("/") if on_server else inner
                place = f"{field}/{below}" if below else field
                found.append(f"flow {flow['name']}: {place}: {words}")
    return found


def _actions(flow: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Every plugin that a flow names: its field, its name and its options."""
    if flow["for"] == "host":
        return [
            (f"{stage}/{index}", action["plugin"], action.get("options", {}))
            for stage in STAGES
            for index, action in enumerate(flow.get(stage, ()))
        ]
    return [
        (f"steps/{index}/{plugin}", plugin, options)
        for index, step in enumerate(flow["steps"])
        if isinstance(step, dict)
        for plugin, options in step.items()
    ]


def _server_flow(flow: Mapping[str, Any]) -> ServerFlow:
    steps: list[str] = []
    plugins: list[Mapping[str, Any]] = []
    for step in flow["steps"]:
        if isinstance(step, str):
            steps += _STEPS[step]
        else:
            ((plugin, options),) = step.items()
            steps.append(f"{StepKind.RUN_PLUGIN.value}:{len(plugins)}")
            plugins.append({"plugin": plugin, "options": options})
    projects = flow.get("projects")
    return ServerFlow(
        flow=Flow(
            name=flow["name"],
            steps=tuple(steps),
            plugins=tuple(plugins),
            projects=None if projects is None else frozenset(projects),
        ),
        description=flow["description"],
        steps=tuple(step if isinstance(step, str) else next(iter(step)) for step in flow["steps"]),
        interrupts=flow.get("interrupts", True),
    )


def _host_flow(flow: Mapping[str, Any]) -> HostFlow:
    work = tuple(
        {"plugin": action["plugin"], "options": action.get("options", {}), "stage": stage}
        for stage in STAGES
        for action in flow.get(stage, ())
    )
    return HostFlow(flow["name"], flow["description"], work)
