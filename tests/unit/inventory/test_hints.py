"""Notifications in the inventory: as a synchronisation would have it, in whatever order."""

import contextlib
import datetime as dt
import random
from typing import Any

import pytest
import sqlalchemy as sa
from novaclient import client as nova_client
from novaclient import exceptions

from craton_maintenance import simcloud
from craton_maintenance.db import nova, tables
from craton_maintenance.inventory.hints import SKEW, Effect, Hints
from craton_maintenance.inventory.sync import Sync
from craton_maintenance.nova import notifications
from craton_maintenance.nova.listing import Server
from craton_maintenance.nova.notifications import Gone, Placed, ServiceChanged
from craton_maintenance.simcloud import Fault, hosts
from tests.functional.deployment import REGION, Deployment


class Ear:
    """Hears what the simulated cloud sends, and has it written when told to."""

    def __init__(self, deployment: Deployment) -> None:
        self.waiting: list[tuple[str, dict[str, Any], dt.datetime]] = []
        self.hints = Hints(deployment.service, REGION)
        self._cloud = deployment.cloud
        self._cloud.notify.append(self._hear)

    def _hear(self, event_type: str, payload: Any, publisher: str, priority: str) -> None:
        moment = dt.datetime.fromtimestamp(self._cloud.now(), dt.UTC)
        self.waiting.append((event_type, payload, moment))

    def write(self, messages: Any = None) -> list[Effect]:
        """Have messages written; all that wait, in their order."""
        effects = []
        for event_type, payload, sent_at in self.waiting if messages is None else messages:
            fact = notifications.read(event_type, payload, sent_at)
            if fact is not None:
                effects.append(self.hints.take(fact, sent_at))
        self.waiting.clear()
        return effects


@pytest.fixture
def ear(deployment: Deployment) -> Ear:
    return Ear(deployment)


def inventory(deployment: Deployment) -> tuple[Any, Any]:
    with deployment.service.database.read() as connection:
        return nova.hosts(connection, REGION), nova.servers(connection, REGION)


def generation(deployment: Deployment) -> int:
    with deployment.service.database.read() as connection:
        return nova.sync_of(connection, REGION).generation


def heard(deployment: Deployment) -> int:
    with deployment.service.database.read() as connection:
        return connection.execute(
            sa.select(sa.func.count()).select_from(tables.nova_heard)
        ).scalar_one()


def placed(deployment: Deployment, name: str, host: str | None, **more: Any) -> Placed:
    """A server of the cloud, said to be on a host."""
    server = deployment.cloud.server_named(name)
    fields = {
        "id": server.id,
        "project_id": server.project_id,
        "host": host,
        "host_id": notifications.host_id(server.project_id, host),
        "name": server.name,
        "status": "ACTIVE",
    }
    return Placed(Server(**fields | more))


def host_of(deployment: Deployment, name: str) -> Any:
    return inventory(deployment)[1][deployment.server(name)][1]


# -- a walk ------------------------------------------------------------------------

FIRM = [f"firm-{number}" for number in range(4)]
SHAKY = [f"shaky-{number}" for number in range(3)]

ACTS = (
    *("live", "live", "live", "live error", "abort", "migrate"),
    *("confirm", "revert", "evacuate", "stop", "start", "pause", "unpause", "suspend"),
    *("resume", "reboot", "rescue", "unrescue", "shelve", "unshelve", "delete", "boot", "boot"),
    *("disable", "enable", "force down", "restart"),
)


def fleet() -> simcloud.Fleet:
    made = simcloud.Fleet(name="walk").add_project("alpha").add_project("beta")
    made.add_flavor("tiny", vcpus=1, ram_mb=512, disk_gb=1)
    # on the firm ones there is always room: a server that gets no host sends nothing
    made.add_hosts(FIRM + SHAKY, vcpus=200, ram_mb=400_000, disk_gb=4000)
    for number, host in enumerate([*FIRM, *SHAKY]):
        made.add_server(f"a-{number}", "alpha", host).add_server(f"b-{number}", "beta", host)
    return made.complete()


def act(deployment: Deployment, admin: Any, dice: random.Random) -> None:
    cloud, what = deployment.cloud, dice.choice(ACTS)
    host = dice.choice(SHAKY)
    service = cloud.hosts[host].service_uuid
    match what:
        case "disable":
            admin.services.disable_log_reason(service, f"rack {dice.randrange(9)}")
        case "enable":
            admin.services.enable(service)
        case "force down":
            admin.services.force_down(service, True)
        case "restart":
            hosts.start_compute(cloud, host)
            deployment.pass_time(30)
            admin.services.force_down(service, False)
        case "boot":
            admin.servers.create(f"s{dice.random()}", None, next(iter(cloud.flavors)), nics="none")
        case _:
            of_a_server(cloud, admin, dice, what)


