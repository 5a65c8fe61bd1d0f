"""Microversions: what is offered, asked for, answered, refused."""

from .clouds import VERSION, Cloud, Standing, refusal


def test_version_document(cloud: Cloud) -> None:
    answer = cloud.call("/", version=None)
    assert answer.status_code == 200
    found = answer.json()["version"]
    assert (found["id"], found["status"], found["min_version"]) == ("v2.1", "CURRENT", "2.1")
    assert tuple(map(int, found["version"].split("."))) >= (2, 93)
    assert {link["rel"] for link in found["links"]} == {"self", "describedby"}


def test_highest_version_is_zeds(cloud: Cloud) -> None:
    assert cloud.call("/", version=None).json()["version"]["version"] == VERSION


def test_without_a_version_the_oldest_answers(cloud: Cloud) -> None:
    answer = cloud.call("/servers", version=None)
    assert answer.headers["OpenStack-API-Version"] == "compute 2.1"
    assert answer.headers["X-OpenStack-Nova-API-Version"] == "2.1"
    assert answer.headers["Vary"] == "OpenStack-API-Version, X-OpenStack-Nova-API-Version"


def test_version_asked_for_answers(cloud: Cloud) -> None:
    for version in ("2.1", "2.53", VERSION):
        answer = cloud.call("/servers", version=version)
        assert answer.headers["OpenStack-API-Version"] == f"compute {version}"


def test_old_header_asks_for_a_version(cloud: Cloud) -> None:
    answer = cloud.call("/servers", version=None, headers={"X-OpenStack-Nova-API-Version": "2.60"})
    assert answer.headers["OpenStack-API-Version"] == "compute 2.60"


def test_latest_is_the_highest(cloud: Cloud) -> None:
    highest = cloud.call("/", version=None).json()["version"]["version"]
    answer = cloud.call("/servers", version="latest")
    assert answer.headers["OpenStack-API-Version"] == f"compute {highest}"


def test_version_not_offered_is_406(cloud: Cloud) -> None:
    highest = cloud.call("/", version=None).json()["version"]["version"]
    for version in ("2.999", "1.0", "3.1"):
        message = refusal(cloud.call("/servers", version=version), 406)
        assert message == (
            f"Version {version} is not supported by the API. "
            f"Minimum is 2.1 and maximum is {highest}."
        )


def test_version_that_is_none_is_400(cloud: Cloud) -> None:
    message = refusal(cloud.call("/servers", version="two"), 400)
    assert message == (
        "API Version String two is of invalid format. Must be of format MajorNum.MinorNum."
    )


def test_calls_begin_at_their_version(cloud: Cloud, standing: Standing) -> None:
    path = f"/servers/{standing.first.id}"
    for part, before, since in (("tags", "2.25", "2.26"), ("migrations", "2.22", "2.23")):
        assert refusal(cloud.call(f"{path}/{part}", version=before), 404)
        assert cloud.call(f"{path}/{part}", version=since).status_code == 200


def test_placements_versions(cloud: Cloud) -> None:
    answer = cloud.call("/resource_providers", version=None, service="placement")
    assert answer.headers["OpenStack-API-Version"] == "placement 1.0"
    answer = cloud.call("/resource_providers", version="1.28", service="placement")
    assert answer.headers["OpenStack-API-Version"] == "placement 1.28"
    assert answer.headers["Vary"].lower() == "openstack-api-version"


def test_placements_version_not_offered_is_406(cloud: Cloud) -> None:
    answer = cloud.call("/resource_providers", version="1.999", service="placement")
    assert answer.status_code == 406
    (error,) = answer.json()["errors"]
    assert "Unacceptable version header: 1.999" in error["detail"]
    assert (error["min_version"], error["max_version"]) == ("1.0", "1.39")


def test_placements_version_that_is_none_is_400(cloud: Cloud) -> None:
    answer = cloud.call("/resource_providers", version="x", service="placement")
    assert answer.status_code == 400
    assert "invalid version string: x" in answer.json()["errors"][0]["detail"]


def test_placements_calls_begin_at_their_version(cloud: Cloud) -> None:
    path = f"/resource_providers/{cloud.providers['compute-06']}"
    for call, before, since in (
        (f"{path}/aggregates", "1.0", "1.1"),
        (f"{path}/traits", "1.5", "1.6"),
        (f"/usages?project_id={cloud.project_id('alpha')}", "1.8", "1.9"),
    ):
        answer = cloud.call(call, version=before, service="placement")
        assert answer.status_code == 404, call
        answer = cloud.call(call, version=since, service="placement")
        assert answer.status_code == 200, call
