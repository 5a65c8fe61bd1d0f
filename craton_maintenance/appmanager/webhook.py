"""Where Aodh delivers alarms: a small WSGI application."""

import hmac
import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from craton_maintenance.appmanager.manager import ApplicationManager

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LOG = logging.getLogger(__name__)

#: Longest body that is read, in bytes.
_LONGEST = 1 << 20


class Webhook:
    """Hears notices by ``POST``. Aodh does not prove who it is: choose a path nobody guesses.

    Notices are dealt with before the answer, which Aodh waits for; one that can't be dealt with
    is kept, and tried again by :meth:`ApplicationManager.retry`.
    """

    def __init__(self, manager: ApplicationManager, path: str = "/maintenance") -> None:
        self._manager = manager
        self._path = path

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        status = self._answer(environ)
        text = f"{status}\n".encode()
        start_response(
            status, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
        )
        return [text]

    def _answer(self, environ: "WSGIEnvironment") -> str:
        if not hmac.compare_digest(environ.get("PATH_INFO", "").encode(), self._path.encode()):
            return "404 Not Found"
        if environ["REQUEST_METHOD"] != "POST":
            return "405 Method Not Allowed"
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > _LONGEST:
            return "413 Content Too Large"
        try:
            event: Any = json.loads(environ["wsgi.input"].read(int(length)))
        except (ValueError, RecursionError):
            return "400 Bad Request"
        if not isinstance(event, dict):
            return "400 Bad Request"
        self._manager.hear(event)
        return "200 OK"