def of_a_server(cloud: Any, admin: Any, dice: random.Random, what: str) -> None:
    server = admin.servers.get(dice.choice(list(cloud.servers)))
    what, _, wish = what.partition(" ")
    if wish:
        admin.servers.set_meta(server, {f"sim:{what}_migration": wish})
    match what:
        case "live":
            server.live_migrate(host=dice.choice([None, *FIRM]), block_migration="auto")
        case "abort":
            for move in admin.server_migrations.list(server):
                admin.server_migrations.live_migration_abort(server, move.id)
        case _:
            names = {"confirm": "confirm_resize", "revert": "revert_resize"}
            getattr(server, names.get(what, what))()


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_walk_ends_as_a_synchronisation_finds_it(deploy, seed, shuffled):
    """Boots, deletions, moves, disabled hosts: nothing is left for the synchronisation to do."""
    deployment = deploy(fleet=fleet())
    ear, dice = Ear(deployment), random.Random(seed)
    admin = nova_client.Client("2.87", session=simcloud.session(deployment.cloud, "admin"))
    effects = []
    for _ in range(8):
        for _ in range(40):
            with contextlib.suppress(
                exceptions.Conflict, exceptions.BadRequest, exceptions.NotFound
            ):
                act(deployment, admin, dice)
            deployment.pass_time(dice.choice([0.01, 0.1, 0.5, 2, 5]))
            if not shuffled:
                effects += ear.write()
        deployment.pass_time(120)
        messages = list(ear.waiting)
        if shuffled:
            # duplicates and all
            messages += dice.sample(messages, len(messages) // 3)
            dice.shuffle(messages)
        effects += ear.write(messages)
        before = inventory(deployment)
        deployment.pass_time(1)
        report = deployment.sync()
        assert not report.changed, report
        assert inventory(deployment) == before
        assert len(deployment.cloud.servers) == report.servers
        # nothing that was sent before can be written any more: nothing to remember
        assert heard(deployment) == 0
    assert effects.count(Effect.MOVED) > 50
    assert effects.count(Effect.SHOWN) > 20


# -- late, twice, out of order -----------------------------------------------------


def test_a_duplicate_changes_nothing(deployment, ear):
    fact = placed(deployment, "web-1", "host-b3")
    number = generation(deployment)
    assert ear.hints.take(fact, deployment.now) is Effect.MOVED
    assert ear.hints.take(fact, deployment.now) is Effect.NOTHING
    assert generation(deployment) == number + 1


def test_what_is_only_shown_is_no_work_for_windows(deployment, ear):
    number = generation(deployment)
    where = host_of(deployment, "web-1")
    fact = placed(deployment, "web-1", where, status="SHUTOFF")
    assert ear.hints.take(fact, deployment.now) is Effect.SHOWN
    disabled = ServiceChanged("host-b3", "disabled", "rack 7", False, None)
    assert ear.hints.take(disabled, deployment.now) is Effect.SHOWN
    assert generation(deployment) == number
    row = inventory(deployment)[0]["host-b3"]
    assert (row["status"], row["disabled_reason"], row["state"]) == ("disabled", "rack 7", "up")


def test_an_older_one_does_not_move_a_server_back(deployment, ear):
    first = host_of(deployment, "web-1")
    deployment.pass_time(60)
    earlier = deployment.now - dt.timedelta(seconds=2)
    assert ear.hints.take(placed(deployment, "web-1", "host-b3"), deployment.now) is Effect.MOVED
    assert ear.hints.take(placed(deployment, "web-1", first), earlier) is Effect.IGNORED
    assert host_of(deployment, "web-1") == "host-b3"


def test_a_deleted_server_does_not_come_back(deployment, ear):
    gone = deployment.server("web-1")
    assert ear.hints.take(Gone(gone, final=True), deployment.now) is Effect.MOVED
    deployment.pass_time(60)
    fact = placed(deployment, "web-1", "host-b3")
    assert ear.hints.take(fact, deployment.now) is Effect.IGNORED
    assert gone not in inventory(deployment)[1]


def test_one_deleted_before_it_was_known_does_not_come_either(deployment, ear):
    """``create.end`` and ``delete.end`` went to two engines."""
    assert ear.hints.take(Gone("new", final=True), deployment.now) is Effect.NOTHING
    fact = placed(deployment, "web-1", "host-b3", id="new")
    assert ear.hints.take(fact, deployment.now) is Effect.IGNORED


def test_a_server_that_is_restored_comes_back(deployment, ear):
    gone = deployment.server("web-1")
    assert ear.hints.take(Gone(gone, final=False), deployment.now) is Effect.MOVED
    deployment.pass_time(1)
    fact = placed(deployment, "web-1", "host-b3")
    assert ear.hints.take(fact, deployment.now) is Effect.MOVED


def test_what_a_synchronisation_has_seen_is_old(deployment, ear):
    """A queue that nobody emptied for an hour."""
    deployment.pass_time(60)
    deployment.sync()
    fact = placed(deployment, "web-1", "host-b3")
    began = deployment.now
    deployment.pass_time(10)
    old = began - SKEW - dt.timedelta(seconds=0.1)
    assert ear.hints.take(fact, old) is Effect.IGNORED
    # clocks may differ by so much
    assert ear.hints.take(fact, began - SKEW) is Effect.MOVED


def test_a_clock_that_is_ahead_does_not_silence_the_others(deployment, ear):
    tomorrow = deployment.now + dt.timedelta(days=1)
    assert ear.hints.take(placed(deployment, "web-1", "host-b3"), tomorrow) is Effect.MOVED
    deployment.pass_time(1)
    fact = placed(deployment, "web-1", "host-b2")
    assert ear.hints.take(fact, deployment.now) is Effect.MOVED


# -- unknown -----------------------------------------------------------------------


def test_a_host_that_is_not_known_yet_is_brought_by_the_synchronisation(deployment, ear):
    before = inventory(deployment)
    fact = placed(deployment, "web-1", "host-new")
    assert ear.hints.take(fact, deployment.now) is Effect.IGNORED
    service = ServiceChanged("host-new", "disabled", None, False, None)
    assert ear.hints.take(service, deployment.now) is Effect.IGNORED
    assert inventory(deployment) == before
    assert heard(deployment) == 0


def test_a_region_that_nobody_has_synchronised_with_is_left_alone(deploy):
    deployment = deploy(synced=False)
    hints = Hints(deployment.service, REGION)
    assert hints.take(Gone("any", final=True), deployment.now) is Effect.IGNORED
    assert hints.take(placed(deployment, "web-1", None), deployment.now) is Effect.IGNORED
    with deployment.service.database.read() as connection:
        assert nova.sync_of(connection, REGION) is None


# -- while a synchronisation reads -------------------------------------------------


def test_a_listing_does_not_undo_what_was_heard_meanwhile(deployment, ear):
    """It was listed where it was, and moves before the listing is written."""
    first = host_of(deployment, "web-1")
    sync = Sync(deployment.service, deployment.region, may_create=True)
    # connected beforehand: what is late is the listing
    sync.run()
    deployment.pass_time(60)
    gone = deployment.server("web-2")

    def meanwhile(cloud: Any, record: Any) -> None:
        ear.hints.take(placed(deployment, "web-1", "host-b3"), deployment.now)
        ear.hints.take(Gone(gone, final=True), deployment.now)
        ear.hints.take(
            ServiceChanged("host-b3", "disabled", "rack 7", False, None), deployment.now
        )

    deployment.cloud.faults.append(Fault(path="servers/detail", nth=1, effect=meanwhile))
    report = sync.run()
    assert not report.changed
    assert host_of(deployment, "web-1") == "host-b3"
    hosts_now, servers_now = inventory(deployment)
    assert gone not in servers_now
    assert hosts_now["host-b3"]["disabled_reason"] == "rack 7"
    # the next one is the truth again
    deployment.pass_time(60)
    report = sync.run()
    assert (report.servers_changed, report.servers_added, report.hosts_changed) == (1, 1, 1)
    assert host_of(deployment, "web-1") == first


def test_windows_projects_are_told_when_a_server_comes(deployment, ear):
    deployment.operator.set(hosts=["host-b3"], end=deployment.now_plus(3600))
    deployment.engine()
    project = deployment.cloud.server_named("web-1").project_id
    member = deployment.client(X_Project_Id=project, X_Roles="member", X_User_Id="u")
    known = len(member.events())
    ear.hints.take(placed(deployment, "web-1", "host-b3"), deployment.now)
    deployment.engine()
    assert len(member.events()) > known
