"""What happens to a server on its host, or when it leaves for good."""

from dataclasses import dataclass

from craton_maintenance.simcloud import notifications, records, scheduler
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import conflict, forbidden
from craton_maintenance.simcloud.model import UNFINISHED, Action, Server
from craton_maintenance.simcloud.moves import live
from craton_maintenance.simcloud.moves.common import check_state, idle, set_status


@dataclass(frozen=True, slots=True)
class Change:
    """An action that leaves the server on its host in another state."""

    name: str
    """As in instance actions and in refusals."""
    states: tuple[str, ...]
    """vm_states that it is allowed in."""
    task: str
    """task_state meanwhile."""
    vm_state: str
    power_state: int
    event: str
    """The notification's name without .start and .end."""


CHANGES = {
    "os-stop": Change("stop", ("active", "error"), "powering-off", "stopped", 4, "power_off"),
    "os-start": Change("start", ("stopped",), "powering-on", "active", 1, "power_on"),
    "pause": Change("pause", ("active",), "pausing", "paused", 3, "pause"),
    "unpause": Change("unpause", ("paused",), "unpausing", "active", 1, "unpause"),
    "suspend": Change("suspend", ("active",), "suspending", "suspended", 4, "suspend"),
    "resume": Change("resume", ("suspended",), "resuming", "active", 1, "resume"),
    "rescue": Change("rescue", ("active", "stopped", "error"), "rescuing", "rescued", 1, "rescue"),
    "unrescue": Change("unrescue", ("rescued",), "unrescuing", "active", 1, "unrescue"),
    "reboot": Change(
        "reboot",
        ("active", "stopped", "paused", "suspended", "error"),
        "rebooting",
        "active",
        1,
        "reboot",
    ),
}


def change(cloud: Cloud, call: Call, server: Server, what: str) -> None:
    """Begin one of CHANGES; 409."""
    step = CHANGES[what]
    check_state(call, server, step.name, step.states)
    action = records.begin(cloud, call, server, step.name, f"compute_{step.name}_instance")
    server.task_state = step.task
    cloud.touch(server)
    notifications.instance(cloud, server, f"{step.event}.start", server.host)

    def done() -> None:
        if not _still(cloud, server, step.task):
            return
        server.vm_state, server.power_state = step.vm_state, step.power_state
        server.fault = None
        idle(cloud, server)
        records.end(cloud, action)
        notifications.instance(cloud, server, f"{step.event}.end", server.host)

    _unless_silent(cloud, server, cloud.settings.timing.power, done)


def _unless_silent(cloud: Cloud, server: Server, delay: float, done: object) -> None:
    """Only a compute service that runs does anything; the task waits for it otherwise."""
    if server.host is None or cloud.hosts[server.host].alive:
        cloud.later(delay, done)  # type: ignore[arg-type]


def _still(cloud: Cloud, server: Server, task: str) -> bool:
    """Whether the server is there, and nothing has overtaken the task."""
    return server.id in cloud.servers and server.task_state == task


def delete(cloud: Cloud, call: Call, server: Server) -> None:
    """Begin to delete a server; 409 if it is locked. Deleting twice is no error."""
    if server.locked and not call.is_admin:
        raise conflict(f"Instance {server.id} is locked")
    if server.task_state == "deleting":
        return
    action = records.begin(cloud, call, server, "delete", "compute_terminate_instance")
    _give_up_moves(cloud, server)
    server.task_state = "deleting"
    cloud.touch(server)
    notifications.instance(cloud, server, "delete.start", server.host)
    # Where nobody runs the server, the API deletes it by itself.
    here = server.host is not None and cloud.is_up(cloud.hosts[server.host])
    delay = cloud.settings.timing.delete if here else 0.0
    cloud.later(delay, _gone, cloud, server, action)
    if not here:
        cloud.settle()


def _gone(cloud: Cloud, server: Server, action: Action) -> None:
    if server.id not in cloud.servers:
        return
    server.deleted_at = cloud.now()
    server.vm_state, server.power_state = "deleted", 0
    server.metadata = {}
    idle(cloud, server)
    records.end(cloud, action)
    cloud.remove_server(server)
    notifications.instance(cloud, server, "delete.end", server.host)


def _give_up_moves(cloud: Cloud, server: Server) -> None:
    for migration in cloud.migrations_of.get(server.id, ()):
        # An evacuation that is done waits for its source's restart, whatever becomes of the
        # server.
        if migration.status in UNFINISHED and migration.status != "done":
            cloud.cancel(migration.timer)
            # What was only left to be confirmed is so by the deletion.
            done = migration.status in ("finished", "confirming")
            set_status(cloud, migration, "confirmed" if done else "error")
            cloud.release(migration.uuid)
            if migration.type == "live-migration":
                live.leave_queue(cloud, migration)


