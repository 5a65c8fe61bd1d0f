"""``http``: a request to whoever does the work, e.g. a hook of AWX or a Redfish service."""

import http
import ssl
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

import requests
import urllib3

from craton_maintenance.domain.session.steps import Outcome, Result
from craton_maintenance.workflow.plugins import fill
from craton_maintenance.workflow.plugins.base import Context, HostAction, Problem
from craton_maintenance.workflow.plugins.command import problems_of

#: Set by us or by the connection.
_RESERVED = frozenset({"idempotency-key", "content-length", "host", "transfer-encoding"})


class Http(HostAction):
    """Options: ``host-action-http.json``.

    Sent once, with ``Idempotency-Key`` (the step id). 2xx is success, 4xx a refusal, 429 and a
    connection that was never made are tried later. Anything else leaves open whether it took
    effect: it is tried again where ``repeat`` is ``safe``. Redirections are not followed, as
    they would take headers elsewhere.
    """

    placeholders = True
    timeout = 30.0

    def check(self, options: Mapping[str, Any]) -> Sequence[Problem]:
        problems = problems_of("host-action-http", options)
        if problems:
            return problems
        authority = urllib.parse.urlsplit(options["url"]).netloc
        if fill.used(authority):
            # else the name of a host decides who gets the headers
            problems.append(("url", "has a placeholder in the name of the machine"))
        for name in options.get("headers", ()):
            if name.lower() in _RESERVED:
                problems.append((f"headers/{name}", "is set by the service"))
        return problems

    def run(self, context: Context) -> Outcome:
        options, known = context.options, fill.values(context)
        seconds = min(context.limit, context.left)
        if seconds <= 0:
            return Outcome(Result.LATER, code="NO_TIME", words="no time is left to send it")
        unclear = Result.LATER if options.get("repeat", self.repeat) == "safe" else Result.UNCLEAR
        try:
            asked = _prepared(context, known)
        except (ValueError, requests.RequestException) as error:
            words = str(error) if isinstance(error, fill.NoServer) else "can't be sent as it is"
            return Outcome(Result.REFUSED, code="BAD_OPTIONS", words=words)
        ends = time.monotonic() + seconds
        with requests.Session() as session:
            settings = session.merge_environment_settings(asked.url or "", {}, True, None, None)
            # words of our own: those of the library have the address with its query in them
            try:
                answer = session.send(asked, timeout=seconds, allow_redirects=False, **settings)
            except requests.ConnectTimeout:
                return Outcome(Result.LATER, code="UNREACHABLE", words="nobody answers there")
            except requests.Timeout:
                return Outcome(unclear, code="TIMED_OUT", words=f"no answer in {seconds:g} s")
            except requests.ConnectionError as error:
                cause = _cause(error)
                if isinstance(cause, ssl.SSLCertVerificationError):
                    words = f"its certificate: {cause.verify_message}"
                    return Outcome(Result.REFUSED, code="BAD_CERTIFICATE", words=words)
                if isinstance(cause, urllib3.exceptions.NewConnectionError):
                    return Outcome(Result.LATER, code="UNREACHABLE", words="can't be reached")
                return Outcome(unclear, code="BROKEN_OFF", words="the connection broke off")
            except requests.RequestException:
                return Outcome(unclear, code="BROKEN_OFF", words="the answer is not HTTP")
            return _outcome(answer, _text(answer, context.keep, ends), unclear)


def _prepared(context: Context, known: Mapping[str, str]) -> requests.PreparedRequest:
    options = context.options
    headers = {"Accept": "application/json", "User-Agent": "craton-maintenance"}
    headers |= fill.filled(options.get("headers", {}), known)
    return requests.Request(
        options.get("method", "POST"),
        fill.filled(options["url"], known, lambda value: urllib.parse.quote(value, safe="")),
        headers=headers | {"Idempotency-Key": context.step_id},
        json=fill.filled(options["body"], known) if "body" in options else None,
    ).prepare()


def _cause(error: requests.ConnectionError) -> object:
    """What went wrong, without what the libraries wrap around it."""
    cause: object = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, urllib3.exceptions.SSLError) and cause.args:
        return cause.args[0]
    return cause


def _text(answer: requests.Response, keep: int, ends: float) -> str:
    """The beginning of the answer's body; what can't be read in time is left out."""
    text = b""
    try:
        # byte by byte: larger pieces are waited for as a whole, each as long as the limit
        for piece in answer.iter_content(1):
            text += piece
            if len(text) >= keep or time.monotonic() > ends:
                break
    except requests.RequestException:
        pass
    return text.decode("utf-8", "replace").replace("\0", "\ufffd")


def _outcome(answer: requests.Response, text: str, unclear: Result) -> Outcome:
    status = answer.status_code
    facts = {"output": text, "status": status}
    if 200 <= status < 300:
        return Outcome(Result.DONE, facts)
    try:
        words = f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        words = f"status {status}"
    first = text.strip().partition("\n")[0][:200]
    words = f"{words}: {first}" if first else words
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return Outcome(Result.LATER, facts, "BUSY", words)
    if status < 500:
        return Outcome(Result.REFUSED, facts, "FAILED", words)
    return Outcome(unclear, facts, "SERVER_ERROR", words)
