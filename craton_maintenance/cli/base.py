"""What every command that asks the service has in common."""

import argparse
from typing import Any, NoReturn, cast

from cliff import _argparse, command, lister, show

from craton_maintenance.cli.client import ApiError, Client

#: Exit status of a command that was typed wrong, as argparse has it.
USAGE = 2


#: What to do about an error, by its code, where the service's words are about its API.
_HINTS = {
    "AMBIGUOUS_NAME": "on the command line: REGION/NAME",
    "WINDOW_OVERLAP": "on the command line: --allow-overlap",
    "WINDOW_NOT_OPEN": "on the command line: window cancel ID, or window start ID",
    "STALE_REVISION": "or insist with --force",
    "SESSION_RUNNING": "on the command line: session abort ID",
}


class UsageError(Exception):
    """Options are missing or contradict each other; nothing was asked of the service."""


class _Help(_argparse.SmartHelpFormatter):
    """Fills paragraphs, and leaves what is indented as it is written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n")
        return "\n\n".join(
            part if "\n  " in part else super(_Help, self)._fill_text(part, width, indent)
            for part in paragraphs
        )


class Maintenance(command.Command):
    """A command that asks the service, in our application or in ``openstack``."""

    #: Shown by --help; ``%(prog)s`` is the command as it was called.
    example = ""

    @property
    def client(self) -> Client:
        """The service's API, connected to when first asked for."""
        manager = cast("Any", self.app).client_manager
        return cast("Client", manager.maintenance)

    @property
    def auth_required(self) -> bool:
        """Whether ``openstack`` has to log in at Keystone first.

        Not where nothing says where Keystone is: Craton's users, and a service on
        this machine that asks nobody, work there too.
        """
        options = self.app_args
        return any(getattr(options, name, None) for name in ("cloud", "auth_url", "auth_type"))

    def get_epilog(self) -> str:
        example = f"Example:\n  {self.example}" if self.example else ""
        return "\n\n".join(filter(None, (example, super().get_epilog())))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what this command takes."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.formatter_class = _Help
        groups, actions = len(parser._action_groups), len(parser._actions)
        self.add_arguments(parser)
        # cliff's many options for output come after what the command is about
        _move(parser._action_groups, 2, groups)
        _move(parser._actions, 1, actions)

        def error(message: str) -> NoReturn:
            # the usage of commands with many options would bury what is wrong
            words = message.removeprefix("argument ")
            parser.exit(USAGE, f"{words}\nTry '{parser.prog} --help'.\n")

        parser.error = error  # type: ignore[method-assign]
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        try:
            return super().run(parsed_args)
        except ApiError as problem:
            problem.hint = problem.hint or _HINTS.get(problem.code, "")
            raise
        except UsageError as problem:
            self.app.stderr.write(f"{problem}\nTry '{self.app.NAME} {self.cmd_name} --help'.\n")
            return USAGE

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        raise NotImplementedError


def _move(items: list[Any], start: int, stop: int) -> None:
    """Move a stretch of a list to its end."""
    items[start:] = items[stop:] + items[start:stop]


class Lister(Maintenance, lister.Lister):
    """A command that answers with a table."""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        raise NotImplementedError


class ShowOne(Maintenance, show.ShowOne):
    """A command that answers with one thing."""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        raise NotImplementedError
