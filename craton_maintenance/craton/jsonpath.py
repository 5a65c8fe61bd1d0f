"""The filter ``vars=path:value,...`` as Craton documents it.

A path is a variable's name and what is looked for in its value: ``a``, ``a.b``,
``a.b[0]``, ``a.b[*].c``; a name with dots or brackets stands in double quotes.  A
value is JSON.  It is found as MySQL's JSON_CONTAINS does, which Craton uses: ``1``
is also found in ``[1, 2]``, and ``{"a": 1}`` in ``{"a": 1, "b": 2}``.
"""

import dataclasses
import json
import re
from typing import Any

#: Of a filter, of a path: what nobody needs more of, and bounds the work.
_MOST_CONDITIONS = 10
_MOST_STEPS = 20

_NAME = r'"(?:[^"\\]|\\.)*"|[^.\[\]:,"]+'
_FIRST = re.compile(_NAME)
_STEP = re.compile(rf"\.({_NAME})|\[(\d{{1,9}}|\*)\]")


class Everywhere:
    """The step ``[*]``."""


EVERYWHERE = Everywhere()

Step = str | int | Everywhere


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """What one variable has to hold."""

    key: str
    steps: tuple[Step, ...]
    value: Any

    def holds(self, document: Any) -> bool:
        """Whether the variable's value has it.

        :param document: the value of the variable :attr:`key`
        """
        found = [document]
        for step in self.steps:
            found = [part for value in found for part in _parts(value, step)]
        if any(step is EVERYWHERE for step in self.steps):
            return bool(found) and contains(found, self.value)
        return bool(found) and contains(found[0], self.value)


def parse(text: str) -> tuple[Condition, ...]:
    """Read a filter; all of its conditions have to hold.

    :raises ValueError: with what is wrong
    """
    conditions: list[Condition] = []
    position = 0
    while True:
        condition, position = _condition(text, position)
        conditions.append(condition)
        if len(conditions) > _MOST_CONDITIONS:
            raise ValueError(f"has more than {_MOST_CONDITIONS} conditions")
        if position == len(text):
            return tuple(conditions)
        position += 1


def contains(target: Any, candidate: Any) -> bool:
    """Whether one JSON value contains another, as JSON_CONTAINS says."""
    if isinstance(target, list):
        wanted = candidate if isinstance(candidate, list) else [candidate]
        return all(any(contains(element, part) for element in target) for part in wanted)
    if isinstance(target, dict):
        return isinstance(candidate, dict) and all(
            key in target and contains(target[key], part) for key, part in candidate.items()
        )
    # True is 1 to Python, not to JSON
    return isinstance(target, bool) is isinstance(candidate, bool) and bool(target == candidate)


def _condition(text: str, position: int) -> tuple[Condition, int]:
    """The condition at a position, and the position after it: of a comma, or the end."""
    first = _FIRST.match(text, position)
    if first is None:
        raise ValueError(f"has no variable's name at position {position}")
    steps: list[Step] = []
    position = first.end()
    while step := _STEP.match(text, position):
        steps.append(_step(step))
        position = step.end()
    if len(steps) > _MOST_STEPS:
        raise ValueError(f"has a path of more than {_MOST_STEPS} steps")
    if text[position : position + 1] != ":":
        raise ValueError(f"has no colon after the path, at position {position}")
    value, position = _value(text, position + 1)
    if text[position : position + 1] not in ("", ","):
        raise ValueError(f"has no comma after the value, at position {position}")
    return Condition(_name(first[0]), tuple(steps), value), position


def _value(text: str, position: int) -> tuple[Any, int]:
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    try:
        value, end = decoder.raw_decode(text, position)
    except (ValueError, RecursionError):
        raise ValueError(
            f'has no JSON value at position {position}; strings stand in quotes: key:"value"'
        ) from None
    return value, end


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


def _name(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        raise ValueError(f"has a name that is no string of JSON: {text}") from None


def _step(found: re.Match[str]) -> Step:
    name, index = found.groups()
    if name is not None:
        return _name(name)
    return EVERYWHERE if index == "*" else int(index)


def _parts(value: Any, step: Step) -> list[Any]:
    if isinstance(step, Everywhere):
        return value if isinstance(value, list) else []
    if isinstance(step, int):
        return value[step : step + 1] if isinstance(value, list) else []
    return [value[step]] if isinstance(value, dict) and step in value else []