def shelve(cloud: Cloud, call: Call, server: Server) -> None:
    """Stop a server and keep its image; 409."""
    check_state(call, server, "shelve", ("active", "stopped", "paused", "suspended"))
    action = records.begin(cloud, call, server, "shelve", "compute_shelve_instance")
    server.task_state = "shelving"
    cloud.touch(server)
    notifications.instance(cloud, server, "shelve.start", server.host)

    def shelved() -> None:
        if not _still(cloud, server, "shelving"):
            return
        server.vm_state, server.power_state = "shelved", 4
        idle(cloud, server)
        notifications.instance(cloud, server, "shelve.end", server.host)
        wait = cloud.settings.shelved_offload_time
        if wait == 0:
            _offload(cloud, server, action)
            return
        records.end(cloud, action)
        if wait > 0:
            cloud.later(wait, late_offload)

    def late_offload() -> None:
        if server.vm_state == "shelved" and server.task_state is None:
            _offload(cloud, server, None)

    _unless_silent(cloud, server, cloud.settings.timing.shelve, shelved)


def offload(cloud: Cloud, call: Call, server: Server) -> None:
    """Have a shelved server leave its host; 409."""
    check_state(call, server, "shelveOffload", ("shelved",))
    action = records.begin(cloud, call, server, "shelveOffload", "compute_shelve_offload_instance")
    _offload(cloud, server, action)


def _offload(cloud: Cloud, server: Server, action: Action | None) -> None:
    server.task_state = "shelving_offloading"
    cloud.touch(server)
    notifications.instance(cloud, server, "shelve_offload.start", server.host)

    def offloaded() -> None:
        if not _still(cloud, server, "shelving_offloading"):
            return
        source = server.host
        cloud.release(server.id)
        cloud.place(server, None)
        server.vm_state = "shelved_offloaded"
        idle(cloud, server)
        records.end(cloud, action)
        notifications.instance(cloud, server, "shelve_offload.end", source)

    _unless_silent(cloud, server, cloud.settings.timing.shelve / 2, offloaded)


def unshelve(cloud: Cloud, call: Call, server: Server, named: str | None = None) -> None:
    """Have a shelved server run again, where there is room; 409."""
    check_state(call, server, "unshelve", ("shelved", "shelved_offloaded"))
    action = records.begin(cloud, call, server, "unshelve", "unshelve_instance")
    server.task_state = "unshelving"
    cloud.touch(server)
    notifications.instance(cloud, server, "unshelve.start", server.host)

    def scheduled() -> None:
        if not _still(cloud, server, "unshelving"):
            return
        if server.host is None:
            try:
                host = scheduler.pick(cloud, server, server.flavor.resources, named)
            except scheduler.NoValidHost as error:
                records.end(cloud, action, str(error))
                idle(cloud, server)
                return
            cloud.allocate(
                server.id, host.name, server.flavor.resources, (server.project_id, server.user_id)
            )
            cloud.place(server, host.name)
        server.task_state = "spawning"
        cloud.touch(server)
        cloud.later(cloud.settings.timing.shelve, running)

    def running() -> None:
        if not _still(cloud, server, "spawning"):
            return
        server.vm_state, server.power_state = "active", 1
        server.launched_at = cloud.now()
        idle(cloud, server)
        records.end(cloud, action)
        notifications.instance(cloud, server, "unshelve.end", server.host)

    cloud.later(cloud.settings.timing.schedule, scheduled)


def lock(cloud: Cloud, call: Call, server: Server, reason: str | None) -> None:
    """Keep ordinary users from acting on a server."""
    server.locked = True
    server.locked_by_owner = call.project_id == server.project_id
    server.locked_reason = reason
    cloud.touch(server)
    records.end(cloud, records.begin(cloud, call, server, "lock"))
    notifications.instance(cloud, server, "lock", None)


def unlock(cloud: Cloud, call: Call, server: Server) -> None:
    """403 for an owner whose server an administrator has locked."""
    if server.locked and not server.locked_by_owner and not call.is_admin:
        raise forbidden("os_compute_api:os-lock-server:unlock:unlock_override")
    server.locked = False
    server.locked_reason = None
    cloud.touch(server)
    records.end(cloud, records.begin(cloud, call, server, "unlock"))
    notifications.instance(cloud, server, "unlock", None)


def reset_state(cloud: Cloud, call: Call, server: Server, state: str) -> None:
    """Say what state a server is in, whatever it is in."""
    server.vm_state = state
    if state == "active":
        server.fault = None
    idle(cloud, server)
    notifications.instance(cloud, server, "update", None)
