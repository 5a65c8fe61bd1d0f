"""Asking craton-maintenance which hosts have maintenance before them."""

from __future__ import annotations

import dataclasses
import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from craton_maintenance_nova_links.options import Options

#: Seconds after which a token is used no more, however long Keystone says it lives.
_TOKEN_LIFE = 600.0


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What links there are."""

    base_url: str
    """Links begin with it."""
    hosts: frozenset[str]
    """Hosts by name."""
    host_ids: frozenset[str]
    """The same hosts by what Nova shows to projects with a server there."""

    def __bool__(self) -> bool:
        return bool(self.hosts or self.host_ids)


EMPTY = Snapshot("", frozenset(), frozenset())


class Source:
    """The service, asked again only for what has changed. Not for several threads."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._url = f"{options.url}/links/active"
        if options.region:
            self._url += f"?region={urllib.parse.quote(options.region, safe='')}"
        self._opener: urllib.request.OpenerDirector | None = None
        self._etag = ""
        self._last = EMPTY
        self._token = ""
        self._token_until = 0.0

    def read(self) -> Snapshot:
        """What links there are now.

        :raises Exception: the service, or Keystone, can't be asked, or answers nonsense
        """
        try:
            return self._read()
        except urllib.error.HTTPError as error:
            if error.code != 401 or not self._token:
                raise
            # it was revoked, or Keystone has new keys
            self._token = ""
            return self._read()

    def _read(self) -> Snapshot:
        headers = {"Accept": "application/json"}
        if self._options.auth_url:
            headers["X-Auth-Token"] = self._login()
        if self._etag:
            headers["If-None-Match"] = self._etag
        try:
            answer = self._open(urllib.request.Request(self._url, headers=headers))  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code != 304:
                raise
            return self._last
        with answer:
            body, etag = json.loads(answer.read()), answer.headers.get("ETag") or ""
        self._last = Snapshot(
            str(body["base_url"]).rstrip("/"),
            frozenset(map(str, body["hosts"])),
            frozenset(map(str, body["host_ids"])),
        )
        self._etag = etag
        return self._last

    def _login(self) -> str:
        if self._token and time.monotonic() < self._token_until:
            return self._token
        options = self._options
        user = {
            "name": options.username,
            "domain": {"name": options.user_domain_name},
            "password": options.secret(),
        }
        project = {"name": options.project_name, "domain": {"name": options.project_domain_name}}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": project},
            }
        }
        asked = urllib.request.Request(  # noqa: S310 - options are http or https
            f"{options.auth_url}/auth/tokens?nocatalog",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Accept": "application/json"},
        )
        with self._open(asked) as answer:
            self._token = answer.headers["X-Subject-Token"]
        self._token_until = time.monotonic() + _TOKEN_LIFE
        return self._token

    def _open(self, request: urllib.request.Request) -> Any:
        if self._opener is None:
            context = ssl.create_default_context(cafile=self._options.cafile or None)
            self._opener = urllib.request.build_opener(
                # services talk to each other without a proxy, whatever the environment says,
                # and a token is sent to nobody else
                urllib.request.ProxyHandler({}),
                urllib.request.HTTPSHandler(context=context),
                _NoRedirects(),
            )
        return self._opener.open(request, timeout=self._options.timeout)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None
