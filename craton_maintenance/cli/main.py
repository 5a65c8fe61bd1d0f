"""The application ``craton-maintenance``."""

import argparse
import functools
import importlib.metadata
import logging
import sys
from collections.abc import Sequence

from cliff import app, command, commandmanager

from craton_maintenance.cli import connect
from craton_maintenance.cli.client import Client

NAMESPACE = "craton_maintenance.cli"


class Commands(commandmanager.CommandManager):
    """Knows every command by name, and imports only the one that is run.

    cliff imports them all: then every look at a list would wait for the engine's
    libraries, and a fault in one command would be told by all.
    """

    def load_commands(self, namespace: str) -> None:
        self.group_list.append(namespace)
        for found in importlib.metadata.entry_points(group=namespace):
            self.commands[found.name.replace("_", " ")] = found


class ClientManager:
    """What ``openstack`` has under this name, as far as our commands need it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    @functools.cached_property
    def maintenance(self) -> Client:
        """The service's API; made when first asked for."""
        return connect.client(self._options)


class Application(app.App):
    """Commands for operators and projects, and for running the service itself."""

    NAME = "craton-maintenance"
    LOG = logging.getLogger("craton_maintenance.cli")

    def __init__(self) -> None:
        super().__init__(
            description="Planned maintenance for OpenStack clouds.",
            version=importlib.metadata.version("craton-maintenance"),
            command_manager=Commands(NAMESPACE),
            deferred_help=True,
        )

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: dict[str, object] | None = None,
    ) -> argparse.ArgumentParser:
        # abbreviated, our options would swallow those of commands
        parser = super().build_option_parser(
            description, version, {"allow_abbrev": False, **(argparse_kwargs or {})}
        )
        connect.add_options(parser)
        return parser

    def configure_logging(self) -> None:
        """Tell of trouble only, unless asked for more."""
        super().configure_logging()
        level = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO}.get(
            self.options.verbose_level, logging.DEBUG
        )
        root = logging.getLogger()
        if self.options.debug:
            level = logging.DEBUG
        else:
            # what it warns of becomes an error with words of our own
            logging.getLogger("keystoneauth").setLevel(logging.ERROR)
        for handler in root.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is self.stderr:
                handler.setLevel(level)
        if not self.options.log_file:
            root.setLevel(level)

    def clean_up(self, cmd: command.Command, result: int, err: BaseException | None) -> None:
        if "maintenance" in vars(self.client_manager):
            self.client_manager.maintenance.close()

    def initialize_app(self, argv: list[str]) -> None:
        self.client_manager = ClientManager(self.options)
        if not argv and not self.options.deferred_help:
            # nobody who types just our name wants to be asked for more
            self.options.deferred_help = True


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    :returns: exit status: 0, 1 for what went wrong, 2 for what was typed wrong
    """
    return Application().run(list(sys.argv[1:] if argv is None else argv))
