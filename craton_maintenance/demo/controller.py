"""Who works on hosts in the demo: a machine that updates their firmware when asked by HTTP."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cheroot import wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Seconds that the work on a host takes.
_WORK = 0.4


class Controller(wsgi.Server):
    """``POST /firmware/{host}``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self._answer, numthreads=2)
        #: called with the host's name when the work on it begins, and when it is done
        self.begun: Callable[[str], None] = lambda host: None
        self.done: Callable[[str], None] = lambda host: None

    def _answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        host = environ["PATH_INFO"].rpartition("/")[2]
        self.begun(host)
        time.sleep(_WORK)
        self.done(host)
        start_response("204 No Content", [])
        return []
