"""News of what goes on elsewhere for a session."""

from typing import Any

from flask_restful import Resource

from craton_maintenance.api.operation import Call, operation
from craton_maintenance.db import session_steps
from craton_maintenance.errors import not_found
from craton_maintenance.workflow.plugins import news

#: How events of whole workflows begin; those of each task are of no interest.
_WORKFLOW = "WORKFLOW_"


class StepNews(Resource):
    """Where Mistral says that a workflow's state has changed; the address is the permission."""

    @operation(body="step-news", answer="step-news-taken", open_to_all=True)
    def post(self, call: Call, step_id: str, token: str) -> dict[str, Any]:
        """Have a step that goes on elsewhere looked at now.

        What is said of it is not believed, only taken as a reason to look.
        """
        if not news.is_ours(call.service.conf, step_id, token):
            raise not_found("step")
        if not call.body["event"].startswith(_WORKFLOW):
            return {"taken": False}
        session_id, _, number = step_id.rpartition("-")
        now = call.service.clock()
        taken = call.service.database.write(
            lambda transaction: session_steps.look_soon(transaction, session_id, int(number), now)
        )
        if taken:
            call.service.step_news.set()
        return {"taken": taken}
