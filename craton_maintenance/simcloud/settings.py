"""How a simulated cloud behaves: durations, limits, chances of failure."""

from dataclasses import dataclass, field


@dataclass
class Timing:
    """Durations in seconds. The defaults are near what a small real cloud showed."""

    boot: float = 0.8
    """From the request to ACTIVE."""
    delete: float = 0.3
    """From the request until the server is gone."""
    power: float = 0.5
    """Stop, start, pause, unpause, suspend, resume, rescue."""
    shelve: float = 1.0
    """Shelve, offload, unshelve."""
    schedule: float = 0.15
    """From a move's request until its destination is known."""
    refuse: float = 0.5
    """From a move's request until the scheduler's refusal is visible."""
    live_fixed: float = 1.0
    """Live migration: the part that does not depend on the server's size."""
    live_mb_per_s: float = 1000.0
    """Live migration: memory moved in a second."""
    cold_fixed: float = 0.8
    """Cold migration and resize: the part that does not depend on size."""
    cold_gb_per_s: float = 20.0
    """Cold migration and resize: disk copied in a second."""
    confirm: float = 0.3
    """Confirm or revert a resize."""
    evacuate: float = 0.8
    """From the request until the server runs elsewhere."""
    abort: float = 0.3
    """Until an abort or a forced completion has worked."""
    record_lag: float = 1.0
    """Upper bound of the time by which a migration record trails its server."""
    report_interval: float = 10.0
    """Between a compute service's heartbeats."""
    service_down_time: float = 60.0
    """Silence after which a compute service is shown as down."""
    restart: float = 5.0
    """From starting a compute service until it is up."""


@dataclass
class Chances:
    """Probabilities, from 0 to 1, that a move goes wrong though nobody asked for it.

    The dice are the cloud's own random generator: the same seed and calls give the same.
    """

    live_error: float = 0.0
    """A live migration fails half-way; the server stays where it was."""
    live_stall: float = 0.0
    """A live migration never ends by itself."""
    cold_error: float = 0.0
    """A cold migration fails on its source; the server goes to ERROR."""
    boot_error: float = 0.0
    """A new server ends in ERROR."""


@dataclass
class Settings:
    """Everything about a cloud that is not its fleet."""

    region: str = "RegionOne"
    max_limit: int = 1000
    """Longest page of a list."""
    max_microversion: int = 96
    """The second half of the highest compute microversion offered: 2.96."""
    token_lifetime: float = 86_400.0
    """Seconds; tokens of a cloud with a virtual clock do not expire."""
    shelved_offload_time: int = 0
    """Seconds from shelved to offloaded; -1: only when told."""
    max_concurrent_live_migrations: int = 1
    """Live migrations that a host sends out at a time, the others being queued; 0: all. Nova's
    default is 1."""
    stale_group_view: bool = False
    """The scheduler does not see moves under way when it looks at a server group; what it
    overlooks is refused at the destination, and the server goes to ERROR though it runs."""
    max_calls: int = 200_000
    """Calls that are remembered in full; counters go on."""
    timing: Timing = field(default_factory=Timing)
    chances: Chances = field(default_factory=Chances)
