"""Errors in the three shapes of the three services."""

import json
from typing import Any

_NOVA_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}

#: What HTTP calls its statuses, as far as the cloud answers with them.
REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    300: "Multiple Choices",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class ApiError(Exception):
    """A refusal: an HTTP status and a message, in the shape of whoever refuses."""

    def __init__(self, status: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.more = more
        """Further members of the error's JSON."""


class NoRoute(ApiError):
    """A path, or a method of it, that the service does not have."""


class ConnectionLost(Exception):
    """The answer does not arrive: a time-out, or a connection that breaks."""

    def __init__(self, timeout: bool) -> None:
        super().__init__("timed out" if timeout else "connection aborted")
        self.timeout = timeout


def bad_request(message: str) -> ApiError:
    return ApiError(400, message)


def forbidden(rule: str) -> ApiError:
    return ApiError(403, f"Policy doesn't allow {rule} to be performed.")


def not_found(message: str) -> ApiError:
    return ApiError(404, message)


def conflict(message: str) -> ApiError:
    return ApiError(409, message)


_NO_ROUTE = """<html>
 <head>
  <title>404 Not Found</title>
 </head>
 <body>
  <h1>404 Not Found</h1>
  The resource could not be found.<br /><br />



 </body>
</html>"""


def content_type(service: str, error: ApiError) -> str:
    """What kind of body a refusal has."""
    if service == "compute" and error.status != 401:
        kind = "text/html" if isinstance(error, NoRoute) else "application/json"
        return f"{kind}; charset=UTF-8"
    return "application/json"


def body(service: str, error: ApiError, request_id: str) -> bytes:
    """The body of an error, as this service writes it: JSON, but for one of Nova's."""
    status = error.status
    if service == "compute" and isinstance(error, NoRoute):
        return _NO_ROUTE.encode()
    title = REASONS.get(status, "Error")
    if status == 401 or service == "identity":
        # The authentication middleware answers alike in front of every service.
        shape: dict[str, Any] = {
            "error": {"code": status, "title": title, "message": error.message}
        }
    elif service == "placement":
        shape = {
            "errors": [
                {
                    "status": status,
                    "title": title,
                    "detail": error.message,
                    "code": "placement.undefined_code",
                    "request_id": request_id,
                    **error.more,
                }
            ]
        }
    else:
        name = _NOVA_NAMES.get(status, "computeFault")
        shape = {name: {"code": status, "message": error.message}}
    return json.dumps(shape).encode()
