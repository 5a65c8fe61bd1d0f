"""What may be chosen: the actions built in, and the flows of the operator's catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any

from craton_maintenance.domain.session.states import FLOW, Action
from craton_maintenance.errors import Code, bad_field
from craton_maintenance.service import Service
from craton_maintenance.workflow import catalogue
from craton_maintenance.workflow.plugins import registry

#: Fenix's types of actions, and the stage of a host's work that each is.
_STAGES = {"pre": "pre", "host": "host", "compute": "host", "post": "post"}


def check_action(service: Service, action: str | None, field: str, project_id: str | None) -> None:
    """Whether an action may be named.

    :param project_id: who names it; None: an operator, who may name any
    :raises Problem: 400
    """
    if action is None or action in list(Action):
        return
    names = [
        flow["name"] for flow in service.catalogue.describe(project_id) if flow["for"] == "server"
    ]
    if action.removeprefix(FLOW) not in names:
        there = ", ".join([*(f"{FLOW}{name}" for name in names), *Action])
        raise bad_field(Code.INVALID, field, f"{action!r} is not offered; offered: {there}")


def work(
    service: Service, actions: Sequence[Mapping[str, Any]], field: str = "actions"
) -> list[dict[str, Any]]:
    """The work on each host, host flows of the catalogue spelt out.

    :param actions: ``{"plugin", "options"}`` or ``{"flow"}``, or as Fenix has them:
        ``{"plugin", "type", "metadata"}``
    :raises Problem: 400 naming the field
    """
    found: list[dict[str, Any]] = []
    for index, action in enumerate(actions):
        place = f"{field}/{index}"
        if "flow" in action:
            found += _host_flow(service.catalogue, action, place)
            continue
        if "plugin" not in action:
            raise bad_field(Code.INVALID, f"{place}/plugin", "is missing")
        kind = action.get("type", "host")
        if kind not in _STAGES:
            raise bad_field(
                Code.INVALID,
                f"{place}/type",
                f"{kind!r} is not done here: a session works on compute hosts",
            )
        named = {
            "plugin": action["plugin"],
            "options": action.get("options", action.get("metadata")) or {},
        }
        wrong = registry.check(service.conf, [named])
        if wrong:
            # it speaks of a list, of which this is the only one
            inner, words = wrong[0]
            raise bad_field(Code.INVALID, f"{place}/{inner.partition('/')[2]}", words)
        found.append(named | {"stage": _STAGES[kind]})
    order = list(catalogue.STAGES)
    return sorted(found, key=lambda one: order.index(one["stage"]))


def _host_flow(
    flows: catalogue.Catalogue, action: Mapping[str, Any], place: str
) -> list[dict[str, Any]]:
    more = sorted(set(action) - {"flow"})
    if more:
        raise bad_field(Code.INVALID, f"{place}/{more[0]}", "does not go with flow")
    try:
        return flows.host_work(action["flow"])
    except KeyError:
        there = ", ".join(flows.host_flows) or "none"
        raise bad_field(
            Code.INVALID,
            f"{place}/flow",
            f"there is no flow {action['flow']!r} for hosts; there is: {there}",
        ) from None
