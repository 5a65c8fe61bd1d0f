"""Pages of lists, as Nova cuts them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.errors import bad_request

T = TypeVar("T")


def limit_of(call: Call) -> int:
    """The length of a page: never more than the cloud's; 400."""
    highest = call.cloud.settings.max_limit
    wanted = call.one("limit")
    if wanted is None:
        return highest
    if not wanted.isdigit():
        raise bad_request(
            f"Invalid input for query parameters limit. Value: {wanted}. "
            f"'{wanted}' does not match '^[0-9]*$'"
        )
    return min(int(wanted), highest)


def page(call: Call, items: Sequence[T], ident: Callable[[T], str]) -> Sequence[T]:
    """The items after the marker, at most as many as fit; 400 for an unknown marker."""
    start = 0
    marker = call.one("marker")
    if marker is not None:
        for index, item in enumerate(items):
            if ident(item) == marker:
                start = index + 1
                break
        else:
            raise bad_request(f"marker [{marker}] not found")
    return items[start : start + limit_of(call)]


def next_link(call: Call, path: str, shown: int, last: str | None) -> list[dict[str, str]]:
    """The link to the next page, which Nova gives whenever a page is full."""
    if last is None or shown < limit_of(call):
        return []
    query: list[tuple[str, Any]] = [
        (name, value)
        for name, values in call.query.items()
        if name != "marker"
        for value in values
    ]
    return [{"rel": "next", "href": f"{call.root}{path}?{urlencode([*query, ('marker', last)])}"}]


def flag(call: Call, name: str, default: bool = False) -> bool:
    """A query parameter that is true or false; 400."""
    value = call.one(name)
    if value is None:
        return default
    # Nova takes a bare ?all_tenants for yes.
    if value.lower() in ("1", "t", "true", "on", "y", "yes", ""):
        return True
    if value.lower() in ("0", "f", "false", "off", "n", "no"):
        return False
    raise bad_request(
        f"Unrecognized value '{value}', acceptable values are: '0', '1', 'f', "
        "'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'"
    )
