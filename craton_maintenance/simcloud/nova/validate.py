"""What Nova's JSON schemas refuse, in their words."""

from typing import Any

from craton_maintenance.simcloud.errors import bad_request

_TRUE = (True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes")
_FALSE = (False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no")


def properties(name: str, given: Any, allowed: set[str], needed: set[str]) -> dict[str, Any]:
    """The arguments of an action, all known and none missing; 400."""
    given = {} if given is None else given
    where = f"Invalid input for field/attribute {name}. Value: {given}."
    if not isinstance(given, dict):
        raise bad_request(f"{where} {given!r} is not of type 'object'")
    for extra in sorted(set(given) - allowed):
        raise bad_request(
            f"{where} Additional properties are not allowed ('{extra}' was unexpected)"
        )
    for missing in sorted(needed - set(given)):
        raise bad_request(f"{where} '{missing}' is a required property")
    return given


def flag(name: str, value: Any, also: tuple[Any, ...] = ()) -> bool:
    """A value that is true or false in one of the ways that Nova takes; 400."""
    if value in also or value in _TRUE:
        return value in _TRUE
    if value in _FALSE:
        return False
    choices = [*also, *_TRUE, *_FALSE]
    raise bad_request(
        f"Invalid input for field/attribute {name}. Value: {value}. {value!r} is "
        f"not one of {choices}"
    )
