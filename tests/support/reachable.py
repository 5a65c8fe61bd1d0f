"""Databases and brokers that tests need, and a loud word where one is not there.

Addresses come from environment variables; the defaults are the services' usual
ports on loopback.  A service that can't be reached skips the tests that need it,
and the end of the run says which, where, and how to name another address.  With
``CI=true`` it fails them: nobody reads skips there.
"""

import dataclasses
import functools
import os
import socket
from collections.abc import Callable
from typing import NoReturn

import pytest
import sqlalchemy as sa


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A server that tests may need."""

    name: str
    #: environment variable with its URL
    variable: str
    default: str

    @property
    def url(self) -> str:
        return os.environ.get(self.variable) or self.default

    @property
    def address(self) -> tuple[str, int]:
        parsed = sa.make_url(self.url)
        default = sa.make_url(self.default)
        return parsed.host or "127.0.0.1", parsed.port or default.port or 0


MARIADB = Service(
    "MariaDB", "CRATON_MAINTENANCE_TEST_MYSQL", "mysql+pymysql://root@127.0.0.1:3306"
)
POSTGRESQL = Service(
    "PostgreSQL",
    "CRATON_MAINTENANCE_TEST_POSTGRESQL",
    "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
)
RABBITMQ = Service(
    "RabbitMQ", "CRATON_MAINTENANCE_TEST_RABBITMQ", "rabbit://guest:guest@127.0.0.1:5672"
)

#: what was not reached in this run, and how many tests went without it
_missed: dict[str, int] = {}


def need(service: Service, probe: Callable[[], None] | None = None) -> None:
    """Go on if the service answers; else skip the test, or fail it with ``CI=true``.

    :param probe: raises if the service can't be used; default: its port is open
    """
    why = _why_not(service) if probe is None else _failure(probe)
    if why:
        _do_without(service, why)


def summary() -> list[str]:
    """Lines for the end of the run."""
    return [f"{line}: {count} tests went without" for line, count in sorted(_missed.items())]


def missed() -> dict[str, int]:
    """What was not reached, and how many tests went without."""
    return dict(_missed)


def add(more: dict[str, int]) -> None:
    """Count what another process of this run went without."""
    for line, count in more.items():
        _missed[line] = _missed.get(line, 0) + count


@functools.cache
def _why_not(service: Service) -> str:
    def connect() -> None:
        socket.create_connection(service.address, timeout=3).close()

    return _failure(connect)


def _failure(probe: Callable[[], None]) -> str:
    try:
        probe()
    except (OSError, sa.exc.SQLAlchemyError) as error:
        return (str(getattr(error, "orig", error)) or type(error).__name__).splitlines()[0]
    return ""


def _do_without(service: Service, why: str) -> NoReturn:
    host, port = service.address
    line = f"{service.name} at {host}:{port} was not reached ({why}); set {service.variable}"
    _missed[line] = _missed.get(line, 0) + 1
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)
