"""The options of the filter's section in ``api-paste.ini``."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Options:
    """Where the service is, as whom to ask it, and the limits."""

    url: str
    """Address of craton-maintenance, ending in ``/v1``."""
    region: str = ""
    """This Nova's region, as craton-maintenance calls it; empty: hosts of all regions."""
    interval: float = 5.0
    """Seconds between two questions."""
    timeout: float = 5.0
    """Seconds until a question is given up."""
    max_age: float = 60.0
    """Seconds after which an answer is too old to add links by it."""
    max_body: int = 16 * 1024 * 1024
    """Bytes; a longer answer of Nova's gets no links."""
    auth_url: str = ""
    """Keystone's address, ending in ``/v3``; empty: ask without a token (on loopback)."""
    username: str = ""
    """The user to ask as; administrator, or whom the policy ``maintenance:links:active`` lets."""
    password: str = dataclasses.field(default="", repr=False)
    """Its password; better in a file."""
    password_file: str = ""
    """A file with the password, read at each login; instead of ``password``."""
    project_name: str = "service"
    """The user's project."""
    user_domain_name: str = "Default"
    """Domain of the user."""
    project_domain_name: str = "Default"
    """Domain of the project."""
    cafile: str = ""
    """Certificates to trust; empty: the system's."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Options:
        """The options of a section.

        :raises ValueError: with what is wrong
        """
        known = {field.name: field.type for field in dataclasses.fields(cls)}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ValueError(f"nova-links: there is no option {', '.join(unknown)}")
        values: dict[str, Any] = {}
        for name, text in given.items():
            kind = {"float": float, "int": int}.get(str(known[name]), str)
            try:
                values[name] = kind(text.strip())
            except ValueError:
                raise ValueError(f"nova-links: {name} is not a number: {text!r}") from None
            if kind is not str and not 0 < values[name] < float("inf"):
                raise ValueError(f"nova-links: {name} must be more than 0")
        for name in ("url", "auth_url"):
            if name in values:
                values[name] = _address(name, values[name])
        if not values.get("url"):
            raise ValueError("nova-links: url is missing, the address of craton-maintenance")
        if values.get("auth_url") and not values.get("username"):
            raise ValueError("nova-links: auth_url without username")
        return cls(**values)

    def secret(self) -> str:
        """The password.

        :raises OSError: the file can't be read
        """
        if not self.password_file:
            return self.password
        with open(self.password_file, encoding="utf-8") as file:
            return file.read().strip()


def _address(name: str, text: str) -> str:
    if text and urllib.parse.urlsplit(text).scheme not in ("http", "https"):
        raise ValueError(f"nova-links: {name} is not an http or https address: {text!r}")
    return text.rstrip("/")
