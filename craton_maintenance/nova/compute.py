"""A region's Nova and Placement as sessions use them.

Two ways lead there: what reads is repeated when it fails on the way, and what changes
something is sent once and never again.  Both go by keystoneauth: novaclient repeats
what it likes, and keeps of a long list many times what is needed.
"""

import re
import threading
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1.session import Session
from oslo_config import cfg

from craton_maintenance.domain.session.steps import Outcome, Result
from craton_maintenance.nova.actions import Actions
from craton_maintenance.nova.answers import Unreadable
from craton_maintenance.nova.credentials import Region
from craton_maintenance.nova.reads import Reads

#: The newest version of Nova's API that is asked for, as a list of hypervisors asks every
#: host from 2.88 on, and the oldest that sessions work with (Pike): services and
#: hypervisors have UUIDs since, which Placement knows them by.
NEWEST, OLDEST = (2, 87), (2, 53)

_ROOT = re.compile(r".*/v2\.1(?=/|$)")
_VERSION = re.compile(r"(\d+)\.(\d+)")


class TooOld(exceptions.ClientException):
    """Nova offers nothing that sessions can work with."""

    # refused like a request that the API does not know
    http_status = 400


class Cloud:
    """One region's. Threads may share it: each gets connections of its own."""

    def __init__(self, conf: cfg.ConfigOpts, region: Region) -> None:
        """
        :param conf: ``[nova]`` and ``[sessions]`` have the time-outs and retries
        """
        self.name = region.name
        self._conf = conf
        self._region = region
        self._here = threading.local()
        #: of Nova's API, once somebody has asked
        self._version: tuple[int, int] | None = None
        #: uuids of hypervisors by service's host, as listed last; a hint only
        self.hypervisors: Mapping[str, tuple[str, ...]] = {}

    @property
    def reads(self) -> Reads:
        """What lists and shows.

        :raises keystoneauth1.exceptions.ClientException: Keystone or Nova can't be reached
        """
        return self._connected()[0]

    @property
    def actions(self) -> Actions:
        """What changes something; raises as :attr:`reads`."""
        return self._connected()[1]

    @property
    def keystone(self) -> Session:
        """Our credentials, for other services of the cloud: connections, and a token.

        :raises keystoneauth1.exceptions.ClientException: Keystone can't be reached
        """
        session: Session | None = getattr(self._here, "session", None)
        if session is None:
            session = self._here.session = self._region.session()
        return session

    @property
    def where(self) -> dict[str, Any]:
        """Which of a service's endpoints are the region's: ``region_name``, ``interface``."""
        return {"region_name": self._region.region_name, "interface": self._region.interface}

    def looking_only(self, words: str) -> "Cloud":
        """The same to whoever looks; what would change something is not sent.

        :param words: why not
        """
        return _LookingOnly(self, words)

    def _connected(self) -> tuple[Reads, Actions]:
        pair = getattr(self._here, "pair", None)
        if pair is None:
            pair = self._here.pair = self._connect()
        return pair

    def _connect(self) -> tuple[Reads, Actions]:
        conf = self._conf
        session, where = self.keystone, self.where
        reads = Reads(session, where, (2, 1), conf.nova.read_retries, conf.nova.timeout)
        version = self._version or negotiate(
            reads, session.get_endpoint(service_type="compute", **where)
        )
        self._version = version
        return (
            Reads(session, where, version, conf.nova.read_retries, conf.nova.timeout),
            Actions(session, where, version, conf.sessions.call_timeout),
        )


class _LookingOnly(Cloud):
    """A region in which nothing is begun any more."""

    def __init__(self, cloud: Cloud, words: str) -> None:
        self.__dict__.update(cloud.__dict__)
        self._words = words

    @property
    def actions(self) -> Actions:
        return _NoActions(self._words)


class _NoActions(Actions):
    def __init__(self, words: str) -> None:
        self._words = words

    def send(self, method: str, path: str, body: Any = None) -> Outcome:
        return Outcome(Result.LATER, words=self._words)


def negotiate(reads: Reads, endpoint: str | None) -> tuple[int, int]:
    """The version to talk to Nova with.

    :param reads: as of version 2.1
    :param endpoint: Nova's in the catalogue; it may go on with a project's id
    :raises TooOld: it offers less than :data:`OLDEST`
    :raises keystoneauth1.exceptions.ClientException: Keystone or Nova can't be reached
    """
    if not endpoint:
        raise exceptions.EndpointNotFound("the service catalogue has no compute endpoint")
    root = _ROOT.match(endpoint)
    shown = reads.get(root[0] if root else endpoint).get("version")
    number = _VERSION.fullmatch(str(shown.get("version"))) if isinstance(shown, dict) else None
    if number is None:
        raise Unreadable("Nova does not say which versions of its API it offers")
    offered = int(number[1]), int(number[2])
    version = min(offered, NEWEST)
    if version < OLDEST:
        raise TooOld(
            f"Nova offers {offered[0]}.{offered[1]} of its API; sessions need "
            f"{OLDEST[0]}.{OLDEST[1]} or newer"
        )
    return version
