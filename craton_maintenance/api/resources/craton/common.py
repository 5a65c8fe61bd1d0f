"""What the resources of Craton's paths share."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from sqlalchemy import exc

from craton_maintenance.api.operation import Answer, Call
from craton_maintenance.craton.tenancy import Tenant
from craton_maintenance.db.database import Transaction
from craton_maintenance.errors import Code, Problem

#: What Craton takes for no in a query; all else is yes.
_NO = frozenset({"n", "no", "f", "false", "0", "off", ""})


def tenant(call: Call) -> Tenant:
    """The Craton project that a caller acts in, the configured one where it has none."""
    default = call.service.conf.inventory.create_project.replace("-", "").lower()
    return Tenant(call.caller.craton_project or default, call.caller.is_root)


def stamp(call: Call) -> dt.datetime:
    """Now as Craton writes times: naive UTC, to the second, as MariaDB keeps them there."""
    return call.service.clock().astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)


def flag(call: Call, *names: str, default: bool = False) -> bool:
    """A yes or no of the query, by the first of its names that is given."""
    for name in names:
        if name in call.query:
            return str(call.query[name]).lower() not in _NO
    return default


def transact(call: Call, work: Callable[[Transaction], Answer]) -> Answer:
    """Run ``work`` in a transaction; once per Idempotency-Key.

    :raises Problem: 400 for text that the tables can't keep: MariaDB's may have been made
        with three bytes to a character
    """
    try:
        return call.transact(work)
    except exc.DataError as error:
        words = f"The database can't keep a value as it was sent: {error.orig}"
        raise Problem(400, Code.INVALID, words) from None


def made(call: Call, where: str, body: dict[str, Any]) -> Answer:
    """The answer to a creation.

    :param where: path under ``/v1``
    """
    return Answer(body, 201, {"Location": f"{call.service.public_url}{where}"})
