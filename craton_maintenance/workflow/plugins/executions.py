"""Executions of workflows in Mistral, by its API (v2)."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import requests
from keystoneauth1 import exceptions

from craton_maintenance.nova import answers
from craton_maintenance.nova.compute import Cloud

#: Answered where nobody could take the request.
_BUSY = frozenset({401, 413, 429})

#: Characters of Mistral's own words.
_WORDS = 300


class Away(Exception):
    """Mistral does not answer, or not as Mistral does; the message says what was wrong."""

    def __init__(self, words: str, sent: bool) -> None:
        """
        :param sent: the request may have arrived, and may take effect
        """
        super().__init__(words)
        self.sent = sent


class Refused(Exception):
    """Mistral does not do what it was asked for; the message has its words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Execution:
    """An execution as Mistral shows it."""

    id: str
    #: RUNNING, PAUSED, SUCCESS, ERROR, CANCELLED, IDLE
    state: str
    #: why, in one line; empty where Mistral says nothing
    words: str
    #: name of its workflow
    workflow: str
    #: by Mistral's clock
    created_at: dt.datetime
    #: what it gives back, as JSON
    output: str


class Executions:
    """Executions in one region's Mistral. Every request is sent once."""

    def __init__(self, cloud: Cloud, timeout: float) -> None:
        """
        :param timeout: seconds that an answer is waited for
        """
        self._cloud = cloud
        self._timeout = timeout

    def get(self, execution_id: str) -> Execution | None:
        """An execution; None: Mistral knows none of that id.

        :raises Away: nobody answers
        :raises Refused: Mistral does not show it
        """
        response = self._send("GET", f"/executions/{execution_id}")
        return None if response.status_code == 404 else _execution(_checked(response))

    def start(self, execution_id: str, asked: Mapping[str, Any]) -> Execution:
        """Start an execution; one that is there of that id already is what comes back.

        :param asked: ``workflow_name`` or ``workflow_id``, ``workflow_namespace``, ``input``
        :raises Away: nobody answers
        :raises Refused: it can't be started: no such workflow, say, or wrong input
        """
        body = {"id": execution_id, **asked}
        return _execution(_checked(self._send("POST", "/executions", body)))

    def cancel(self, execution_id: str, words: str) -> None:
        """Have an execution end; nothing more of it is begun.

        :raises Away: nobody answers
        :raises Refused: Mistral does not
        """
        body = {"state": "CANCELLED", "state_info": words}
        _checked(self._send("PUT", f"/executions/{execution_id}", body))

    def _send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """
        :raises Away: there is no answer, or none of Mistral's own
        """
        try:
            session = self._cloud.keystone
            endpoint = session.get_endpoint(service_type="workflowv2", **self._cloud.where)
            headers = session.get_auth_headers() or {}
        except exceptions.ClientException as error:
            raise Away(f"Keystone: {_why(error)}", sent=False) from error
        if not endpoint:
            raise Away("the service catalogue has no workflowv2 endpoint", sent=False)
        try:
            response = session.request(
                endpoint.rstrip("/") + path,
                method,
                json=body,
                headers={**headers, "Accept": "application/json"},
                # with the token in the headers a 401 does not make it be sent again
                authenticated=False,
                allow_reauth=False,
                connect_retries=0,
                status_code_retries=0,
                redirect=False,
                raise_exc=False,
                timeout=self._timeout,
            )
        except exceptions.ClientException as error:
            sent = not answers.never_sent(error)
            raise Away(f"{_why(error)} ({endpoint})", sent) from error
        status = response.status_code
        if status == 401:
            # the next one comes with a new token
            session.invalidate()
        if status in _BUSY or status == 503:
            raise Away(short(answers.said(response)), sent=False)
        if status >= 500 or 300 <= status < 400:
            # its API may be there, and its engine not: then it is done later, or never
            raise Away(short(answers.said(response)), sent=True)
        return response


def _why(error: exceptions.ClientException) -> str:
    """The same words for the same trouble: the library's have numbers of objects in them."""
    if answers.never_sent(error):
        return "it can't be reached"
    if isinstance(error, exceptions.ConnectionError):
        return "the connection broke off, or nobody answered in time"
    return short(error)


def short(words: Any) -> str:
    """Mistral's words in one line, as far as anybody reads them."""
    text = " ".join(str(words or "").replace("\0", "\ufffd").split())
    return text if len(text) <= _WORDS else text[: _WORDS - 1] + "…"


def _checked(response: requests.Response) -> Any:
    """
    :raises Refused: it is not what was asked for
    :raises Away: it is no JSON
    """
    if response.status_code >= 400:
        raise Refused(short(answers.said(response)))
    try:
        return response.json()
    except ValueError as error:
        raise Away("the answer is not Mistral's", sent=True) from error


def _execution(body: Any) -> Execution:
    """
    :raises Away: it is none
    """
    try:
        created_at = dt.datetime.fromisoformat(body["created_at"])
        return Execution(
            id=str(body["id"]),
            state=str(body["state"]),
            words=short(body.get("state_info")),
            workflow=str(body.get("workflow_name") or ""),
            # without a zone, and UTC
            created_at=created_at if created_at.tzinfo else created_at.replace(tzinfo=dt.UTC),
            output=str(body.get("output") or ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Away("the answer is not Mistral's", sent=True) from error
