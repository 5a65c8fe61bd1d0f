"""Mistral as its users see it, and its processes as whoever ends them."""

import contextlib
import os
import pathlib
import signal
import subprocess
from typing import Any

from keystoneauth1.session import Session

from tests.support.waiting import until

from . import stack

_ROOT = pathlib.Path(__file__).parents[2]

#: Its API; its engine, executor and event engine in one.
API, SERVER = "mistral", "mistral-server"

#: Workbooks that we ship, by name.
EXAMPLES = {path.stem: path for path in sorted((_ROOT / "etc" / "mistral").glob("*.yaml"))}


class Mistral:
    """Mistral as one user."""

    def __init__(self, session: Session) -> None:
        self._mistral = stack.Service(session, "workflowv2")
        self._undo = contextlib.ExitStack()

    def _text(self, method: str, path: str, text: str) -> Any:
        headers = {"Content-Type": "text/plain"}
        return self._mistral.call(method, path, data=text, headers=headers)

    def validate(self, workbook: str) -> dict[str, Any]:
        """What Mistral says of a workbook: ``valid``, and ``error`` if it is not."""
        return self._text("POST", "/workbooks/validate", workbook)

    def workflow(self, text: str) -> str:
        """A new workflow; its id. It goes with :meth:`close`."""
        workflow_id = self._text("POST", "/workflows", text)["workflows"][0]["id"]
        self._undo.callback(self._mistral.delete, f"/workflows/{workflow_id}")
        self._undo.callback(self._forget, workflow_id)
        return workflow_id

    def change(self, text: str) -> None:
        """Another definition for a workflow that there is."""
        self._text("PUT", "/workflows", text)

    def workbook(self, text: str) -> dict[str, str]:
        """A new workbook; ids of its workflows by their names."""
        name = self._text("POST", "/workbooks", text)["name"]
        self._undo.callback(self._mistral.delete, f"/workbooks/{name}")
        made = {}
        for one in self._mistral.get("/workflows")["workflows"]:
            if one["name"].startswith(f"{name}."):
                made[one["name"]] = one["id"]
                self._undo.callback(self._mistral.delete, f"/workflows/{one['id']}")
                self._undo.callback(self._forget, one["id"])
        return made

    def trigger(self, workflow_id: str, event_type: str, **given: Any) -> None:
        """Start a workflow at each notification of a type, with this input."""
        body = {
            "name": f"maintenance-test-{event_type}",
            "workflow_id": workflow_id,
            "workflow_input": given,
            "exchange": "maintenance",
            "topic": "notifications",
            "event": event_type,
        }
        made = self._mistral.post("/event_triggers", body)
        self._undo.callback(self._mistral.delete, f"/event_triggers/{made['id']}")

    def execution(self, execution_id: str) -> dict[str, Any]:
        return self._mistral.get(f"/executions/{execution_id}")

    def executions(self, **of: str) -> list[dict[str, Any]]:
        """Executions, the oldest first; those with these values."""
        found = self._mistral.get("/executions")["executions"]
        return [one for one in found if all(one[name] == value for name, value in of.items())]

    def tasks(self, execution_id: str) -> dict[str, str]:
        """The state of each task of an execution that there is by now."""
        found = self._mistral.get(f"/executions/{execution_id}/tasks")["tasks"]
        return {one["name"]: one["state"] for one in found}

    def put(self, execution_id: str, state: str) -> None:
        self._mistral.call("PUT", f"/executions/{execution_id}", json={"state": state})

    def close(self) -> None:
        """Take away what was made here, and what came of it."""
        self._undo.close()

    def _forget(self, workflow_id: str) -> None:
        for one in self.executions(workflow_id=workflow_id):
            self._mistral.delete(f"/executions/{one['id']}?force=true")


def kill(*parts: str) -> None:
    """SIGKILL for a part of Mistral, and all that it has started."""
    for part in parts:
        pid = int((stack.FOLDER / "run" / f"{part}.pid").read_text().split()[0])
        os.killpg(pid, signal.SIGKILL)
        until(lambda pid=pid: not _lives(pid), f"the end of {part}")


def _lives(pid: int) -> bool:
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def start() -> None:
    """Start what does not run of Mistral, and wait until it answers."""
    script = _ROOT / "tools" / "testcloud" / "up.sh"
    arguments = ["--with", "aodh,mistral,vitrage", "--no-apt"]
    subprocess.run([script, *arguments], check=True, timeout=300, stdout=subprocess.DEVNULL)
