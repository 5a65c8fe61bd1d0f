"""``constraint``: what a project wishes for its servers and groups of servers, standing."""

import argparse
from collections.abc import Mapping
from typing import Any

from craton_maintenance.cli import base, columns, times

_ID = "2c1d5bd6-4d44-4a5e-9f43-4d4f9f6a8a10"

_READABLE: dict[str, Any] = {
    "group_id": columns.Text,
    "max_interruption_time": columns.Text,
    "migration_type": columns.Text,
    "clipped": columns.Words,
}


def _fields(granted: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    names = sorted(granted, key=lambda name: (not name.endswith("_id"), name))
    return tuple(names), tuple(
        _READABLE[name](granted[name]) if name in _READABLE else granted[name] for name in names
    )


class _Constraint(base.Maintenance):
    """A command on a constraint. Of what is made known by the subclass."""

    kind: str
    noun: str

    def get_description(self) -> str:
        return super().get_description().replace("an object", f"a {self.noun}")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help=f"id of the {self.noun}")


class _Show(_Constraint, base.ShowOne):
    """Show what was granted for an object."""

    example = f"%(prog)s {_ID}"

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return _fields(self.client.constraint(self.kind, parsed_args.id))


class _Unset(_Constraint):
    """Wish nothing for an object any more."""

    example = f"%(prog)s {_ID}"

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.unset_constraint(self.kind, parsed_args.id)


class _Set(_Constraint, base.ShowOne):
    """Wish something for an object, in place of what was wished before; shows what is granted."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        self.add_wishes(parser)
        parser.add_argument(
            "--action",
            metavar="ACTION",
            dest="migration_type",
            help="what is to happen unless a reply says otherwise: MIGRATE, LIVE_MIGRATE, "
            "OWN_ACTION, NOTHING, flow:NAME",
        )
        parser.add_argument(
            "--mitigation",
            action="store_true",
            default=None,
            dest="resource_mitigation",
            help="the application needs capacity in its place",
        )
        parser.add_argument(
            "--project", metavar="ID", dest="project_id", help="another project's (operators)"
        )

    def add_wishes(self, parser: argparse.ArgumentParser) -> None:
        """Add what may be wished for this kind only."""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        names = ("migration_type", "resource_mitigation", "project_id", *self.wishes)
        said = {name: getattr(parsed_args, name) for name in names}
        body = {name: value for name, value in said.items() if value is not None}
        return _fields(self.client.set_constraint(self.kind, parsed_args.id, body))

    wishes: tuple[str, ...] = ()


class InstanceShow(_Show):
    kind, noun = "instance", "server"


class InstanceUnset(_Unset):
    kind, noun = "instance", "server"


class InstanceSet(_Set):
    kind, noun = "instance", "server"
    wishes = ("group_id", "lead_time", "max_interruption_time", "instance_name")
    example = f"%(prog)s {_ID} --action LIVE_MIGRATE --lead-time 5m --max-interruption 2"

    def add_wishes(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--group", metavar="ID", dest="group_id", help="its group")
        parser.add_argument(
            "--lead-time",
            metavar="SECONDS",
            type=times.seconds,
            help="notice needed before it is acted on: 90, 5m",
        )
        parser.add_argument(
            "--max-interruption",
            metavar="SECONDS",
            type=times.seconds,
            dest="max_interruption_time",
            help="longest interruption that it bears",
        )
        parser.add_argument("--name", dest="instance_name", help="what you call it")


class GroupShow(_Show):
    kind, noun = "instance_group", "group of servers"


class GroupUnset(_Unset):
    kind, noun = "instance_group", "group of servers"


class GroupSet(_Set):
    kind, noun = "instance_group", "group of servers"
    wishes = (
        "max_impacted_members",
        "recovery_time",
        "max_instances_per_host",
        "anti_affinity_group",
        "group_name",
    )
    example = f"%(prog)s {_ID} --max-impacted 1 --recovery-time 60"

    def add_wishes(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--max-impacted",
            metavar="N",
            type=_count,
            dest="max_impacted_members",
            help="members out at a time",
        )
        parser.add_argument(
            "--recovery-time",
            metavar="SECONDS",
            type=times.seconds,
            help="rest after a member is back before the next is acted on: 90, 5m",
        )
        parser.add_argument(
            "--max-per-host",
            metavar="N",
            type=_count,
            dest="max_instances_per_host",
            help="members on a host; 0: no limit",
        )
        parser.add_argument(
            "--anti-affinity",
            action="store_true",
            default=None,
            dest="anti_affinity_group",
            help="its members are kept apart",
        )
        parser.add_argument("--name", dest="group_name", help="what you call it")


def _count(value: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of 0 or more")
    return int(value)
