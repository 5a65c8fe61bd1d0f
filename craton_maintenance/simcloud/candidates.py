"""Placement's allocation candidates: which hosts have room for something."""

from typing import Any

from craton_maintenance.simcloud import placement
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import ApiError, bad_request, not_found
from craton_maintenance.simcloud.model import Host

#: Parameters, and the version that each came with.
_SINCE = {"resources": 10, "limit": 16, "required": 17, "member_of": 21, "in_tree": 31}


def index(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Hosts with room for the resources asked for, each with all that it has (1.10).

    A host that is full is not among them. Only the unnumbered group of parameters is known.
    """
    if call.minor < 10:
        raise not_found("The resource could not be found.\n\n   ")
    placement.require_admin(call, "allocation_candidates:list")
    _check(call)
    wanted = _resources(call)
    hosts = [host for host in placement.chosen(cloud, call) if _fits(host, wanted)]
    if (limit := call.one("limit")) is not None:
        hosts = hosts[: int(limit)]
    return {
        "allocation_requests": [_request(call, host, wanted) for host in hosts],
        "provider_summaries": {
            host.hypervisor_uuid: _summary(call, host, wanted) for host in hosts
        },
    }


def _malformed(what: str) -> ApiError:
    return bad_request(
        "The server could not comply with the request since it is either malformed or "
        f"otherwise incorrect.\n\n {what}  "
    )


def _check(call: Call) -> None:
    for name in call.query:
        if call.minor < _SINCE.get(name, 10_000):
            raise _malformed(f"Invalid query string parameters: '{name}' was unexpected")
    limit = call.one("limit", "1") or ""
    if not limit.isdigit() or limit.startswith("0"):
        raise _malformed(
            f"Invalid query string parameters: '{limit}' does not match '^[1-9][0-9]*$'"
        )


def _resources(call: Call) -> dict[str, int]:
    """Amounts by class; 400."""
    text = call.one("resources")
    if not text:
        raise _malformed("There must be at least one resources or resources[$S] parameter.")
    wanted = {}
    for part in text.split(","):
        name, _, amount = part.partition(":")
        if not amount.isdigit() or not int(amount):
            raise _malformed(
                f"Requested resource {name} expected positive integer amount. Got: {amount}."
            )
        if name not in placement.CLASSES:
            raise _malformed(
                f"Invalid resource class in resources parameter: No such resource class {name}."
            )
        wanted[name] = int(amount)
    return wanted


def _figures(host: Host) -> dict[str, dict[str, int]]:
    """All classes that there is something of."""
    return {
        name: {"capacity": has, "used": used}
        for name, has, used in zip(placement.CLASSES, host.capacity, host.used, strict=True)
        if has
    }


def _fits(host: Host, wanted: dict[str, int]) -> bool:
    figures = _figures(host)
    return all(
        name in figures and figures[name]["used"] + amount <= figures[name]["capacity"]
        for name, amount in wanted.items()
    )


def _request(call: Call, host: Host, wanted: dict[str, int]) -> dict[str, Any]:
    ident = host.hypervisor_uuid
    if call.minor < 12:
        return {"allocations": [{"resource_provider": {"uuid": ident}, "resources": dict(wanted)}]}
    request: dict[str, Any] = {"allocations": {ident: {"resources": dict(wanted)}}}
    if call.minor >= 34:
        request["mappings"] = {"": [ident]}
    return request


def _summary(call: Call, host: Host, wanted: dict[str, int]) -> dict[str, Any]:
    shown = {
        name: figures
        for name, figures in _figures(host).items()
        if call.minor >= 27 or name in wanted
    }
    summary: dict[str, Any] = {"resources": shown}
    if call.minor >= 17:
        summary["traits"] = placement.traits_of(host)
    if call.minor >= 29:
        summary |= {"parent_provider_uuid": None, "root_provider_uuid": host.hypervisor_uuid}
    return summary
