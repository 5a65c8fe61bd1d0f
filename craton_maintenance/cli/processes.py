"""Processes that serve: put together, started, and stopped by a signal."""

import argparse
import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from oslo_config import cfg
from oslo_log import log

from craton_maintenance import conf as configuration
from craton_maintenance.api.app import create_app
from craton_maintenance.api.server import Server
from craton_maintenance.db.database import NotFit
from craton_maintenance.engine.engine import Engine
from craton_maintenance.nova.credentials import NoCloud, regions
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)


def setup(conf: cfg.ConfigOpts) -> None:
    """Logging as configured; to standard error where nothing is."""
    if not conf.log_file and not conf.log_dir:
        conf.set_default("use_stderr", True)
    log.setup(conf, "craton-maintenance")


def run_until_signal(parts: Sequence[Any], ready: Callable[[], None] = lambda: None) -> None:
    """Start parts in order, wait for SIGTERM or SIGINT, stop them in reverse."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    started = []
    try:
        for part in parts:
            part.start()
            started.append(part)
        # what was imported stays: looking through it again and again for garbage costs a
        # fifth of the time of a large request
        gc.collect()
        gc.freeze()
        ready()
        stop.wait()
    finally:
        for part in reversed(started):
            part.stop()


def api(argv: Sequence[str] | None = None) -> int:
    """``craton-maintenance-api``: the REST API alone."""

    def parts(conf: cfg.ConfigOpts) -> list[Any]:
        return [Server(create_app(Service(conf)), conf)]

    return _main("craton-maintenance-api", api.__doc__ or "", parts, argv)


def engine(argv: Sequence[str] | None = None) -> int:
    """``craton-maintenance-engine``: one engine; several may run."""

    def parts(conf: cfg.ConfigOpts) -> list[Any]:
        return [Engine(Service(conf), regions(conf))]

    return _main("craton-maintenance-engine", engine.__doc__ or "", parts, argv)


def _main(
    name: str,
    description: str,
    parts: Callable[[cfg.ConfigOpts], list[Any]],
    argv: Sequence[str] | None,
) -> int:
    parser = argparse.ArgumentParser(name, description=description)
    parser.add_argument(
        "--config-file",
        action="append",
        default=[],
        metavar="FILE",
        help="configuration file; may be given more than once, later ones win",
    )
    args = parser.parse_args(argv)
    try:
        conf = configuration.load(args.config_file)
        setup(conf)
        run_until_signal(parts(conf), lambda: LOG.info("%s runs", name))
    except (NotFit, NoCloud, cfg.Error, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
