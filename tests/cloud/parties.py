"""Who takes part: a project with its member, its listener's paths and its ledger."""

import dataclasses
from typing import Any

import requests
from keystoneauth1.session import Session

from tests.support.waiting import until

from . import stack
from .listener import Listener, Post
from .privacy import Ledger

#: ``window_id`` of notifications that only prove that the way is open.
PROBE = "probe"


class Api:
    """Our REST API; what a project is sent goes into its ledger."""

    def __init__(self, session: Session, ledger: Ledger | None = None, url: str | None = None):
        """:param url: its address; None: by Keystone's catalogue"""
        self._session = session
        self._ledger = ledger
        self._where: dict[str, Any] = {
            "endpoint_filter": {"service_type": "maintenance", "region_name": stack.REGION}
        }
        if url is not None:
            self._where = {"endpoint_override": url}

    def request(
        self, method: str, path: str, expect: int, json: object = None, **headers: str
    ) -> requests.Response:
        """Call a path below ``/v1``.

        :param expect: the status that the answer must have
        """
        answer = self._session.request(
            path,
            method,
            json=json,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            **self._where,
            raise_exc=False,
            redirect=False,
        )
        if self._ledger:
            head = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
            self._ledger.add(f"{method} {path}", head.encode() + b"\n" + answer.content)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def get(self, path: str, expect: int = 200) -> Any:
        return self.request("GET", path, expect).json()

    def announce(self, scope: dict[str, list[str]], **more: Any) -> dict[str, Any]:
        """Set a window."""
        return self.request("POST", "/maintenance-windows", 201, {"scope": scope, **more}).json()

    def cancel(self, window_id: str) -> None:
        self.request("DELETE", f"/maintenance-windows/{window_id}", 204)

    def event(self, window_id: str, event_type: str, seconds: float = 20.0) -> dict[str, Any]:
        """Wait for the caller's event of a window in the history."""

        def look() -> dict[str, Any] | None:
            return next(
                (event for event in self.events(window_id) if event["event_type"] == event_type),
                None,
            )

        found = until(look, f"{event_type} of {window_id} in the history", seconds)
        assert found is not None
        return found

    def events(self, window_id: str | None = None) -> list[dict[str, Any]]:
        """The caller's history, or what of it is about one window."""
        found: list[dict[str, Any]] = []
        since = 0
        while True:
            page = self.get(f"/events?since={since}")
            if not page["events"]:
                break
            found += page["events"]
            since = page["next"]
        return [
            event
            for event in found
            if window_id is None or event["payload"].get("window_id") == window_id
        ]


@dataclasses.dataclass(slots=True)
class Party:
    """A project, or the operators, at the receiving end."""

    name: str
    user: str
    project_id: str
    session: Session
    #: an admin's session in the project: may name a host at boot
    booter: Session
    api: Api
    ledger: Ledger
    listener: Listener
    #: where its Mistral workflow is, once made
    workflow_id: str = ""

    @property
    def alarm_path(self) -> str:
        return f"/aodh/{self.name}"

    @property
    def workflow_path(self) -> str:
        return f"/mistral/{self.name}"

    def alarms(self) -> list[tuple[str, str]]:
        """``(window id, event type)`` of each alarm that fired, in order of arrival."""
        return [
            (post.traits["window_id"], post.event["event_type"])
            for post in self.listener.posts(self.alarm_path)
            if not post.traits["window_id"].startswith(PROBE)
        ]

    def workflows(self) -> list[str]:
        """Window ids that workflows were started for, in order of arrival."""
        return [
            post.body["window_id"]
            for post in self.listener.posts(self.workflow_path)
            if not post.body["window_id"].startswith(PROBE)
        ]

    def wait_alarm(self, window_id: str, event_type: str, seconds: float = 20.0) -> Post:
        return self.listener.wait(
            self.alarm_path,
            lambda post: (
                post.event["event_type"] == event_type and post.traits["window_id"] == window_id
            ),
            f"{event_type} of {window_id}",
            seconds,
        )

    def wait_workflow(self, window_id: str, seconds: float = 20.0) -> Post:
        return self.listener.wait(
            self.workflow_path,
            lambda post: post.body["window_id"] == window_id,
            f"workflow for {window_id}",
            seconds,
        )

    def keep_posts(self) -> None:
        """Put what its listener received of the service into its ledger."""
        for path in (self.alarm_path, self.workflow_path):
            for post in self.listener.posts(path):
                if f"{PROBE}-".encode() not in post.raw:
                    self.ledger.add(f"POST to its {path}", post.raw)
