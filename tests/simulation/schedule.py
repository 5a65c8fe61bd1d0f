"""A schedule: a cloud, what is asked of it, and what goes wrong meanwhile; all from a seed."""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any

from craton_maintenance import simcloud

#: vCPUs, MiB of memory, GiB of disk.
_FLAVORS = {"small": (1, 1024, 10), "large": (4, 4096, 40)}

#: How a project answers, and how often each is drawn.
STYLES = {
    "prompt": 8,
    "late": 2,
    "silent": 3,
    "deaf": 1,
    "nack": 1,
    "partial": 2,
    "own": 2,
    "postpones": 1,
    "confused": 2,
}

#: What happens beside the session, and how often each is drawn.
TROUBLES = {
    "server_born": 3,
    "server_deleted": 2,
    "server_stopped": 1,
    "server_started": 1,
    "server_resized": 2,
    "server_paused": 1,
    "server_suspended": 1,
    "server_rescued": 1,
    "server_error": 1,
    "server_moved": 2,
    "server_locked": 1,
    "host_enabled": 1,
    "host_disabled": 1,
    "compute_dies": 2,
    "compute_starts": 1,
    "pause": 1,
    "abort": 1,
    "retry": 2,
    "skip": 1,
    "confirm": 1,
    "override": 1,
    "crash": 4,
    "crash_in_call": 3,
    "slow_call": 2,
    "freeze": 1,
    "sleep": 1,
    "fault": 4,
    "silence": 3,
    "sync": 2,
}


@dataclasses.dataclass(frozen=True)
class Trouble:
    """Something that happens at a moment, in seconds after the beginning."""

    at: float
    what: str
    #: decides what and how, when it happens
    seed: int


