"""What others do while a session goes on, and what fails."""

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from craton_maintenance import simcloud
from craton_maintenance.domain.session.states import OVER
from craton_maintenance.simcloud.model import Server
from craton_maintenance.simcloud.nova.services import set_status
from tests.simulation.judges import US
from tests.simulation.schedule import Trouble

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

_ACTIONS = ("LIVE_MIGRATE", "MIGRATE", "NOTHING", None)


def happen(world: "Simulation", trouble: Trouble) -> None:
    """Have a trouble happen now."""
    rng = random.Random(trouble.seed)
    world.note(f"trouble: {trouble.what}")
    _HAPPEN[trouble.what](world, rng)
    world.changed()


def _server(world: "Simulation", rng: random.Random, *states: str) -> Server | None:
    """One of the servers, rather one on hosts of a session."""
    able = [
        server
        for _, server in sorted(world.cloud.servers.items())
        if not states or server.vm_state in states
    ]
    hosts = {host for asked in world.judge.sessions.values() for host in asked.hosts}
    near = [server for server in able if server.host in hosts]
    return rng.choice(near or able) if able else None


def _host(world: "Simulation", rng: random.Random) -> str:
    hosts = sorted({host for one in world.judge.sessions.values() for host in one.hosts})
    return rng.choice(hosts or sorted(world.cloud.hosts))


def _owner_does(action: str, *states: str) -> Callable[["Simulation", random.Random], None]:
    def act(world: "Simulation", rng: random.Random) -> None:
        server = _server(world, rng, *states)
        if server is not None:
            world.owner_call(server.id, "POST", "/action", {action: None})

    return act


def _born(world: "Simulation", rng: random.Random) -> None:
    project = rng.choice(["app1", "app2"])
    body: dict[str, Any] = {
        "name": f"born-{rng.randrange(1000)}",
        "flavorRef": next(iter(world.cloud.flavors)),
        "imageRef": "70a599e0-31e7-49b7-b260-868f441e862b",
        "networks": "none",
    }
    if rng.random() < 0.5:
        body["metadata"] = {"sim:boot": "20"}
    world.call(project, "POST", "/servers", {"server": body})


def _deleted(world: "Simulation", rng: random.Random) -> None:
    if (server := _server(world, rng)) is not None:
        world.owner_call(server.id, "DELETE", "")


def _resized(world: "Simulation", rng: random.Random) -> None:
    server = _server(world, rng, "active", "stopped")
    if server is None:
        return
    flavor = next(one for one in world.cloud.flavors.values() if one is not server.flavor)
    world.owner_call(server.id, "POST", "/action", {"resize": {"flavorRef": flavor.id}})
    if rng.random() < 0.6:
        ending = rng.choice(["confirmResize", "revertResize"])

        def end() -> None:
            if server.id in world.cloud.servers:
                world.owner_call(server.id, "POST", "/action", {ending: None})

        world.later(rng.choice([3.0, 60.0, 300.0]), end)


def _moved(world: "Simulation", rng: random.Random) -> None:
    """By another administrator."""
    if (server := _server(world, rng, "active")) is not None:
        body = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
        world.call("admin", "POST", f"/servers/{server.id}/action", body)


def _in_error(world: "Simulation", rng: random.Random) -> None:
    if (server := _server(world, rng)) is not None and server.task_state is None:
        body = {"os-resetState": {"state": "error"}}
        world.call("admin", "POST", f"/servers/{server.id}/action", body)


def _enabled(world: "Simulation", rng: random.Random) -> None:
    host = world.cloud.hosts[_host(world, rng)]
    set_status(world.cloud, host, False, None)
    world.judge.by_others(host.name, True)
    if rng.random() < 0.5:
        _born(world, rng)


def _disabled(world: "Simulation", rng: random.Random) -> None:
    host = world.cloud.hosts[_host(world, rng)]
    set_status(world.cloud, host, True, "another reason")
    world.judge.by_others(host.name, False)


def _compute_dies(world: "Simulation", rng: random.Random) -> None:
    name = rng.choice(sorted(world.cloud.hosts)) if rng.random() < 0.3 else _host(world, rng)
    simcloud.stop_compute(world.cloud, name)
    if rng.random() < 0.7:
        world.later(
            rng.choice([20.0, 120.0, 600.0]), lambda: simcloud.start_compute(world.cloud, name)
        )


