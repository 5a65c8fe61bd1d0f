"""What rehearsals in other processes do to the cloud, below /sim; for administrators.

None of it exists in a real cloud, so none of it is counted, judged or struck by faults.
"""

from dataclasses import asdict, fields
from typing import Any

from craton_maintenance.simcloud import hosts, ids
from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.clock import VirtualClock
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, conflict, not_found
from craton_maintenance.simcloud.faults import Fault

_ACTIONS = {
    "stop-compute": hosts.stop_compute,
    "start-compute": hosts.start_compute,
    "power-off": hosts.power_off,
}
_SETTABLE = {f.name for f in fields(Fault)} - {"effect", "seen", "fired"}


def calls(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The calls so far; ?after=N: those with a higher number."""
    call.require_admin("sim:calls")
    after = call.one("after", "0") or "0"
    if not after.isdigit():
        raise bad_request("after is a number")
    found = [asdict(record) for record in cloud.calls if record.number > int(after)]
    return {
        "calls": found,
        "counts": [
            {"method": method, "template": template, "action": action, "count": count}
            for (method, template, action), count in cloud.counts.items()
        ],
    }


def violations(cloud: Cloud, call: Call) -> dict[str, Any]:
    call.require_admin("sim:violations")
    return {
        "violations": [
            {"call": asdict(record), "objection": text} for record, text in cloud.violations
        ]
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {f.name: getattr(fault, f.name) for f in fields(fault) if f.name != "effect"}


def list_faults(cloud: Cloud, call: Call) -> dict[str, Any]:
    call.require_admin("sim:faults")
    return {"faults": [_fault(fault) for fault in cloud.faults]}


def add_fault(cloud: Cloud, call: Call) -> Answer:
    """One fault, with the members of faults.Fault."""
    call.require_admin("sim:faults")
    wanted = call.member("fault")
    if not isinstance(wanted, dict) or (unknown := set(wanted) - _SETTABLE):
        raise bad_request(
            f"a fault has no {sorted(unknown)}"
            if isinstance(wanted, dict)
            else "a fault is a mapping"
        )
    fault = Fault(**wanted)
    cloud.faults.append(fault)
    return Answer(201, {"fault": _fault(fault)})


def clear_faults(cloud: Cloud, call: Call) -> Answer:
    call.require_admin("sim:faults")
    cloud.faults.clear()
    return Answer(204)


def host_action(cloud: Cloud, call: Call, host: str, what: str) -> Answer:
    """stop-compute, start-compute, power-off."""
    call.require_admin("sim:hosts")
    if host not in cloud.hosts or what not in _ACTIONS:
        raise not_found(f"no host {host}, or nothing to do called {what}")
    _ACTIONS[what](cloud, host)
    return Answer(204)


def add_host(cloud: Cloud, call: Call, host: str) -> Answer:
    """A new host, with the members of a fleet's host."""
    call.require_admin("sim:hosts")
    try:
        hosts.add(cloud, host, **(call.body or {}))
    except (TypeError, ValueError) as error:
        raise bad_request(str(error)) from error
    return Answer(204)


def remove_host(cloud: Cloud, call: Call, host: str) -> Answer:
    call.require_admin("sim:hosts")
    if host not in cloud.hosts:
        raise not_found(f"no host {host}")
    try:
        hosts.remove(cloud, host)
    except ValueError as error:
        raise conflict(str(error)) from error
    return Answer(204)


def show_clock(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The time, and when the next transition is due, as seconds since 1970."""
    return {
        "now": cloud.now(),
        "utc": ids.zulu(cloud.now()),
        "next_due": cloud.next_due(),
        "virtual": isinstance(cloud.clock, VirtualClock),
    }


def advance(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Let "seconds" pass on a virtual clock; 409 on the machine's."""
    call.require_admin("sim:clock")
    seconds = call.member("seconds")
    if not isinstance(seconds, int | float) or seconds < 0:
        raise bad_request("seconds is a number from 0 on")
    if not isinstance(cloud.clock, VirtualClock):
        raise conflict("the machine's clock cannot be advanced")
    cloud.clock.advance(float(seconds))
    return show_clock(cloud, call)
