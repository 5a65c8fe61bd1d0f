"""An address that remembers what is posted to it: where alarms and workflows report."""

import dataclasses
import http.server
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.support.waiting import until


@dataclasses.dataclass(frozen=True, slots=True)
class Post:
    """A request that arrived."""

    path: str
    raw: bytes
    #: seconds since the epoch
    arrived: float

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def traits(self) -> dict[str, Any]:
        """Of the event in an Aodh alarm's report."""
        return {name: value for name, _, value in self.event["traits"]}

    @property
    def event(self) -> dict[str, Any]:
        return self.body["reason_data"]["event"]


class Listener:
    """Records POSTs in the order of their arrival."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._posts: list[Post] = []
        posts = self._posts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                arrived = time.time()
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                posts.append(Post(self.path, raw, arrived))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def posts(self, path: str, since: int = 0) -> list[Post]:
        """What arrived at a path, after the first ``since`` posts of all paths."""
        return [post for post in list(self._posts)[since:] if post.path == path]

    def mark(self) -> int:
        """How many have arrived, to look at later ones only."""
        return len(self._posts)

    def wait(
        self, path: str, match: Callable[[Post], bool], what: str, seconds: float = 20.0
    ) -> Post:
        """The first post at a path that matches."""

        def look() -> Post | None:
            return next((post for post in self.posts(path) if match(post)), None)

        found = until(look, f"POST {path}: {what}", seconds, 0.02)
        assert found is not None
        return found