def _compute_starts(world: "Simulation", rng: random.Random) -> None:
    simcloud.start_compute(world.cloud, _host(world, rng))


def _order(command: str) -> Callable[["Simulation", random.Random], None]:
    def give(world: "Simulation", rng: random.Random) -> None:
        going_on = [one for one in world.latest.values() if one.state not in OVER]
        if not going_on:
            return
        session = rng.choice(going_on)
        body: dict[str, Any] = {"action": command, "reason": "for a reason"}
        host = rng.choice(sorted(key.name for key in session.hosts))
        if command == "skip" or (
            command in ("retry", "override", "confirm") and rng.random() < 0.6
        ):
            body["host"] = host
        if command == "retry" and session.servers and rng.random() < 0.5:
            body.pop("host", None)
            body["server_id"] = rng.choice(sorted(session.servers))
            if (action := rng.choice(_ACTIONS)) is not None:
                body["server_action"] = action
        world.give_order(session.id, body)

    return give


def _crash(world: "Simulation", rng: random.Random) -> None:
    world.crash_in = rng.randint(1, 6)


def _crash_in_call(world: "Simulation", rng: random.Random) -> None:
    world.cloud.faults.append(world.killing_fault(rng.random() < 0.5, rng.choice(["POST", "PUT"])))


def _slow_call(world: "Simulation", rng: random.Random) -> None:
    seconds = rng.choice([2.0, 11.0, 19.0])
    world.cloud.faults.append(
        simcloud.Fault(
            method=rng.choice(["POST", "PUT", "GET"]),
            user=US,
            effect=lambda cloud, call: world.meanwhile(seconds),
        )
    )


def _freeze(world: "Simulation", rng: random.Random) -> None:
    if world.engines:
        rng.choice(world.engines).frozen_until = world.elapsed + rng.choice([5.0, 15.0, 120.0])


def _sleep(world: "Simulation", rng: random.Random) -> None:
    """All of us stand still for a while, and nobody else does."""
    world.pass_time(rng.choice([30.0, 400.0, 2000.0]))


def _fault(world: "Simulation", rng: random.Random) -> None:
    fault = simcloud.Fault(
        method=rng.choice(["POST", "PUT", "GET", "GET"]),
        user=US,
        nth=rng.randint(1, 4),
        times=rng.choice([1, 1, 3, 20]),
        after=rng.random() < 0.5,
    )
    if rng.random() < 0.5:
        fault.status = rng.choice([409, 429, 500, 503, 404])
    else:
        fault.lost = rng.choice(["timeout", "reset"])
    if fault.status == 404 and fault.method != "POST":
        fault.status = 503
    if fault.status not in (None, 500):
        # whoever says no, or not now, has done nothing
        fault.after = False
    world.cloud.faults.append(fault)


def _silence(world: "Simulation", rng: random.Random) -> None:
    rng.choice(world.applications).away(rng.choice([30.0, 100.0, 500.0]))


def _sync(world: "Simulation", rng: random.Random) -> None:
    world.synchronise()


_HAPPEN: Mapping[str, Callable[["Simulation", random.Random], None]] = {
    "server_born": _born,
    "server_deleted": _deleted,
    "server_stopped": _owner_does("os-stop", "active"),
    "server_started": _owner_does("os-start", "stopped"),
    "server_resized": _resized,
    "server_paused": _owner_does("pause", "active"),
    "server_suspended": _owner_does("suspend", "active"),
    "server_rescued": _owner_does("rescue", "active"),
    "server_error": _in_error,
    "server_moved": _moved,
    "server_locked": _owner_does("lock"),
    "host_enabled": _enabled,
    "host_disabled": _disabled,
    "compute_dies": _compute_dies,
    "compute_starts": _compute_starts,
    "pause": _order("pause"),
    "abort": _order("abort"),
    "retry": _order("retry"),
    "skip": _order("skip"),
    "confirm": _order("confirm"),
    "override": _order("override"),
    "crash": _crash,
    "crash_in_call": _crash_in_call,
    "slow_call": _slow_call,
    "freeze": _freeze,
    "sleep": _sleep,
    "fault": _fault,
    "silence": _silence,
    "sync": _sync,
}
