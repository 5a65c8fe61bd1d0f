"""JSON Schemas: read once, compiled once, with formats of ours checked.

The files in ``schemas/`` are the one truth for requests, answers and events;
they refer to each other by file name.
"""

import functools
import importlib.resources
import ipaddress
import json
import re
import uuid
from typing import Any

import jsonschema
import jsonschema_rs
import referencing
import referencing.jsonschema
from jsonschema import exceptions

from craton_maintenance.domain import times

formats = jsonschema.FormatChecker(formats=())


class Invalid(ValueError):
    """A document is not as its schema says.

    ``problems`` is a list of ``(field, what is wrong)``, the field as a path such as
    ``scope/hosts/0``, empty for the document itself.
    """

    def __init__(self, name: str, problems: list[tuple[str, str]]) -> None:
        self.name = name
        self.problems = problems
        words = "; ".join(f"{field or 'body'}: {problem}" for field, problem in problems)
        super().__init__(f"{name}: {words}")


@formats.checks("time", raises=ValueError)
def _is_time(value: object) -> bool:
    if isinstance(value, str):
        times.parse(value)
    return True


@formats.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()


@formats.checks("ip-address", raises=ValueError)
def _is_address(value: object) -> bool:
    if isinstance(value, str):
        if "%" in value:
            raise ValueError("is an address with a zone, which other hosts can't use")
        ipaddress.ip_address(value)
    return True


@formats.checks("http-url")
def _is_http_url(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value))


@formats.checks("flat-255")
def _is_flat(value: object) -> bool:
    # Ceilometer cuts the str() of a trait at 255 characters
    return len(str(value)) <= 255


@functools.cache
def documents() -> dict[str, dict[str, Any]]:
    """Every schema by its name, the file's without ``.json``."""
    folder = importlib.resources.files("craton_maintenance.schemas")
    return {
        file.name.removesuffix(".json"): json.loads(file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".json")
    }


@functools.cache
def _registry() -> referencing.Registry[Any]:
    return referencing.Registry().with_resources(
        (
            f"{name}.json",
            referencing.Resource.from_contents(
                document, default_specification=referencing.jsonschema.DRAFT202012
            ),
        )
        for name, document in documents().items()
    )


@functools.cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """The compiled validator of a schema.

    :param name: as in :func:`documents`
    """
    whole = _inlined({"$ref": f"{name}.json"}, _registry().resolver())
    return jsonschema.Draft202012Validator(whole, format_checker=formats)


@functools.cache
def _quick(name: str) -> Any:
    return jsonschema_rs.Draft202012Validator(
        _inlined({"$ref": f"{name}.json"}, _registry().resolver()),
        validate_formats=True,
        formats={known: functools.partial(_conforms, known) for known in formats.checkers},
    )


def _conforms(known: str, value: object) -> bool:
    try:
        formats.check(value, known)
    except exceptions.FormatError:
        return False
    return True


def is_valid(name: str, document: object) -> bool:
    """Whether a document is surely valid; many times faster than :func:`check`.

    For what we made ourselves, by the thousand.  What it does not take may be valid all
    the same: :func:`check` decides, and says what is wrong.
    """
    return bool(_quick(name).is_valid(document))


#: Keywords beside a ``$ref`` that say nothing about what is valid.
_NOTES = frozenset({"$comment", "title", "description", "default", "examples"})

_IDS = frozenset({"$id", "$ref", "$schema"})


def _inlined(node: Any, resolver: Any) -> Any:
    """A schema with what it refers to in place: looking that up costs more than checking.

    None of ours refers to itself.
    """
    if isinstance(node, list):
        return [_inlined(item, resolver) for item in node]
    if not isinstance(node, dict):
        return node
    own = {key: _inlined(value, resolver) for key, value in node.items() if key not in _IDS}
    if "$ref" not in node:
        return own
    found = resolver.lookup(node["$ref"])
    named = _inlined(found.contents, found.resolver)
    return named if own.keys() <= _NOTES else own | {"allOf": [named, *own.get("allOf", ())]}


def check(name: str, document: object) -> None:
    """Check a document against a schema.

    :raises Invalid: naming every field that is wrong
    """
    errors = sorted(
        validator(name).iter_errors(document),
        key=lambda error: list(map(str, error.absolute_path)),
    )
    if errors:
        problems = dict.fromkeys(problem for error in errors for problem in _problems(error))
        raise Invalid(name, list(problems))


def _problems(error: jsonschema.ValidationError) -> list[tuple[str, str]]:
    field = "/".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [(_join(field, key), "is missing") for key in missing]
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        known = error.schema.get("properties", {})
        unknown = [key for key in error.instance if key not in known]
        return [(_join(field, key), _unknown(known)) for key in unknown] or [
            (field, error.message)
        ]
    if error.validator == "format" and error.cause is not None:
        return [(field, str(error.cause))]
    if error.validator == "format" and "description" in error.schema:
        return [(field, f"{error.instance!r} is not {error.schema['description']}")]
    if error.validator == "pattern" and "description" in error.schema:
        return [(field, f"{error.instance!r} does not fit: {error.schema['description']}")]
    if error.validator in ("anyOf", "oneOf") and "description" in error.schema:
        return [(field, f"{error.instance!r} is not {error.schema['description']}")]
    return [(field, error.message)]


def _join(field: str, key: str) -> str:
    return f"{field}/{key}" if field else key


def _unknown(known: dict[str, Any]) -> str:
    return (
        f"is not known here; known: {', '.join(sorted(known))}" if known else "is not known here"
    )
