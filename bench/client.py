"""A client that costs next to nothing, so that it is the server that is measured."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit


class Connection:
    """One kept connection, one request at a time."""

    def __init__(self, url: str) -> None:
        """:param url: of the server; its path is not looked at"""
        split = urlsplit(url)
        self._host = f"{split.hostname}:{split.port}"
        self._socket = socket.create_connection((split.hostname or "", split.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def head(self, method: str, path: str, length: int = 0, **headers: str) -> bytes:
        """A request's head, which may be sent any number of times."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if length:
            lines += ["Content-Type: application/json", f"Content-Length: {length}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def send(self, request: bytes) -> None:
        self._socket.sendall(request)

    def receive(self) -> tuple[int, bytes]:
        """Status and body of the answer."""
        status, length = self.receive_head()
        return status, self._file.read(length)

    def receive_head(self) -> tuple[int, int]:
        """Status and length of the answer that begins now."""
        line = self._file.readline()
        if not line:
            raise ConnectionError("the server has closed the connection")
        length = 0
        while (header := self._file.readline()) not in (b"\r\n", b""):
            if header[:15].lower() == b"content-length:":
                length = int(header[15:])
        return int(line.split()[1]), length

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask once; status and decoded body."""
        data = b"" if body is None else json.dumps(body).encode()
        self.send(self.head(method, path, len(data), **headers) + data)
        status, text = self.receive()
        return status, json.loads(text) if text else None

    def detach(self) -> socket.socket:
        """The socket alone, for who reads it otherwise."""
        self._file.close()
        return self._socket

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@contextlib.contextmanager
def connected(url: str, count: int = 1) -> Iterator[list[Connection]]:
    """So many connections, closed at the end."""
    made = [Connection(url) for _ in range(count)]
    try:
        yield made
    finally:
        for connection in made:
            connection.close()


def rate(connections: Sequence[Connection], path: str, requests: int) -> float:
    """Requests answered in a second, each connection asking as soon as it was answered."""
    each = requests // len(connections)

    def ask(connection: Connection) -> None:
        request = connection.head("GET", path)
        for _ in range(each):
            connection.send(request)
            status, body = connection.receive()
            if status != 200:
                raise AssertionError(f"{path}: {status} {body[:300]!r}")

    threads = [threading.Thread(target=ask, args=(one,)) for one in connections]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return each * len(connections) / (time.perf_counter() - begun)


def latency(connection: Connection, path: str) -> float:
    """Seconds from sending one request to having its whole answer."""
    request = connection.head("GET", path)
    begun = time.perf_counter()
    connection.send(request)
    status, body = connection.receive()
    taken = time.perf_counter() - begun
    if status != 200:
        raise AssertionError(f"{path}: {status} {body[:300]!r}")
    return taken
