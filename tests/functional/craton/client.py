"""What python-cratonclient sends and expects, without it.

It can't be installed on a Python of today.  Same headers, same bodies, the same way
through pages: on and on by ``next`` until a page is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import flask


class HttpError(Exception):
    """An answer of 400 or more, which that client raises."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Session:
    """``cratonclient.session.Session``: X-Auth-* headers on every request."""

    def __init__(self, app: flask.Flask, headers: dict[str, str]) -> None:
        self._client = app.test_client()
        self._headers = headers | {
            "User-Agent": "python-cratonclient/0.1 keystoneauth1/2.18",
            "Accept": "application/json",
        }

    def request(self, method: str, url: str, body: Any = None, **params: Any) -> Any:
        more: dict[str, Any] = {}
        if body is not None:
            more = {"data": json.dumps(body), "content_type": "application/json"}
        query = {key: str(value) for key, value in params.items() if value is not None}
        answer = self._client.open(
            url, method=method, headers=self._headers, query_string=query or None, **more
        )
        if answer.status_code >= 400:
            raise HttpError(answer.status_code, answer.text)
        return answer

    def paginate(self, url: str, key: str, params: dict[str, Any]) -> Iterator[Any]:
        answer = self.request("GET", url, **params).json
        while answer[key]:
            yield from answer[key]
            following = [link["href"] for link in answer["links"] if link["rel"] == "next"]
            if not following:
                return
            answer = self.request("GET", following[0]).json


class Manager:
    """``cratonclient.crud.CRUDClient``."""

    def __init__(self, session: Session, url: str, key: str) -> None:
        self._session = session
        self._url = f"{url}/{key}s"
        self._key = f"{key}s"

    def create(self, **body: Any) -> Any:
        return self._session.request("POST", self._url, body).json

    def get(self, item_id: Any) -> Any:
        return self._session.request("GET", f"{self._url}/{item_id}").json

    def list(self, **params: Any) -> list[Any]:
        return list(self._session.paginate(self._url, self._key, params))

    def update(self, item_id: Any, **body: Any) -> Any:
        return self._session.request("PUT", f"{self._url}/{item_id}", body).json

    def delete(self, item_id: Any) -> bool:
        return self._session.request("DELETE", f"{self._url}/{item_id}").status_code == 204

    def variables(self, item_id: Any) -> Any:
        """``host.variables.get()``, which reads the key ``variables``."""
        url = f"{self._url}/{item_id}/variables"
        return self._session.request("GET", url).json["variables"]

    def vars_set(self, item_id: Any, updates: dict[str, Any], deletes: list[str]) -> Any:
        """The command ``host-vars-set ID k=v j=``."""
        url = f"{self._url}/{item_id}/variables"
        self.get(item_id)
        if updates:
            self._session.request("PUT", url, updates)
        if deletes:
            self._session.request("DELETE", url, deletes)
        return self.variables(item_id)
