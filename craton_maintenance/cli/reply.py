"""``reply``: what a project is asked in a session, and its answers."""

import argparse
import datetime as dt
from collections.abc import Mapping
from typing import Any

from craton_maintenance.cli import base, columns, times
from craton_maintenance.cli.client import Json
from craton_maintenance.cli.options import pair
from craton_maintenance.cli.session import add_session
from craton_maintenance.domain.times import text

_FIELDS: dict[str, Any] = {
    "session_id": None,
    "project_id": None,
    "state": None,
    "awaits_reply": None,
    "reply_at": columns.Time,
    "actions_at": columns.Time,
    "allowed_actions": columns.Words,
    "instances": columns.SessionServers,
    "instance_ids": columns.Names,
    "metadata": columns.Pairs,
    "session_state": None,
    "window_id": None,
    "instance_actions": columns.Pairs,
    "not_before": columns.Time,
    "clipped": columns.Words,
    "late": columns.Words,
}

_ID = "5b1f3c58-52b1-4b3e-9a0e-3c1f0f6f7d11"


def _fields(found: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    names = [*(x for x in _FIELDS if x in found), *(x for x in found if x not in _FIELDS)]
    return tuple(names), tuple(
        _FIELDS[name](found[name]) if _FIELDS.get(name) else found[name] for name in names
    )


class _OfProject(base.ShowOne):
    """A command on a project's part of a session."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        add_session(parser)
        parser.add_argument("--server", metavar="ID", help="about this server only")
        parser.add_argument("--project", metavar="ID", help="another project's (operators)")

    def project(self, args: argparse.Namespace) -> str:
        """The project meant: the one named, or our own, which the session's answer names."""
        if args.project:
            return str(args.project)
        links = self.client.session(args.session)["links"]
        part = next((x["href"] for x in links if x["rel"] == "part"), None)
        if part is None:
            raise base.UsageError("say whose part of the session: --project")
        return str(part).rpartition("/")[2]


class Show(_OfProject):
    """Show what a project is asked in a session, and what happens to its servers."""

    example = f"%(prog)s {_ID}"

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        project = self.project(parsed_args)
        return _fields(self.client.asked(parsed_args.session, project, parsed_args.server))


class _Answer(_OfProject):
    """An answer; which is made known by the subclass."""

    word: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--state", type=str.upper, help="the state answered; default: the one asked now"
        )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        project = self.project(parsed_args)
        state = parsed_args.state
        if state is None:
            asked = self.client.asked(parsed_args.session, project, parsed_args.server)
            if not asked["awaits_reply"]:
                raise base.UsageError("nothing is asked now")
            state = asked["state"]
        body = {"state": f"{self.word}_{state}"} | self.more(parsed_args)
        return _fields(self.client.reply(parsed_args.session, project, body, parsed_args.server))

    def more(self, args: argparse.Namespace) -> Json:
        """What else is said."""
        return {}


class Ack(_Answer):
    """Agree, and say what is to happen to your servers."""

    word = "ACK"
    example = f"%(prog)s {_ID} --action LIVE_MIGRATE"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--action", metavar="ACTION", help="for all servers that are asked about"
        )
        parser.add_argument(
            "--server-action",
            metavar="ID=ACTION",
            type=pair,
            action="append",
            default=[],
            help="for one of them; may be repeated",
        )
        parser.add_argument(
            "--not-before", metavar="TIME", type=times.when, help="later, if it can be: +30m"
        )

    def more(self, args: argparse.Namespace) -> Json:
        found: Json = {}
        if args.action:
            found["instance_action"] = args.action
        if args.server_action:
            found["instance_actions"] = dict(args.server_action)
        if args.not_before is not None:
            found["not_before"] = text(times.moment(args.not_before, dt.datetime.now(dt.UTC)))
        return found


class Nack(_Answer):
    """Do not agree: what follows is the operator's policy."""

    word = "NACK"
    example = f"%(prog)s {_ID}"
