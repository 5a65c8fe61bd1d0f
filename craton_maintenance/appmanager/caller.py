"""Requests to the maintenance service, with a token of Keystone's or with headers."""

from collections.abc import Mapping
from typing import Any, Protocol

from keystoneauth1 import exceptions, plugin, session

Json = dict[str, Any]

#: Seconds until a request is given up, besides what the service was asked to wait.
TIMEOUT = 30.0


class Unreachable(Exception):
    """Nobody answered, or nobody let us in."""


class Call(Protocol):
    """Sends one request; tests have one of their own."""

    def __call__(
        self, method: str, url: str, body: Json | None = None, wait: float = 0.0
    ) -> tuple[int, Json]:
        """
        :param wait: seconds that the service was asked to wait with its answer
        :returns: status, and the answer's body, empty where it is not a JSON object
        :raises Unreachable: there was no answer
        """


class Headers(plugin.BaseAuthPlugin):
    """Headers in place of a token: for a service without Keystone."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self._headers = dict(headers)

    def get_headers(self, session: session.Session, **kwargs: Any) -> dict[str, str]:
        return dict(self._headers)


class Caller:
    """Sends requests on a session of keystoneauth, which renews its token by itself."""

    def __init__(self, asker: session.Session) -> None:
        self._asker = asker

    @classmethod
    def with_headers(cls, **headers: str) -> "Caller":
        """One without Keystone: ``Caller.with_headers(**{"X-Project-Id": "…"})``."""
        return cls(session.Session(auth=Headers(headers)))

    def __call__(
        self, method: str, url: str, body: Json | None = None, wait: float = 0.0
    ) -> tuple[int, Json]:
        try:
            answer = self._asker.request(
                url,
                method,
                json=body,
                headers={"Accept": "application/json"},
                timeout=TIMEOUT + wait,
                raise_exc=False,
                # it would take our token along
                redirect=False,
                log=False,
            )
        except exceptions.ClientException as error:
            raise Unreachable(f"{url}: {' '.join(str(error).split())}") from error
        try:
            document = answer.json()
        except ValueError:
            document = None
        return answer.status_code, document if isinstance(document, dict) else {}
