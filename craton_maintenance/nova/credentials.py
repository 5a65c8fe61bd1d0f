"""Where a region's Nova is, and as whom we come.

Credentials are taken as OpenStack's own tools take them: from ``clouds.yaml`` and
the OS_* variables, by openstacksdk's configuration loader.
"""

import dataclasses
import os
from collections.abc import Callable

import openstack.config
import openstack.exceptions
from keystoneauth1.session import Session
from openstack.config.cloud_region import CloudRegion
from oslo_config import cfg

#: Region's name where neither clouds.yaml nor OS_REGION_NAME gives one.
_DEFAULT_REGION = "RegionOne"


class NoCloud(Exception):
    """There are no usable credentials; the message says what to set."""


@dataclasses.dataclass(frozen=True, slots=True)
class Region:
    """A Craton region and its cloud."""

    name: str
    #: makes a session; it keeps connections and the token, so one for each thread
    session: Callable[[], Session]
    #: name of the region in the service catalogue
    region_name: str
    interface: str


def regions(conf: cfg.ConfigOpts) -> list[Region]:
    """The regions configured; none where there is no cloud at all.

    :raises NoCloud: something is configured that cannot be used
    """
    if conf.nova.regions:
        return [_region(conf, name, entry) for name, entry in sorted(conf.nova.regions.items())]
    if os.environ.get("OS_CLOUD") or os.environ.get("OS_AUTH_URL"):
        return [_region(conf, None, None)]
    return []


def _region(conf: cfg.ConfigOpts, name: str | None, entry: str | None) -> Region:
    try:
        found = _entry(openstack.config.OpenStackConfig(), name, entry)
    except openstack.exceptions.ConfigException as error:
        raise NoCloud(f"credentials of region {name or 'from the environment'}: {error}") from None
    region_name = found.get_region_name() or name or _DEFAULT_REGION
    timeout = conf.nova.timeout

    def session() -> Session:
        verify, cert = found.get_requests_verify_args()
        return Session(
            auth=found.get_auth(),
            verify=verify,
            cert=cert,
            timeout=timeout,
            app_name="craton-maintenance",
            collect_timing=False,
        )

    interface = str(conf.nova.interface or found.get_interface("compute") or "public")
    return Region(name or region_name, session, region_name, interface)


def _entry(
    loader: openstack.config.OpenStackConfig, region: str | None, entry: str | None
) -> CloudRegion:
    """The entry of clouds.yaml; of one with several regions, the region of this name."""
    if entry is None:
        return loader.get_one()
    same = [found for found in loader.get_all() if found.name == entry]
    named = [found for found in same if found.config.get("region_name") == region]
    return next(iter(named or same), None) or loader.get_one(cloud=entry)
