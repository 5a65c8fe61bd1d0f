"""A Mistral that runs nothing: its executions end when the test says so."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import requests
import urllib3.exceptions
from keystoneauth1 import session as keystone
from keystoneauth1.token_endpoint import Token
from requests.adapters import BaseAdapter

URL = "http://mistral.invalid/v2"


class Killed(BaseException):
    """This process dies with its request."""


class Mistral(BaseAdapter):
    """What keystoneauth's sessions send to :data:`URL` comes here."""

    def __init__(self, *workflows: str) -> None:
        super().__init__()
        self.workflows = set(workflows)
        #: by id, as the API shows them
        self.executions: dict[str, dict[str, Any]] = {}
        #: ids in the order of their start, each start once
        self.started: list[str] = []
        self.asked: list[tuple[str, str, Any]] = []
        #: nobody listens
        self.away = False
        #: what befalls the next requests of a method: ``lost`` on the way there or ``unheard`` on
        #: the way back, ``killed``: whoever asked dies; or a status that is all that comes of it
        self.faults: list[tuple[str, str | int]] = []

    @property
    def only(self) -> dict[str, Any]:
        """The one execution that there is."""
        (one,) = self.executions.values()
        return one

    def age(self, seconds: float) -> None:
        """All executions are so old."""
        created = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
        for one in self.executions.values():
            one["created_at"] = created.strftime("%Y-%m-%d %H:%M:%S")

    def session(self) -> keystone.Session:
        """A session whose catalogue has nothing but this."""
        http = requests.Session()
        http.mount(URL, self)
        return keystone.Session(auth=Token(URL, "token"), session=http)

    def join(self, session: keystone.Session) -> keystone.Session:
        """A simulated cloud's session, with this in the catalogue."""
        session.session.mount(URL, self)
        auth = session.auth
        others: Callable[..., Any] = auth.get_endpoint

        def get_endpoint(asking: Any, service_type: str | None = None, **more: Any) -> Any:
            if service_type == "workflowv2":
                return URL
            return others(asking, service_type=service_type, **more)

        auth.get_endpoint = get_endpoint
        return session

    # -- the adapter ---------------------------------------------------------------

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **kwargs: Any
    ) -> requests.Response:
        method, url = str(request.method), str(request.url)
        path = url.removeprefix(URL)
        body = json.loads(request.body) if request.body else None
        self.asked.append((method, path, body))
        fault: str | int = ""
        if self.faults and self.faults[0][0] == method:
            fault = self.faults.pop(0)[1]
        if self.away:
            nobody = urllib3.exceptions.NewConnectionError(None, "refused")  # type: ignore[arg-type]
            reason = urllib3.exceptions.MaxRetryError(None, url, nobody)  # type: ignore[arg-type]
            raise requests.exceptions.ConnectionError(reason, request=request)
        if fault == "lost":
            raise requests.exceptions.ReadTimeout("timed out", request=request)
        answer: tuple[int, Any] = (fault, {}) if isinstance(fault, int) else (0, None)
        if not answer[0]:
            answer = self._answer(method, path, body)
        if fault == "unheard":
            raise requests.exceptions.ReadTimeout("timed out", request=request)
        if fault == "killed":
            raise Killed
        response = requests.Response()
        response.status_code, shown = answer
        response._content = json.dumps(shown).encode()
        response.url, response.request = url, request
        return response

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "POST":
            return self._start(body)
        found = self.executions.get(path.removeprefix("/executions/"))
        if found is None:
            return 404, {"faultstring": "WorkflowExecution not found"}
        if method == "PUT":
            found |= body
        return 200, found

    def _start(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["id"] not in self.executions:
            name = body.get("workflow_name") or body.get("workflow_id")
            if name not in self.workflows:
                return 404, {"faultstring": f"Workflow not found [workflow_identifier={name}]"}
            self.started.append(body["id"])
            self.executions[body["id"]] = {
                "id": body["id"],
                "workflow_name": name,
                "state": "RUNNING",
                "state_info": None,
                "output": "{}",
            }
            self.age(0.0)
        return 201, self.executions[body["id"]]
