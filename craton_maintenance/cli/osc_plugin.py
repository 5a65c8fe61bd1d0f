"""The commands as part of python-openstackclient: ``openstack maintenance ...``.

The names in this module are what openstackclient asks of a plugin.
"""

import argparse
import os
from typing import Any

from craton_maintenance.cli import connect
from craton_maintenance.cli.client import Client

API_NAME = "maintenance"
DEFAULT_API_VERSION = "1"
API_VERSION_OPTION = "os_maintenance_api_version"
API_VERSIONS = ("1",)


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add our options to those of ``openstack`` itself."""
    parser.add_argument(
        "--os-maintenance-api-version",
        metavar="<maintenance-api-version>",
        default=os.environ.get("OS_MAINTENANCE_API_VERSION", ""),
        help=f"Maintenance API version, default={DEFAULT_API_VERSION} "
        "(Env: OS_MAINTENANCE_API_VERSION)",
    )
    parser.add_argument(
        "--os-maintenance-url",
        metavar="<maintenance-url>",
        dest="maintenance_endpoint_override",
        default=os.environ.get("CRATON_MAINTENANCE_URL"),
        help="Address of craton-maintenance, ending in /v1; default: from the catalogue "
        "(Env: CRATON_MAINTENANCE_URL)",
    )
    return parser


def make_client(instance: Any) -> Client:
    """A client for the manager of ``openstack``'s clients.

    It has a session where Keystone was asked for; where not, Craton's users and
    services without users remain, as in our own application.
    """
    url = instance.get_configuration().get("maintenance_endpoint_override")
    settings = connect.Settings.read(argparse.Namespace(url=url), os.environ)
    session = getattr(instance, "session", None)
    if session is None:
        return connect.without_keystone(settings, instance.cacert or instance.verify)
    return connect.with_keystone(
        session, settings, region_name=instance.region_name, interface=instance.interface
    )
