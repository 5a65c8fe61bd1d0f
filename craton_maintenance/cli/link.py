"""``link``, ``base-url``: links from Nova's services and servers to their maintenance."""

import argparse
from typing import Any

from craton_maintenance.cli import base, maintained


class Show(base.ShowOne):
    """Show what the maintenance link of a host leads to."""

    example = "%(prog)s compute-01"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "host",
            metavar="[REGION/]HOST",
            nargs="?",
            help="host of a Nova service, for administrators",
        )
        parser.add_argument(
            "--host-id", metavar="ID", help="hostId of one of your servers, for projects"
        )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        if (parsed_args.host is None) == (parsed_args.host_id is None):
            raise base.UsageError("give either a host, or --host-id")
        if parsed_args.host_id is not None:
            return maintained.state(self.client.project_link(parsed_args.host_id))
        region, slash, name = parsed_args.host.partition("/")
        if not slash:
            region, name = "", region
        if not name:
            raise base.UsageError(f"{parsed_args.host!r} is not a name")
        return maintained.state(self.client.host_link(name, region or None))


class BaseUrlShow(base.ShowOne):
    """Show where links from Nova point to."""

    example = "%(prog)s"

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return self.dict2columns(self.client.links())


class BaseUrlSet(base.ShowOne):
    """Make links from Nova point to another address, such as that of a proxy."""

    example = "%(prog)s https://maintenance.example.org/v1/links"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("base_url", metavar="URL", help="http or https, without a query")

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return self.dict2columns(self.client.set_links(parsed_args.base_url))


class BaseUrlUnset(base.Maintenance):
    """Make links from Nova point to the service itself again."""

    example = "%(prog)s"

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.unset_links()
