"""A call as it arrives, and what is remembered of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from craton_maintenance.simcloud.errors import bad_request, forbidden

if TYPE_CHECKING:
    from craton_maintenance.simcloud.cloud import Cloud


class Answer(NamedTuple):
    """What a handler gives back when it isn't a plain 200 with a body."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class CallRecord:
    """One call, from its arrival on; the status is 0 until it is answered."""

    number: int
    """From 1, in order of arrival."""
    time: float
    service: str
    """identity, compute or placement."""
    method: str
    path: str
    """Below the service's root: /servers/detail."""
    template: str
    """The route, with names in braces: /servers/{server}."""
    action: str
    """The name of a server's action, such as os-migrateLive, else ""."""
    params: dict[str, str]
    """What stands in the path for the names in braces."""
    query: dict[str, list[str]]
    body: Any
    user: str | None
    """The user's name; None without a valid token."""
    project: str | None
    """The project's name."""
    status: int = 0


Judge = Callable[["Cloud", CallRecord], str | None]
"""Looks at the cloud as an arriving call finds it. What it returns, unless None, is kept in
the cloud's violations; an AssertionError counts as its text."""


@dataclass(slots=True)
class Call:
    """A request as the handlers see it."""

    cloud: "Cloud"
    service: str
    method: str
    path: str
    query_string: str
    raw_body: bytes
    headers: dict[str, str]
    """Names in lower case."""
    base: str
    """URL of the simulated cloud without a slash at its end."""
    request_id: str = ""
    minor: int = 1
    """Compute microversion 2.minor, Placement microversion 1.minor."""
    token: Any = None
    _query: dict[str, list[str]] | None = None
    _body: Any = field(default=None)

    @property
    def query(self) -> dict[str, list[str]]:
        if self._query is None:
            self._query = parse_qs(self.query_string, keep_blank_values=True)
        return self._query

    def one(self, name: str, default: str | None = None) -> str | None:
        """A query parameter; of several the last counts, as in Nova's database filters."""
        values = self.query.get(name)
        return values[-1] if values else default

    @property
    def body(self) -> Any:
        """The body's JSON; 400 if it isn't."""
        if self._body is None and self.raw_body:
            try:
                self._body = json.loads(self.raw_body)
            except ValueError as error:
                raise bad_request("Malformed request body") from error
        return self._body

    def member(self, name: str) -> Any:
        """A part of the body that must be there; 400."""
        body = self.body
        if not isinstance(body, dict) or name not in body:
            raise bad_request(f"'{name}' is a required property")
        return body[name]

    @property
    def is_admin(self) -> bool:
        return self.token is not None and "admin" in self.token.roles

    @property
    def project_id(self) -> str:
        return self.token.project.id if self.token.project is not None else ""

    @property
    def user_id(self) -> str:
        return str(self.token.user.id)

    @property
    def root(self) -> str:
        """URL of this service's API, as in its links."""
        return self.base + {"identity": "/identity/v3", "compute": "/compute/v2.1"}.get(
            self.service, "/placement"
        )

    def require_admin(self, rule: str) -> None:
        """403 for anybody but an administrator."""
        if not self.is_admin:
            raise forbidden(rule)

    def links(self, kind: str, ident: str) -> list[dict[str, str]]:
        """The two links of every resource of Nova."""
        return [
            {"rel": "self", "href": f"{self.root}/{kind}/{ident}"},
            {"rel": "bookmark", "href": f"{self.base}/compute/{kind}/{ident}"},
        ]
