"""Microversions, compared as integers."""

import re

from craton_maintenance.simcloud.errors import ApiError

PLACEMENT_MAX = 39

_VERSION = re.compile(r"(\d+)\.(\d+)")


class UnknownVersion(ApiError):
    """406: a version that is not offered."""


def of_compute(headers: dict[str, str], highest: int) -> int:
    """The minor version a request to Nova asks for: 1 if none; 400, 406."""
    wanted = _wanted(headers.get("openstack-api-version", ""), "compute")
    if wanted is None:
        wanted = headers.get("x-openstack-nova-api-version")
    if wanted is None:
        return 1
    if wanted == "latest":
        return highest
    match = _VERSION.fullmatch(wanted)
    if match is None:
        raise ApiError(
            400,
            f"API Version String {wanted} is of invalid format. Must be of "
            "format MajorNum.MinorNum.",
        )
    major, minor = int(match[1]), int(match[2])
    if major != 2 or not 1 <= minor <= highest:
        raise UnknownVersion(
            406,
            f"Version {wanted} is not supported by the API. Minimum is "
            f"2.1 and maximum is 2.{highest}.",
        )
    return minor


def of_placement(headers: dict[str, str]) -> int:
    """The minor version a request to Placement asks for: 0 if none; 400, 406."""
    wanted = _wanted(headers.get("openstack-api-version", ""), "placement")
    if wanted is None:
        return 0
    if wanted == "latest":
        return PLACEMENT_MAX
    match = _VERSION.fullmatch(wanted)
    if match is None:
        raise ApiError(400, f"invalid version string: {wanted}")
    if int(match[1]) != 1 or int(match[2]) > PLACEMENT_MAX:
        raise UnknownVersion(
            406,
            f"Unacceptable version header: {wanted}",
            min_version="1.0",
            max_version=f"1.{PLACEMENT_MAX}",
        )
    return int(match[2])


def _wanted(header: str, service: str) -> str | None:
    for part in header.split(","):
        words = part.split()
        if len(words) == 2 and words[0].lower() == service:
            return words[1]
    return None


def answer_headers(service: str, minor: int) -> list[tuple[str, str]]:
    """What an answer says of its version."""
    if service == "compute":
        return [
            ("OpenStack-API-Version", f"compute 2.{minor}"),
            ("X-OpenStack-Nova-API-Version", f"2.{minor}"),
            ("Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version"),
        ]
    if service == "placement":
        return [
            ("OpenStack-API-Version", f"placement 1.{minor}"),
            ("Vary", "openstack-api-version"),
        ]
    return [("Vary", "X-Auth-Token")] if service == "identity" else []
