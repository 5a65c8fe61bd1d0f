"""``craton-maintenance-app-manager``: the reference manager as a program."""

import argparse
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from types import FrameType

import yaml
from cheroot import wsgi
from keystoneauth1 import exceptions

from craton_maintenance.appmanager.caller import Caller, Json, Unreachable
from craton_maintenance.appmanager.manager import ApplicationManager, NotTaken
from craton_maintenance.appmanager.memory import Memory
from craton_maintenance.appmanager.webhook import Webhook
from craton_maintenance.cli import connect
from craton_maintenance.cli.client import ClientError

LOG = logging.getLogger(__name__)

#: Seconds between two tries of what a webhook has heard and could not deal with.
_RETRY = 10.0


class Configured(ApplicationManager):
    """What can be said without a program: its servers, and its constraints."""

    servers: Collection[str] | None = None
    wishes: tuple[Mapping[str, Json], Mapping[str, Json]] = ({}, {})

    def own(self) -> Collection[str] | None:
        return self.servers

    def constraints(self) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        return self.wishes


def parser() -> argparse.ArgumentParser:
    """The program's options."""
    made = argparse.ArgumentParser(
        "craton-maintenance-app-manager",
        description="Answers notices of maintenance for an application: by the history of "
        "events, or, with --listen, when Aodh calls.",
    )
    made.add_argument(
        "--manager",
        metavar="MODULE:CLASS",
        help="a subclass of craton_maintenance.appmanager.ApplicationManager; default: one that "
        "agrees, and has servers migrated, live where that is allowed",
    )
    made.add_argument(
        "--server",
        action="append",
        metavar="ID",
        help="a server of the application, may be given more than once; default: all of the "
        "project's",
    )
    made.add_argument(
        "--constraints",
        metavar="FILE",
        help="YAML: wishes by id under 'groups' and 'instances'; registered at the start",
    )
    made.add_argument(
        "--memory", metavar="FILE", help="keeps what was answered, so that nothing is done twice"
    )
    made.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="hear from Aodh here, instead of reading the history",
    )
    made.add_argument(
        "--path", default="/maintenance", help="path that Aodh calls (default: %(default)s)"
    )
    made.add_argument(
        "--wait", type=int, default=30, help="seconds of a long poll (default: %(default)s)"
    )
    connect.add_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal comes."""
    options = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        # a long poll is not interrupted; whoever can't wait for its end says so again
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        manager = _manager(options)
        manager.register()
        LOG.info("answering for project %s at %s", manager.project_id, manager.endpoint)
        if options.listen:
            _listen(manager, options.listen, options.path, stop)
        else:
            manager.follow(options.wait, stop.is_set, lambda seconds: _wait(stop, seconds))
    except (ClientError, NotTaken, Unreachable, OSError, ValueError) as error:
        print(f"craton-maintenance-app-manager: {error}", file=sys.stderr)
        return 1
    return 0


def _manager(options: argparse.Namespace) -> ApplicationManager:
    """
    :raises ValueError: an option can't be used
    :raises ClientError: neither can the credentials
    """
    call, endpoint, project_id = _connection(options)
    kind = _class(options.manager) if options.manager else Configured
    manager = kind(call, endpoint, project_id, Memory(options.memory))
    if isinstance(manager, Configured):
        manager.servers = options.server
        manager.wishes = _wishes(options.constraints)
    elif options.server or options.constraints:
        raise ValueError("--server and --constraints do not go with --manager: its class says")
    return manager


def _connection(options: argparse.Namespace) -> tuple[Caller, str, str]:
    """How to ask, where, and for which project."""
    settings = connect.Settings.read(options, os.environ)
    if not settings.keystone:
        if not settings.project_id:
            raise ValueError("say which project: --os-project-id")
        url = settings.url or settings.craton_url or connect.DEFAULT_URL
        headers = {"X-Project-Id": settings.project_id, "X-Roles": "member"}
        return Caller.with_headers(**headers), connect.v1(url), settings.project_id
    region, session = connect.keystone(options)
    try:
        endpoint = settings.url or session.get_endpoint(
            service_type=connect.SERVICE_TYPE,
            region_name=region.get_region_name(connect.SERVICE_TYPE),
            interface=region.get_interface(connect.SERVICE_TYPE),
        )
        project_id = session.get_project_id()
    except exceptions.ClientException as error:
        raise ClientError(f"Keystone: {' '.join(str(error).split())}") from error
    if not endpoint:
        raise ClientError("Keystone's catalogue has no endpoint of type 'maintenance': --url")
    if not project_id:
        raise ClientError("the token is of no project: --os-project-id")
    return Caller(session), connect.v1(endpoint), project_id


def _class(name: str) -> type[ApplicationManager]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"--manager {name}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, ApplicationManager)):
        raise ValueError(f"--manager {name}: is not a subclass of ApplicationManager")
    return found


def _wishes(file: str | None) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    if file is None:
        return {}, {}
    with open(file, encoding="utf-8") as opened:
        try:
            document = yaml.safe_load(opened) or {}
        except yaml.YAMLError as error:
            raise ValueError(f"{file}: {' '.join(str(error).split())}") from error
    try:
        found = tuple(
            {str(key): dict(wish) for key, wish in (document.get(part) or {}).items()}
            for part in ("groups", "instances")
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: 'groups' and 'instances' are maps of maps") from error
    return found[0], found[1]


def _listen(manager: ApplicationManager, address: str, path: str, stop: threading.Event) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"--listen {address}: write HOST:PORT")
    server = wsgi.Server((host, int(port)), Webhook(manager, path), numthreads=4)
    server.prepare()
    thread = threading.Thread(target=server.serve, name="webhook", daemon=True)
    thread.start()
    LOG.info("listening on %s:%s", *server.bind_addr[:2])
    while not stop.wait(_RETRY):
        manager.retry()
    server.stop()
    thread.join(10)


def _wait(stop: threading.Event, seconds: float) -> None:
    stop.wait(seconds)
