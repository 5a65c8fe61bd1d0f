"""``host``, ``region``, ``cell``, ``cloud``: maintenance of one object of the inventory.

What is set here is a window on just this object; windows on several, or by label,
aggregate or zone, are set by ``window set``.
"""

import argparse
import datetime as dt
from collections.abc import Mapping
from typing import Any

from craton_maintenance.cli import base, columns, options, window
from craton_maintenance.domain import times
from craton_maintenance.domain.scope import NEVER_RETIRED, Kind

#: What tells objects of the same name apart.
_IN_REGION = frozenset({Kind.HOST, Kind.CELL})


def state(answer: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """The maintenance of something, for ShowOne."""
    readable = {"host": columns.Host, "now": columns.Windows, "next": columns.Windows}
    order = ("host", "name", "host_id", "state", "now", "next")
    names = [*(x for x in order if x in answer), *(x for x in answer if x not in order)]
    values = [readable[x](answer[x]) if x in readable else answer[x] for x in names]
    return tuple(names), tuple(values)


class _OfObject(base.Maintenance):
    """A command on one object.  Its kind is made known by the subclass."""

    kind: Kind
    noun: str

    def get_description(self) -> str:
        return super().get_description().replace("an object", f"a {self.noun}")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        qualified = self.kind in _IN_REGION
        parser.add_argument(
            "name",
            metavar="[REGION/]NAME" if qualified else "NAME",
            help=f"name of the {self.noun}"
            + ("; REGION/ tells those of the same name apart" if qualified else "")
            + f", or Craton's id of the {self.noun}",
        )

    def where(self, args: argparse.Namespace) -> tuple[str, str, str | None]:
        """Kind, name and region, as the client takes them."""
        region, slash, name = args.name.partition("/")
        if self.kind in _IN_REGION and slash:
            if not name:
                raise base.UsageError(f"{args.name!r} is not a name")
            return self.kind.value, name, region or None
        if not args.name:
            raise base.UsageError(f"say which {self.noun}")
        return self.kind.value, args.name, None


class _Show(_OfObject, base.ShowOne):
    """Show the maintenance of an object: windows that are open, and those to come."""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return state(self.client.maintenance(*self.where(parsed_args)))


class _Set(_OfObject, base.ShowOne):
    """Set the maintenance window of an object, or change the one set on just this."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        options.add_facts(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        kind, name, region = self.where(parsed_args)
        if self.kind in NEVER_RETIRED and parsed_args.retire:
            raise base.UsageError(f"--retire: a whole {self.noun} is never retired")
        starts = None
        if parsed_args.duration is not None and parsed_args.start is None:
            starts = self._starts(self.client.maintenance(kind, name, region))
        body = options.facts(parsed_args, dt.datetime.now(dt.UTC), starts)
        if parsed_args.start == dt.timedelta():
            del body["start"]
        return window.fields(self.client.set_maintenance(kind, name, body, region))

    def _starts(self, found: Mapping[str, Any]) -> dt.datetime | None:
        """The start of the window set on just this, if there is one: it is changed, then."""
        for known in (*found["now"], *found["next"]):
            if [*known["scope"]] == [self.kind.value] and len(
                known["scope"][self.kind.value]
            ) == 1:
                return times.parse(known["start"])
        return None


class _Unset(_OfObject):
    """Remove the maintenance window set on just an object: cancel it, or finish it if open."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.unset_maintenance(*self.where(parsed_args))


class HostShow(_Show):
    kind, noun = Kind.HOST, "host"
    example = "%(prog)s compute-01"


class HostSet(_Set):
    kind, noun = Kind.HOST, "host"
    example = "%(prog)s compute-01 --start +2h --duration 90m --reason 'firmware'"


class HostUnset(_Unset):
    kind, noun = Kind.HOST, "host"
    example = "%(prog)s compute-01"


class RegionShow(_Show):
    kind, noun = Kind.REGION, "region"
    example = "%(prog)s RegionOne"


class RegionSet(_Set):
    kind, noun = Kind.REGION, "region"
    example = "%(prog)s RegionOne --start 2030-01-31T22:00Z --duration 4h"


class RegionUnset(_Unset):
    kind, noun = Kind.REGION, "region"
    example = "%(prog)s RegionOne"


class CellShow(_Show):
    kind, noun = Kind.CELL, "cell"
    example = "%(prog)s cell-1"


class CellSet(_Set):
    kind, noun = Kind.CELL, "cell"
    example = "%(prog)s cell-1 --start +1d --duration 4h"


class CellUnset(_Unset):
    kind, noun = Kind.CELL, "cell"
    example = "%(prog)s cell-1"


class CloudShow(_Show):
    kind, noun = Kind.CLOUD, "cloud"
    example = "%(prog)s cloud-1"


class CloudSet(_Set):
    kind, noun = Kind.CLOUD, "cloud"
    example = "%(prog)s cloud-1 --start +7d --duration 8h"


class CloudUnset(_Unset):
    kind, noun = Kind.CLOUD, "cloud"
    example = "%(prog)s cloud-1"