@dataclasses.dataclass(frozen=True)
class Planned:
    """A session that is asked for."""

    #: seconds after the beginning
    at: float
    hosts: tuple[str, ...]
    #: seconds from then on
    opens: float
    closes: float | None
    #: more of the request
    body: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Everything that a run depends on."""

    seed: int
    fleet: simcloud.Fleet
    #: ``[sessions]``
    policy: Mapping[str, Any]
    sessions: Sequence[Planned]
    #: constraint by name of server, and by name of group
    servers: Mapping[str, Mapping[str, Any]]
    groups: Mapping[str, Mapping[str, Any]]
    #: style by name of project
    styles: Mapping[str, str]
    troubles: Sequence[Trouble]
    engines: int
    #: seconds between looks at Nova, and between synchronisations
    watch: float
    sync: float

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {self.engines} engines, watch {self.watch}"]
        lines += [f"  policy {dict(self.policy)}", f"  styles {dict(self.styles)}"]
        lines += [f"  servers {dict(self.servers)}", f"  groups {dict(self.groups)}"]
        lines += [f"  {one}" for one in self.sessions]
        lines += [
            f"  server {s.name} {s.flavor} on {s.host} {s.status} {s.group or ''} "
            f"{s.zone or ''} {s.metadata or ''} {s.tags or ''}"
            for s in self.fleet.servers
        ]
        lines += [f"  {one}" for one in self.troubles]
        return "\n".join(lines)


def drawn(rng: random.Random, weights: Mapping[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def of(seed: int) -> Schedule:
    """The schedule of a seed; the same every time."""
    rng = random.Random(f"schedule {seed}")
    fleet = _fleet(rng)
    hosts = [host.name for host in fleet.hosts]
    projects = [name for name in fleet.projects if name.startswith("app")]
    length = rng.choice([300, 900, 1800])
    troubles = sorted(
        (
            Trouble(round(rng.uniform(1, length), 1), drawn(rng, TROUBLES), rng.randrange(1 << 30))
            for _ in range(rng.choice([0, 1, 2, 3, 5, 8]))
        ),
        key=lambda one: one.at,
    )
    servers, groups = _constraints(rng, fleet)
    return Schedule(
        seed=seed,
        fleet=fleet,
        policy=_policy(rng),
        sessions=_sessions(rng, hosts),
        servers=servers,
        groups=groups,
        styles={name: drawn(rng, STYLES) for name in projects},
        troubles=troubles,
        engines=rng.choice([1, 1, 2]),
        watch=rng.choice([1.0, 2.0, 5.0]),
        sync=rng.choice([120.0, 600.0]),
    )


def _fleet(rng: random.Random) -> simcloud.Fleet:
    zones = rng.choice([["z1"], ["z1", "z2"]])
    names = [f"node-{number}" for number in range(1, rng.randint(3, 8) + 1)]
    roomy = rng.random() < 0.8
    hosts = [
        {
            "name": name,
            "zone": zones[number % len(zones)],
            "vcpus": 16 if roomy else 5,
            "ram_mb": 16384,
            "disk_gb": 400,
        }
        | ({"disabled_reason": "broken fan"} if rng.random() < 0.06 else {})
        for number, name in enumerate(names)
    ]
    zone_of = {host["name"]: host["zone"] for host in hosts}
    groups = [
        {
            "name": f"group-{number}",
            "project": f"app{number % 2 + 1}",
            "policy": rng.choice(["anti-affinity", "anti-affinity", "affinity", "soft-affinity"]),
        }
        for number in range(rng.choice([0, 1, 1, 2]))
    ]
    servers = _servers(rng, names, zone_of, groups)
    return simcloud.Fleet.from_dict(
        {
            "name": f"seed-{rng.randrange(1 << 30)}",
            "projects": ["app1", "app2"],
            "flavors": [
                {"name": name, "vcpus": size[0], "ram_mb": size[1], "disk_gb": size[2]}
                for name, size in _FLAVORS.items()
            ],
            "hosts": hosts,
            "server_groups": groups,
            "servers": servers,
            "settings": {
                "max_concurrent_live_migrations": rng.choice([0, 1, 1, 2]),
                "shelved_offload_time": rng.choice([0, 0, 3600]),
                "timing": {
                    "live_fixed": rng.choice([1.0, 8.0, 30.0]),
                    "record_lag": rng.choice([0.0, 1.0, 3.0]),
                    "service_down_time": 30.0,
                },
                "chances": {
                    "live_error": rng.choice([0, 0, 0.1, 0.3]),
                    "live_stall": rng.choice([0, 0, 0, 0.15]),
                    "cold_error": rng.choice([0, 0, 0, 0.15]),
                },
            },
        }
    )


def _servers(
    rng: random.Random,
    hosts: Sequence[str],
    zone_of: Mapping[str, str],
    groups: Sequence[Mapping[str, str]],
) -> list[dict[str, Any]]:
    servers: list[dict[str, Any]] = []
    room = dict.fromkeys(hosts, 5)
    together = {group["name"]: rng.choice(hosts) for group in groups}
    taken: dict[str, set[str]] = {}
    for number in range(1, rng.randint(1, 9) + 1):
        flavor = rng.choice(["small", "small", "large"])
        host, group = rng.choice(hosts), rng.choice([None, *groups]) if groups else None
        if group is not None and group["policy"] == "affinity":
            host = together[group["name"]]
        if group is not None and group["policy"] == "anti-affinity":
            free = [one for one in hosts if one not in taken.get(group["name"], ())]
            if not free:
                continue
            host = rng.choice(free)
            taken.setdefault(group["name"], set()).add(host)
        if room[host] < _FLAVORS[flavor][0]:
            continue
        room[host] -= _FLAVORS[flavor][0]
        server: dict[str, Any] = {
            "name": f"server-{number}",
            "project": group["project"] if group else rng.choice(["app1", "app1", "app2"]),
            "flavor": flavor,
            "host": host,
            "metadata": {},
            "tags": [],
        }
        if group is not None:
            server["group"] = group["name"]
        if rng.random() < 0.1:
            server["zone"] = zone_of[host]
        if rng.random() < 0.25:
            server["status"] = rng.choice(["SHUTOFF", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR"])
        server["locked"] = rng.random() < 0.08
        if rng.random() < 0.15:
            server["metadata"]["maintenance:action"] = rng.choice(
                ["MIGRATE", "LIVE_MIGRATE", "NOTHING", "OWN_ACTION", "FLY"]
            )
        if rng.random() < 0.1:
            server["tags"].append(
                f"maintenance:action={rng.choice(['MIGRATE', 'NOTHING', 'LIVE_MIGRATE'])}"
            )
        if rng.random() < 0.1:
            server["metadata"]["sim:live_migration"] = rng.choice(
                ["error", "precheck", "stall", "45"]
            )
        if rng.random() < 0.05:
            server["metadata"]["sim:cold_migration"] = rng.choice(["error", "60"])
        servers.append(server)
    return servers


def _policy(rng: random.Random) -> dict[str, Any]:
    return {
        "default_action": rng.choice(["LIVE_MIGRATE", "LIVE_MIGRATE", "MIGRATE", "NOTHING"]),
        "on_nack": rng.choice(["pause", "skip", "default"]),
        "on_silence": rng.choice(["default", "default", "skip", "pause"]),
        "unmovable": rng.choice(["ask", "nothing"]),
        "unconfirmed_resize": rng.choice(["ask", "confirm"]),
        "own_action_late": rng.choice(["ask", "default"]),
        "reply_maintenance": rng.choice([20.0, 60.0]),
        "reply_actions": rng.choice([20.0, 60.0]),
        "reply_scale_in": 60.0,
        "reply_complete": rng.choice([20.0, 60.0]),
        "max_scale_in": rng.choice([0, 1, 2]),
        "parallel_moves": rng.choice([1, 2, 4]),
        "max_attempts": rng.choice([1, 2, 3]),
        "live_timeout": 90.0,
        "cold_timeout": 120.0,
        "power_timeout": 60.0,
        "late_server_wait": rng.choice([10.0, 60.0]),
        "verify_timeout": rng.choice([60.0, 200.0]),
        "proof_valid": rng.choice([5.0, 30.0]),
        "retry_pause": rng.choice([5.0, 20.0]),
        "force_complete": rng.random() < 0.3,
        "cold_fallback": rng.random() < 0.3,
        "max_postponements": rng.choice([0, 1, 3]),
        "max_postpone": 120.0,
    }


def _sessions(rng: random.Random, hosts: Sequence[str]) -> list[Planned]:
    found = []
    for number in range(rng.choice([1, 1, 1, 1, 2])):
        some = tuple(sorted(rng.sample(hosts, rng.randint(1, min(4, len(hosts))))))
        closes = rng.choice([None, None, None, rng.randint(60, 1200)])
        opens = rng.choice([5.0, 90.0, 200.0])
        body: dict[str, Any] = {
            "workflow": rng.choice(["default", "default", "vnf"]),
            "metadata": {"release": "next"} if rng.random() < 0.2 else {},
            "actions": [_work(rng) for _ in range(rng.choice([0, 0, 1, 1, 2]))],
            "allow_overlap": True,
        }
        if rng.random() < 0.1:
            body["retire"] = True
        others = [one for one in hosts if one not in some]
        if others and rng.random() < 0.12:
            body["target_host"] = rng.choice(others)
        found.append(
            Planned(
                at=0.0 if number == 0 else rng.uniform(0, 200),
                hosts=some,
                opens=opens,
                closes=None if closes is None else opens + closes,
                body=body,
            )
        )
    return found


def _work(rng: random.Random) -> dict[str, Any]:
    plugin = rng.choice(["none", "wait", "simulated", "simulated", "simulated"])
    if plugin != "simulated":
        return {"plugin": plugin, "options": {}}
    return {
        "plugin": plugin,
        "options": {
            "takes": rng.choice([0.0, 20.0, 100.0]),
            "ends": rng.choice(["done", "done", "done", "refused", "unclear", "later", "raises"]),
            #: so often it ends so, then well
            "times": rng.choice([1, 2]),
            "repeat": rng.choice(["ask", "safe"]),
        },
    }


def _constraints(
    rng: random.Random, fleet: simcloud.Fleet
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    servers: dict[str, dict[str, Any]] = {}
    groups: dict[str, dict[str, Any]] = {}
    for group in fleet.groups:
        if rng.random() < 0.4:
            groups[group.name] = {
                "max_impacted_members": rng.choice([1, 1, 2, 3]),
                "recovery_time": rng.choice([0, 0, 30, 120]),
            }
            if rng.random() < 0.2:
                groups[group.name]["migration_type"] = rng.choice(["MIGRATE", "NOTHING"])
    for server in fleet.servers:
        if rng.random() < 0.15:
            servers[server.name] = {"lead_time": rng.choice([0, 30, 90])}
            if rng.random() < 0.3:
                # a group of the application's own, of its project; the rest is filled in
                servers[server.name]["group_id"] = "00000000-0000-4000-8000-"
            if rng.random() < 0.3:
                servers[server.name]["max_interruption_time"] = rng.choice([1, 100])
            if rng.random() < 0.4:
                servers[server.name]["migration_type"] = rng.choice(
                    ["MIGRATE", "LIVE_MIGRATE", "NOTHING", "OWN_ACTION"]
                )
    return servers, groups
