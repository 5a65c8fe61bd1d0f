"""Where the service is, and as whom to ask: decided here, and nowhere else.

The address is, in this order: what was given for it (``--url``,
``CRATON_MAINTENANCE_URL``); the endpoint of type ``maintenance`` in Keystone's
catalogue, where there are credentials for Keystone; Craton's address
(``CRATON_URL``), where we are behind the same proxy; this machine.

Credentials are Keystone's where something says where Keystone is
(``OS_AUTH_URL``, ``OS_CLOUD``); else those of Craton's client, an API key in
``OS_PASSWORD``; else none.
"""

import argparse
import dataclasses
import importlib.metadata
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keystoneauth1 import adapter, plugin, session

from craton_maintenance.cli.client import Client, ClientError

if TYPE_CHECKING:
    from openstack.config.cloud_region import CloudRegion

#: Where ``craton-maintenance serve`` listens if nobody says otherwise.
DEFAULT_URL = "http://127.0.0.1:7790/v1"
SERVICE_TYPE = "maintenance"

_ANONYMOUS = (
    "no credentials were given: set OS_CLOUD or OS_AUTH_URL and its companions for Keystone, or "
    "OS_PROJECT_ID, OS_USERNAME and OS_PASSWORD (the API key) for Craton's users"
)


class CratonAuth(plugin.BaseAuthPlugin):
    """Craton's local users: project, name and API key in three headers."""

    def __init__(self, project_id: str, username: str, api_key: str) -> None:
        super().__init__()
        self._headers = {
            "X-Auth-Project": project_id,
            "X-Auth-User": username,
            "X-Auth-Token": api_key,
        }

    def get_headers(self, session: session.Session, **kwargs: Any) -> dict[str, str]:
        return dict(self._headers)


