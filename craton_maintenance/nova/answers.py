"""What an answer of Nova's or Placement's means for a step.

The one question is whether something took effect.  Only an answer that says so counts
as a refusal; where there is none, or it is the server's own trouble, nobody knows.
"""

import contextlib
from typing import Any

import requests
import urllib3.exceptions
from keystoneauth1 import exceptions

from craton_maintenance.domain.session.steps import Outcome, Result

#: Answered before anything is done: too many requests, nobody there to take it.
_LATER = frozenset({401, 413, 429, 503})

#: Codes of refusals by HTTP status; FAILED for all others.
_CODES = {403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT"}

_WORDS = 500


class Unreadable(exceptions.ClientException):
    """An answer that is not what this API answers."""


def of_response(response: requests.Response) -> Outcome:
    """How an action ended that was answered so."""
    status = response.status_code
    if 200 <= status < 300:
        return Outcome(Result.DONE)
    words = said(response)
    if status in _LATER:
        wait = response.headers.get("Retry-After")
        return Outcome(Result.LATER, words=words + (f" (again in {wait} s)" if wait else ""))
    if status >= 500:
        # it may have been done, and the answer spoilt on its way
        return Outcome(Result.UNCLEAR, words=words)
    return Outcome(Result.REFUSED, code=code_of(status, words), words=words)


def code_of(status: int, words: str) -> str:
    """A refusal's code."""
    if "No valid host" in words:
        return "NO_VALID_HOST"
    if status == 409 and "task_state" in words:
        return "SERVER_BUSY"
    if status == 409 and "vm_state" in words:
        return "SERVER_STATE"
    return _CODES.get(status, "FAILED")


def of_silence(error: exceptions.ClientException) -> Outcome:
    """How an action ended that no answer came to."""
    result = Result.LATER if never_sent(error) else Result.UNCLEAR
    return Outcome(result, words=str(error)[:_WORDS])


def of_read(error: exceptions.ClientException, again: bool = False) -> Outcome:
    """How a step ended that did nothing, as what it had to know could not be read.

    :param again: an earlier try may have taken effect, and now nobody knows still
    """
    words = str(error)[:_WORDS]
    if again:
        return Outcome(Result.UNCLEAR, words=words)
    status = getattr(error, "http_status", 0) or 0
    if 400 <= status < 500 and status not in _LATER:
        return Outcome(Result.REFUSED, code=code_of(status, words), words=words)
    return Outcome(Result.LATER, words=words)


def never_sent(error: exceptions.ClientException) -> bool:
    """Whether the connection did not even stand; a request on its way may have arrived."""
    cause = error.__context__
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(cause.args[0], "reason", None) if cause and cause.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def said(response: requests.Response) -> str:
    """The other side's own words, with the status."""
    text = ""
    with contextlib.suppress(ValueError):
        text = _message(response.json())
    return f"{response.status_code} {text or response.reason}"[:_WORDS]


def _message(body: Any) -> str:
    """Words in an error's body.

    Nova: ``{kind: {message}}``; Placement: ``{errors: [{detail}]}``; Mistral: ``{faultstring}``;
    Aodh: ``{error_message: {faultstring}}``, or the words themselves.
    """
    if not isinstance(body, dict):
        return ""
    for value in (body, *body.values()):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            for name in ("message", "detail", "faultstring", "error_message"):
                if isinstance(value.get(name), str):
                    return str(value[name])
    return ""
