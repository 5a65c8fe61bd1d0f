"""Operators who set windows over HTTP, repeat what was not answered, and keep a record."""

import dataclasses
import datetime as dt
import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import requests

#: seconds that a request, repeated again and again, may stay unanswered
_PATIENCE = 90.0


@dataclasses.dataclass(slots=True)
class Done:
    """A window as its operator knows it: all of this was acknowledged."""

    window_id: str
    #: what its readers must have been told, in order
    told: list[str]


class Record:
    """What all operators have done; they write it at the same time."""

    def __init__(self) -> None:
        self.done: list[Done] = []
        #: requests that got no answer, or none that says what was done
        self.unanswered = 0
        #: of those, the ones that had been carried out all the same
        self.carried_out = 0
        self.faults: list[BaseException] = []
        self._changed = threading.Condition()
        self._slots = itertools.count()

    def add(self, done: Done) -> None:
        with self._changed:
            self.done.append(done)
            self._changed.notify_all()

    def count(self, unanswered: int = 0, carried_out: int = 0) -> None:
        with self._changed:
            self.unanswered += unanswered
            self.carried_out += carried_out

    def fault(self, error: BaseException) -> None:
        with self._changed:
            self.faults.append(error)
            self._changed.notify_all()

    def wait_for(self, windows: int, seconds: float, check: Callable[[], None]) -> None:
        """Wait until so many windows are done.

        :param check: called now and then; raises where waiting is in vain
        :raises AssertionError: not in time, or an operator met a fault
        """
        deadline = time.monotonic() + seconds
        while True:
            check()
            with self._changed:
                if self.faults:
                    raise self.faults[0]
                if self._changed.wait_for(lambda: len(self.done) >= windows, 0.5):
                    return
                assert time.monotonic() < deadline, (
                    f"{len(self.done)} windows after {seconds:g} s, not {windows}"
                )

    def slot(self) -> int:
        """A number that no other window has: windows do not overlap."""
        with self._changed:
            return next(self._slots)


class Operator(threading.Thread):
    """Sets windows, one after the other, until it is told to stop."""

    def __init__(self, name: str, url: str, record: Record, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self._url = url
        self._record = record
        self._random = random.Random(f"{seed}-{name}")
        self._first = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=2)
        self._keys = (f"{name}-{number}" for number in itertools.count())
        self._stopping = threading.Event()
        self._session = requests.Session()

    def run(self) -> None:
        try:
            hosts = self._hosts()
            while not self._stopping.is_set():
                self._window(self._random.choice(hosts))
        except BaseException as error:
            self._record.fault(error)
        finally:
            self._session.close()

    def stop(self) -> None:
        """Ask it to end when the window at hand is done."""
        self._stopping.set()

    def _window(self, host: str) -> None:
        fate = self._random.choice(("kept", "changed", "cancelled", "worked on"))
        body: dict[str, Any] = {"scope": {"hosts": [host]}}
        if fate == "worked on":
            end = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
            body |= {"end": end.isoformat(), "allow_overlap": True}
        else:
            start = self._first + dt.timedelta(hours=self._record.slot())
            body["start"] = start.isoformat()
            body["end"] = (start + dt.timedelta(hours=1)).isoformat()
        window = self._ask("POST", "/v1/maintenance-windows", body, key=True, expect=(201,)).json()
        path = f"/v1/maintenance-windows/{window['id']}"
        told = ["created"]
        if fate == "changed":
            self._change(path, f"announced by {self.name}")
            told.append("updated")
        elif fate == "cancelled":
            self._ask("DELETE", path, expect=(204, 409), already=409)
            told.append("cancelled")
        elif fate == "worked on":
            self._ask("POST", f"{path}/finish", key=True, expect=(200,))
            told += ["opened", "closed"]
        self._record.add(Done(window["id"], told))

    def _change(self, path: str, announcement: str) -> None:
        answer = self._ask(
            "PATCH",
            path,
            {"announcement": announcement},
            headers={"If-Match": '"1"'},
            expect=(200, 412),
            already=412,
        )
        if answer.status_code == 412:
            answer = self._ask("GET", path, expect=(200,))
        assert (answer.json()["revision"], answer.json()["announcement"]) == (2, announcement)

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: tuple[int, ...],
        already: int | None = None,
        key: bool = False,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """The answer to a request that is repeated until there is one.

        :param already: a status that is expected only of a repeated request
        """
        headers = dict(headers or {})
        if key:
            headers["Idempotency-Key"] = next(self._keys)
        deadline = time.monotonic() + _PATIENCE
        repeated = False
        while True:
            try:
                answer = self._session.request(
                    method, self._url + path, json=body, headers=headers, timeout=30
                )
                if answer.status_code < 500:
                    break
                assert answer.status_code == 503, answer.text
            except requests.exceptions.RequestException as error:
                # a refused connection was certainly not carried out
                if "refused" not in str(error):
                    self._record.count(unanswered=1)
                    repeated = True
            assert time.monotonic() < deadline, f"{method} {path} was never answered"
            self._stopping.wait(0.1)
        assert answer.status_code in expect, f"{method} {path}: {answer.text}"
        if answer.status_code == already:
            assert repeated, answer.text
            self._record.count(carried_out=1)
        return answer

    def _hosts(self) -> list[str]:
        """Names of hosts, as soon as there are any."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            found = self._ask("GET", "/v1/nova-hosts", expect=(200,)).json()
            names = [host["name"] for host in found["nova_hosts"]]
            if names:
                return names
            self._stopping.wait(0.05)
        raise AssertionError("no hosts")