class NoAuth(plugin.BaseAuthPlugin):
    """Nobody in particular: for a service that asks nobody, on this machine."""

    def get_headers(self, session: session.Session, **kwargs: Any) -> dict[str, str]:
        return {}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What options and environment say; options win."""

    url: str | None = None
    """Our address."""
    craton_url: str | None = None
    """Craton's address, which is ours too behind a common proxy."""
    keystone: bool = False
    """Whether something says where Keystone is."""
    project_id: str | None = None
    """Craton's local user: the project."""
    username: str | None = None
    """Craton's local user: the name."""
    api_key: str | None = dataclasses.field(default=None, repr=False)
    """Craton's local user: the key."""

    @classmethod
    def read(cls, options: argparse.Namespace | None, environ: Mapping[str, str]) -> "Settings":
        """Read the options of :func:`add_options` and the environment."""

        def find(option: str, *variables: str) -> str | None:
            given = getattr(options, option, None)
            return given or next((environ[x] for x in variables if environ.get(x)), None)

        return cls(
            url=find("url", "CRATON_MAINTENANCE_URL"),
            craton_url=find("craton_url", "CRATON_URL"),
            keystone=any(
                find(f"os_{name}", f"OS_{name.upper()}") for name in ("cloud", "auth_url")
            ),
            project_id=find("os_project_id", "OS_PROJECT_ID"),
            username=find("os_username", "OS_USERNAME"),
            api_key=find("os_password", "OS_PASSWORD"),
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the service is and who asks."""
    group = parser.add_argument_group("where the service is")
    group.add_argument(
        "--url",
        metavar="URL",
        help="address of the service, ending in /v1 (CRATON_MAINTENANCE_URL); default: from "
        f"Keystone's catalogue, else CRATON_URL, else {DEFAULT_URL}",
    )
    group.add_argument(
        "--craton-url",
        metavar="URL",
        help="address of Craton, where this service is behind the same proxy (CRATON_URL)",
    )
    group.add_argument("--insecure", action="store_true", help="do not verify certificates")
    group = parser.add_argument_group(
        "who asks",
        "Keystone, where OS_CLOUD or OS_AUTH_URL is set; else Craton's users, where project, "
        "user name and password (the API key) are set; else nobody in particular. Other OS_* "
        "variables of OpenStack's clients are read as well.",
    )
    for name, words in _KEYSTONE_OPTIONS.items():
        variable = name.lstrip("-").replace("-", "_").upper()
        group.add_argument(name, metavar="…", help=f"{words} ({variable})")


_KEYSTONE_OPTIONS = {
    "--os-cloud": "entry of clouds.yaml",
    "--os-auth-url": "address of Keystone",
    "--os-auth-type": "authentication plugin, such as v3applicationcredential",
    "--os-project-id": "project, by id",
    "--os-project-name": "project, by name",
    "--os-project-domain-name": "domain of the project",
    "--os-project-domain-id": "domain of the project, by id",
    "--os-username": "user name",
    "--os-user-domain-name": "domain of the user",
    "--os-user-domain-id": "domain of the user, by id",
    "--os-password": "password or API key; better given by the environment than here",
    "--os-token": "token, with --os-auth-type token",
    "--os-application-credential-id": "application credential",
    "--os-application-credential-secret": "its secret; better given by the environment than here",
    "--os-system-scope": "ask for system scope: all",
    "--os-region-name": "region of the service's endpoint",
    "--os-interface": "interface of the service's endpoint: public, internal, admin",
    "--os-cacert": "file of certificates to trust",
}


def client(options: argparse.Namespace, environ: Mapping[str, str] | None = None) -> Client:
    """A client for what the options of :func:`add_options` and the environment say."""
    settings = Settings.read(options, os.environ if environ is None else environ)
    if settings.keystone:
        return _by_keystone(settings, options)
    verify: bool | str = getattr(options, "os_cacert", None) or os.environ.get("OS_CACERT") or True
    if getattr(options, "insecure", False):
        verify = False
    return without_keystone(settings, verify)


def without_keystone(settings: Settings, verify: bool | str = True) -> Client:
    """A client with Craton's credentials or none."""
    auth: plugin.BaseAuthPlugin
    if settings.project_id and settings.username and settings.api_key:
        auth = CratonAuth(settings.project_id, settings.username, settings.api_key)
        asked_as = f"asked as Craton's user {settings.username!r}"
    else:
        auth, asked_as = NoAuth(), _ANONYMOUS
    url = settings.url or settings.craton_url or DEFAULT_URL
    return _client(session.Session(auth=auth, verify=verify), url, None, asked_as)


def with_keystone(
    session: session.Session,
    settings: Settings,
    region_name: str | None = None,
    interface: str | list[str] | None = None,
) -> Client:
    """A client on a session that logs in at Keystone."""
    return _client(
        session,
        settings.url,
        settings.craton_url,
        "asked with a token of Keystone's",
        region_name=region_name,
        interface=interface,
    )


def _client(
    session: session.Session,
    url: str | None,
    otherwise: str | None,
    asked_as: str,
    **where: Any,
) -> Client:
    asker = adapter.Adapter(
        session,
        service_type=SERVICE_TYPE,
        client_name="craton-maintenance",
        client_version=importlib.metadata.version("craton-maintenance"),
        **where,
    )
    return Client(asker, _v1(url), _v1(otherwise), asked_as)


def keystone(options: argparse.Namespace) -> "tuple[CloudRegion, session.Session]":
    """The cloud that options and environment name, and a session that logs in there.

    :raises ClientError: credentials that can't be used
    """
    try:
        region = _cloud(options)
        return region, region.get_session()
    except Exception as problem:
        # openstacksdk and the plugins of keystoneauth each have errors of their own
        words = " ".join(str(problem).split())
        raise ClientError(f"credentials for Keystone: {words}") from problem


def _by_keystone(settings: Settings, options: argparse.Namespace) -> Client:
    region, asker = keystone(options)
    override = region.get_endpoint(SERVICE_TYPE)
    if override and not settings.url:
        settings = dataclasses.replace(settings, url=override)
    return with_keystone(
        asker,
        settings,
        region_name=region.get_region_name(SERVICE_TYPE),
        interface=region.get_interface(SERVICE_TYPE),
    )


def _cloud(options: argparse.Namespace) -> "CloudRegion":
    # slow to import, and not needed on most machines that run the server
    from openstack.config import OpenStackConfig

    names = {name.lstrip("-").replace("-", "_") for name in _KEYSTONE_OPTIONS}
    given = {name: getattr(options, name, None) for name in names} | {
        "insecure": getattr(options, "insecure", None) or None
    }
    # said here: without any clouds.yaml, a wrong OS_CLOUD would be passed over
    cloud = given.pop("os_cloud") or os.environ.get("OS_CLOUD")
    return OpenStackConfig().get_one(cloud=cloud, argparse=argparse.Namespace(**given))


def _v1(url: str | None) -> str | None:
    return v1(url) if url else None


def v1(url: str) -> str:
    """The address with the version that people leave out, as Craton's clients do.

    :raises ClientError: not an address
    """
    if not url.startswith(("http://", "https://")):
        raise ClientError(f"{url!r} is not an address: write http://HOST:PORT/v1, or https://…")
    url = url.rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"
