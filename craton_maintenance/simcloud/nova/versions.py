"""What is offered where."""

from typing import Any

from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud

_UPDATED = "2013-07-23T11:33:21Z"


def index(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The simulated cloud's own first page."""
    return {
        "cloud": cloud.name,
        "region": cloud.settings.region,
        "auth_url": f"{call.base}/identity/v3",
    }


def list_versions(cloud: Cloud, call: Call) -> dict[str, Any]:
    highest = cloud.settings.max_microversion
    return {
        "versions": [
            {
                "id": "v2.1",
                "status": "CURRENT",
                "version": f"2.{highest}",
                "min_version": "2.1",
                "updated": _UPDATED,
                "links": [{"rel": "self", "href": f"{call.base}/compute/v2.1/"}],
            }
        ]
    }


def show_version(cloud: Cloud, call: Call) -> dict[str, Any]:
    highest = cloud.settings.max_microversion
    return {
        "version": {
            "id": "v2.1",
            "status": "CURRENT",
            "version": f"2.{highest}",
            "min_version": "2.1",
            "updated": _UPDATED,
            "links": [
                {"rel": "self", "href": f"{call.base}/compute/v2.1/"},
                {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"},
            ],
            "media-types": [
                {
                    "base": "application/json",
                    "type": "application/vnd.openstack.compute+json;version=2.1",
                }
            ],
        }
    }
