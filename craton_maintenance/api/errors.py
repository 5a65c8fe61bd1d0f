"""Every error becomes the same body, Craton's shape with a stable code."""

import logging
import uuid

import flask
import sqlalchemy.exc
import werkzeug.exceptions

from craton_maintenance import schema
from craton_maintenance.errors import Code, Problem

LOG = logging.getLogger(__name__)

#: Bytes of a body too large that are read for the sake of its sender.
_LONGEST_READ_AWAY = 2**24

_CODES = {
    400: Code.INVALID,
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NO_SUCH_PATH,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_LARGE,
}


def request_id() -> str:
    """The id of this request, in every answer and every log line about it."""
    if "request_id" not in flask.g:
        flask.g.request_id = f"req-{uuid.uuid4()}"
    return flask.g.request_id


def body(problem: Problem) -> flask.Response:
    """The answer that tells a problem."""
    document = {
        "message": problem.message,
        "status": problem.status,
        "code": problem.code.value,
        "request_id": request_id(),
    }
    if problem.fields:
        document["errors"] = [
            {"field": field.field, "message": field.message} for field in problem.fields
        ]
    response = flask.jsonify(document)
    response.status_code = problem.status
    response.headers.extend(problem.headers)
    return response


def register(app: flask.Flask) -> None:
    """Hand every error of the application to this module."""
    app.register_error_handler(Problem, body)
    app.register_error_handler(werkzeug.exceptions.HTTPException, _http)
    app.register_error_handler(sqlalchemy.exc.DBAPIError, _database)
    app.register_error_handler(sqlalchemy.exc.TimeoutError, _database)
    app.register_error_handler(Exception, _fault)

    @app.after_request
    def identify(response: flask.Response) -> flask.Response:
        response.headers["X-OpenStack-Request-ID"] = request_id()
        return response


def _http(error: werkzeug.exceptions.HTTPException) -> flask.Response:
    status = error.code or 500
    code = _CODES.get(status, Code.INVALID if status < 500 else Code.INTERNAL)
    message = {
        404: "There is nothing at this path.",
        405: f"{flask.request.method} is not possible here.",
        413: "The body is too large.",
    }.get(status, error.description or "The request can't be taken.")
    headers = {}
    if status == 413:
        _read_away()
    if isinstance(error, werkzeug.exceptions.MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(error.valid_methods)
    return body(Problem(status, code, message, headers=headers))


def _read_away() -> None:
    """Take what is still being sent: its sender would find a broken connection, no answer."""
    left = min(flask.request.content_length or 0, _LONGEST_READ_AWAY)
    stream = flask.request.environ["wsgi.input"]
    while left > 0 and (chunk := stream.read(min(left, 65536))):
        left -= len(chunk)


def _database(error: Exception) -> flask.Response:
    LOG.error("%s: the database failed: %s", request_id(), error)
    return body(
        Problem(
            503,
            Code.UNAVAILABLE,
            "The database can't take it now; nothing was changed. Try again.",
            headers={"Retry-After": "5"},
        )
    )


def _fault(error: Exception) -> flask.Response:
    LOG.error("%s: fault", request_id(), exc_info=error)
    where = "answer" if isinstance(error, schema.Invalid) else "request"
    return body(
        Problem(
            500,
            Code.INTERNAL,
            f"A fault of ours in this {where}; the log has it as {request_id()}.",
        )
    )
