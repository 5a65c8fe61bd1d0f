"""Allocations: what a host still holds, also for moves that are not over."""

import pytest

from craton_maintenance.simcloud import session


@pytest.fixture
def ask(cloud):
    def get(path, user="admin", version="1.38"):
        return session(cloud, user).get(
            path,
            endpoint_filter={"service_type": "placement"},
            raise_exc=False,
            headers={"OpenStack-API-Version": f"placement {version}"},
        )

    return get


@pytest.fixture
def provider(ask):
    def find(host):
        [found] = ask(f"/resource_providers?name={host}.example.org").json()["resource_providers"]
        return f"/resource_providers/{found['uuid']}"

    return find


def test_providers_bear_the_hypervisors_names(ask, provider):
    answer = ask(provider("a1") + "/inventories").json()
    assert answer["inventories"]["VCPU"]["total"] == 16
    assert ask(provider("a1") + "/usages").json()["usages"] == {
        "VCPU": 3,
        "MEMORY_MB": 3000,
        "DISK_GB": 3,
    }
    assert ask("/resource_providers?name=nope").json() == {"resource_providers": []}
    assert ask("/resource_providers/nope").status_code == 404
    assert ask("/resource_providers", user="alice").status_code == 403
    assert ask("/resource_providers", version="1.99").status_code == 406


def test_an_unconfirmed_move_holds_both_hosts(ask, provider, clock, look):
    look.server("solo").migrate()
    clock.advance(2)
    move = look.migration("solo")
    held = ask(provider("a1") + "/allocations").json()["allocations"]
    assert move.uuid in held
    assert look.server("solo").id not in held
    assert (
        look.server("solo").id
        in ask(provider(move.dest_compute) + "/allocations").json()["allocations"]
    )
    look.server("solo").confirm_resize()
    clock.advance(1)
    assert move.uuid not in ask(provider("a1") + "/allocations").json()["allocations"]
    assert ask(f"/allocations/{move.uuid}").json() == {"allocations": {}}


def test_a_consumer_names_its_owner(ask, look):
    server = look.server("solo")
    answer = ask(f"/allocations/{server.id}").json()
    [held] = answer["allocations"].values()
    assert held["resources"] == {"VCPU": 1, "MEMORY_MB": 1000, "DISK_GB": 1}
    assert answer["project_id"] == server.tenant_id


def test_disabled_hosts_have_a_trait(ask, provider, admin, look):
    def disabled():
        return "COMPUTE_STATUS_DISABLED" in ask(provider("a1") + "/traits").json()["traits"]

    assert not disabled()
    admin.services.disable_log_reason(look.service("a1").id, "why")
    assert disabled()


def test_usages_of_a_project(ask, look):
    project = look.server("solo").tenant_id
    assert ask(f"/usages?project_id={project}").json()["usages"]["unknown"] == {
        "VCPU": 2,
        "MEMORY_MB": 2000,
        "DISK_GB": 2,
        "consumer_count": 2,
    }
    assert ask(f"/usages?project_id={project}", version="1.9").json()["usages"]["VCPU"] == 2
    assert ask(f"/usages?project_id={project}", user="alice").status_code == 403
