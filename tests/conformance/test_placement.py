"""What Placement says of hosts and servers, at rest and during moves."""

from typing import Any

from .clouds import HOSTS, Cloud, Standing

_TINY = {"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1}
_HERE, _THERE = "compute-06", "compute-03"


def _held(cloud: Cloud, consumer: str) -> dict[str, Any]:
    """What a consumer holds, by host."""
    hosts = {ident: host for host, ident in cloud.providers.items()}
    listed = cloud.placement(f"/allocations/{consumer}")["allocations"]
    return {hosts[ident]: held["resources"] for ident, held in listed.items()}


def test_each_host_is_a_provider(cloud: Cloud) -> None:
    listed = cloud.placement("/resource_providers")["resource_providers"]
    found = {one["name"]: one for one in listed}
    assert sorted(found) == HOSTS
    assert set(found[_HERE]) == {
        "uuid", "name", "generation", "links", "parent_provider_uuid", "root_provider_uuid",
    }  # fmt: skip
    hypervisors = cloud.call("/os-hypervisors").json()["hypervisors"]
    ids = {one["hypervisor_hostname"]: one["id"] for one in hypervisors}
    assert ids == cloud.providers
    listed = cloud.placement(f"/resource_providers?name={_HERE}")["resource_providers"]
    assert [one["name"] for one in listed] == [_HERE]


def test_inventories(cloud: Cloud) -> None:
    found = cloud.placement(f"/resource_providers/{cloud.providers[_HERE]}/inventories")
    assert {name: one["total"] for name, one in found["inventories"].items()} == {
        "VCPU": 16, "MEMORY_MB": 65536, "DISK_GB": 1000,
    }  # fmt: skip
    assert set(found["inventories"]["VCPU"]) == {
        "total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio",
    }  # fmt: skip


def test_server_holds_its_host(cloud: Cloud, standing: Standing) -> None:
    body = cloud.placement(f"/allocations/{standing.first.id}")
    assert set(body) == {
        "allocations", "project_id", "user_id", "consumer_generation", "consumer_type",
    }  # fmt: skip
    assert body["project_id"] == cloud.project_id("alpha")
    assert _held(cloud, standing.first.id) == {_HERE: _TINY}


def test_host_is_held_by_its_servers(cloud: Cloud, standing: Standing) -> None:
    path = f"/resource_providers/{cloud.providers[_HERE]}"
    held = cloud.placement(f"{path}/allocations")["allocations"]
    assert {standing.first.id, standing.third.id, standing.bobs.id} <= set(held)
    assert held[standing.first.id]["resources"] == _TINY
    usages = cloud.placement(f"{path}/usages")["usages"]
    assert usages["VCPU"] == sum(one["resources"]["VCPU"] for one in held.values())


def test_unknown_consumer_holds_nothing(cloud: Cloud) -> None:
    path = f"/allocations/{cloud.providers[_HERE]}"
    assert cloud.placement(path) == {"allocations": {}}


def test_usages_of_a_project(cloud: Cloud, standing: Standing) -> None:
    cloud.settle()
    beta = cloud.project_id("beta")
    expected = {"unknown": {"consumer_count": 1, **_TINY}}
    assert cloud.placement(f"/usages?project_id={beta}")["usages"] == expected
    assert cloud.placement(f"/usages?project_id={beta}", version="1.37")["usages"] == _TINY
    assert cloud.placement(f"/usages?project_id={beta}", "bob")["usages"] == expected
    answer = cloud.call(f"/usages?project_id={beta}", "alice", "1.39", service="placement")
    assert answer.status_code == 403
    assert cloud.placement(f"/usages?project_id={'0' * 32}")["usages"] == {}


def test_disabled_host_has_a_trait(cloud: Cloud) -> None:
    path = f"/resource_providers/{cloud.providers[_HERE]}/traits"
    trait = "COMPUTE_STATUS_DISABLED"
    assert trait not in cloud.placement(path)["traits"]
    with cloud.disabled(_HERE):
        cloud.wait(lambda: trait in cloud.placement(path)["traits"], "trait set")
    cloud.wait(lambda: trait not in cloud.placement(path)["traits"], "trait removed")


def test_provider_is_in_its_hosts_aggregate(cloud: Cloud) -> None:
    listed = cloud.call("/os-aggregates").json()["aggregates"]
    (ident,) = (one["uuid"] for one in listed if _HERE in one["hosts"])
    path = f"/resource_providers/{cloud.providers[_HERE]}/aggregates"
    assert cloud.placement(path)["aggregates"] == [ident]
    listed = cloud.placement(f"/resource_providers?member_of={ident}")["resource_providers"]
    assert sorted(one["name"] for one in listed) == HOSTS[3:]


def test_live_migration_holds_both_hosts(cloud: Cloud) -> None:
    server, here, there = cloud.mover("60")
    cloud.live_migrate(server, there)
    running = cloud.migration(server, "running")
    assert _held(cloud, server.id) == {there: _TINY}
    assert _held(cloud, running.uuid) == {here: _TINY}
    cloud.admin.server_migrations.live_migrate_force_complete(server, running.id)
    cloud.migration(server, "completed")
    cloud.wait(lambda: _held(cloud, running.uuid) == {}, "source let go of")
    assert _held(cloud, server.id) == {there: _TINY}


def test_failed_live_migration_holds_the_source(cloud: Cloud) -> None:
    server, here, there = cloud.mover("error")
    cloud.live_migrate(server, there)
    failed = cloud.migration(server, "failed")
    cloud.settled(server)
    cloud.wait(lambda: _held(cloud, failed.uuid) == {}, "destination let go of")
    assert _held(cloud, server.id) == {here: _TINY}


def test_cold_migration_holds_both_hosts_until_confirmed(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    cloud.admin.servers.migrate(server, host=there)
    cloud.settled(server, "VERIFY_RESIZE")
    record = cloud.migration(server, "finished")
    assert _held(cloud, server.id) == {there: _TINY}
    assert _held(cloud, record.uuid) == {here: _TINY}
    cloud.alice.servers.confirm_resize(server)
    cloud.migration(server, "confirmed")
    cloud.wait(lambda: _held(cloud, record.uuid) == {}, "source let go of")
    assert _held(cloud, server.id) == {there: _TINY}


def test_reverted_cold_migration_holds_the_source(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    cloud.admin.servers.migrate(server, host=there)
    cloud.settled(server, "VERIFY_RESIZE")
    cloud.alice.servers.revert_resize(server)
    record = cloud.migration(server, "reverted")
    cloud.settled(server)
    assert _held(cloud, server.id) == {here: _TINY}
    assert _held(cloud, record.uuid) == {}


def test_stopped_server_holds_its_host(cloud: Cloud) -> None:
    server, here, _ = cloud.mover()
    cloud.alice.servers.stop(server)
    cloud.settled(server, "SHUTOFF")
    assert _held(cloud, server.id) == {here: _TINY}


def _candidates(cloud: Cloud, query: str, version: str = "1.39") -> Any:
    return cloud.placement(f"/allocation_candidates?{query}", version=version)


def test_candidates_have_all_their_resources(cloud: Cloud, standing: Standing) -> None:
    body = _candidates(cloud, "resources=VCPU:1")
    assert set(body) == {"allocation_requests", "provider_summaries"}
    assert set(body["provider_summaries"]) == set(cloud.providers.values())
    ident = cloud.providers[_HERE]
    found = body["provider_summaries"][ident]
    assert set(found) == {"resources", "traits", "parent_provider_uuid", "root_provider_uuid"}
    used = cloud.placement(f"/resource_providers/{ident}/usages")["usages"]
    assert used["VCPU"] >= 3
    assert found["resources"] == {
        "VCPU": {"capacity": 16, "used": used["VCPU"]},
        "MEMORY_MB": {"capacity": 65536, "used": used["MEMORY_MB"]},
        "DISK_GB": {"capacity": 1000, "used": used["DISK_GB"]},
    }
    requests = [one["allocations"] for one in body["allocation_requests"]]
    assert {ident: {"resources": {"VCPU": 1}}} in requests


def test_full_host_is_no_candidate(cloud: Cloud, standing: Standing) -> None:
    ident = cloud.providers[_HERE]
    used = cloud.placement(f"/resource_providers/{ident}/usages")["usages"]["VCPU"]
    assert ident in _candidates(cloud, f"resources=VCPU:{16 - used}")["provider_summaries"]
    assert ident not in _candidates(cloud, f"resources=VCPU:{17 - used}")["provider_summaries"]
    assert _candidates(cloud, "resources=VCPU:17") == {
        "allocation_requests": [], "provider_summaries": {},
    }  # fmt: skip


def test_disabled_host_is_a_candidate(cloud: Cloud) -> None:
    ident, trait = cloud.providers[_HERE], "COMPUTE_STATUS_DISABLED"
    with cloud.disabled(_HERE):
        cloud.wait(
            lambda: (
                trait
                in _candidates(cloud, "resources=VCPU:1")["provider_summaries"][ident]["traits"]
            ),
            "trait in the summary",
        )
        found = _candidates(cloud, f"resources=VCPU:1&required={trait}")
        assert set(found["provider_summaries"]) == {ident}
        found = _candidates(cloud, f"resources=VCPU:1&required=!{trait}")
        assert ident not in found["provider_summaries"]
    cloud.wait(
        lambda: not _candidates(cloud, f"resources=VCPU:1&required={trait}")["provider_summaries"],
        "trait removed",
    )


def test_candidates_by_version(cloud: Cloud) -> None:
    shown = {}
    for version in ("1.10", "1.16", "1.17", "1.26", "1.27", "1.29", "1.34"):
        limit = "&limit=1" if version != "1.10" else ""
        body = _candidates(cloud, f"resources=VCPU:1{limit}", version)
        request, summaries = body["allocation_requests"][0], body["provider_summaries"]
        summary = next(iter(summaries.values()))
        shown[version] = (
            type(request["allocations"]), "mappings" in request, set(summary["resources"]),
            set(summary) - {"resources"}, len(summaries) == 1,
        )  # fmt: skip
    asked, everything = {"VCPU"}, {"VCPU", "MEMORY_MB", "DISK_GB"}
    tree = {"traits", "parent_provider_uuid", "root_provider_uuid"}
    assert shown == {
        "1.10": (list, False, asked, set(), False),
        "1.16": (dict, False, asked, set(), True),
        "1.17": (dict, False, asked, {"traits"}, True),
        "1.26": (dict, False, asked, {"traits"}, True),
        "1.27": (dict, False, everything, {"traits"}, True),
        "1.29": (dict, False, everything, tree, True),
        "1.34": (dict, True, everything, tree, True),
    }


def test_refused_questions_for_candidates(cloud: Cloud) -> None:
    def detail(query: str, status: int, user: str = "admin", version: str = "1.39") -> str:
        path = f"/allocation_candidates{query}"
        answer = cloud.call(path, user, version, service="placement")
        assert answer.status_code == status, answer.text
        return answer.json()["errors"][0]["detail"]

    detail("?resources=VCPU:1", 404, version="1.9")
    detail("?resources=VCPU:1", 403, user="alice")
    assert "There must be at least one resources" in detail("", 400)
    assert "Requested resource VCPU expected positive integer amount. Got: x." in detail(
        "?resources=VCPU:x", 400
    )
    assert "No such resource class NOPE." in detail("?resources=NOPE:1", 400)
    assert "'nonsense'" in detail("?resources=VCPU:1&nonsense=1", 400)
    assert "'limit'" in detail("?resources=VCPU:1&limit=1", 400, version="1.15")
    assert "'0' does not match" in detail("?resources=VCPU:1&limit=0", 400)
