"""Placeholders in options: ``{host}``, ``{region}``, ``{session}``, ``{step}``, ``{server}``.

Exactly these texts are replaced, in one pass: what is filled in is never looked at again, and
other braces stay as they are.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from craton_maintenance.workflow.plugins.base import Context

_NAMES = re.compile(r"\{(host|region|session|step|server)\}")


class NoServer(ValueError):
    """Options name the server where there is none."""

    def __init__(self) -> None:
        super().__init__("{server} stands in the options, and this is work on a host")


def values(context: Context) -> dict[str, str]:
    """What placeholders stand for."""
    found = {
        "host": context.host,
        "region": context.region,
        "session": context.session_id,
        "step": context.step_id,
    }
    return found if context.server_id is None else found | {"server": context.server_id}


def filled(
    node: Any, known: Mapping[str, str], quote: Callable[[str], str] = lambda value: value
) -> Any:
    """The same with placeholders replaced in every text of it; keys stay.

    :param quote: applied to each value that is filled in
    :raises NoServer: it names the server, and there is none
    """
    if isinstance(node, str):
        return _NAMES.sub(lambda found: quote(_value(known, found[1])), node)
    if isinstance(node, Mapping):
        return {key: filled(value, known, quote) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [filled(value, known, quote) for value in node]
    return node


def _value(known: Mapping[str, str], name: str) -> str:
    if name not in known:
        raise NoServer
    return known[name]


def used(node: Any) -> frozenset[str]:
    """The names of all placeholders in it."""
    if isinstance(node, str):
        return frozenset(_NAMES.findall(node))
    if isinstance(node, Mapping):
        node = node.values()
    elif not isinstance(node, list | tuple):
        return frozenset()
    return frozenset[str]().union(*map(used, node))
