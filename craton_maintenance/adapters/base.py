"""What an adapter is: the class that others write plugins from.

A plugin is a class derived from :class:`Adapter`, named by an entry point in
``craton_maintenance.adapters``. It is called by one thread of one engine at a time, with
nothing locked, and may be called again whenever nobody knows what came of the last time: it
looks before it acts.
"""

import abc
import dataclasses
import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any

from oslo_config import cfg

from craton_maintenance.nova.credentials import Region

#: Characters of somebody else's answer that are kept.
WORDS = 300


class AdapterError(Exception):
    """The other system did not do it, or nobody knows whether it did.

    Its text is for an operator: what went wrong, with the other side's words.
    """

    def __init__(self, words: str, forget: bool = False) -> None:
        """
        :param forget: what :meth:`Adapter.find` had found is not so any more: it has to be
            found again
        """
        super().__init__(words)
        self.forget = forget


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of another system about one host."""

    #: name of the host's Nova service, or of the host where Nova does not know it
    host: str
    region: str
    session_id: str
    #: ids of the servers that stay there, stopped, as their owners were told
    servers: tuple[str, ...] = ()
    #: when it may end by itself; it is renewed long before as long as it is wanted
    until: dt.datetime | None = None
    #: what :meth:`Adapter.find` or :meth:`Adapter.suppress` returned last; plain JSON
    found: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    #: moment of ``time.monotonic()`` after which nothing is begun
    deadline: float = float("inf")

    def seconds(self, most: float) -> float:
        """Seconds that a call may take.

        :raises AdapterError: there is no time left
        """
        left = min(most, self.deadline - time.monotonic())
        if left <= 0:
            raise AdapterError("it took too long")
        return left


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """The other system keeps quiet."""

    #: what it is found again by; plain JSON
    reference: Mapping[str, Any]
    #: for an operator: what was done, or why there was nothing to do
    words: str = ""


class Adapter(abc.ABC):
    """Another system, that is kept quiet about hosts."""

    #: whether it may know hosts that Nova does not know
    outside_nova: bool = True

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        regions: Mapping[str, Region],
        clock: Callable[[], dt.datetime],
    ) -> None:
        """
        :param regions: credentials by name of the region
        :raises oslo_config.cfg.Error: it can't work as it is configured
        """
        self.conf = conf
        self.regions = regions
        self.clock = clock

    @classmethod
    @abc.abstractmethod
    def is_required(cls, conf: cfg.ConfigOpts) -> bool:
        """Whether no host is worked on before it has confirmed."""

    def find(self, ask: Ask) -> Mapping[str, Any]:
        """Look, and change nothing; what is found is stored before anything is changed.

        So it is known after a crash what was ours.

        :raises AdapterError: it can't be told
        """
        return {}

    @abc.abstractmethod
    def suppress(self, ask: Ask) -> Kept:
        """Have it keep quiet about a host; also called to renew that.

        :raises AdapterError: it does not
        """

    @abc.abstractmethod
    def release(self, ask: Ask) -> None:
        """End what :meth:`suppress` began; where there is nothing, there is nothing to do.

        :raises AdapterError: it was not ended
        """
