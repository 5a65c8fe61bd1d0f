"""What can go wrong, for the person who gets to read it.

Every error that a client can meet has a code here.  Codes are for programs and
never change their meaning once released; messages are for people and may.
"""

import dataclasses
import enum
from collections.abc import Sequence


class Code(enum.StrEnum):
    """Stable error codes; the docstring line above each says when it is given."""

    #: the request is not as its schema says; ``errors`` names the fields
    INVALID = "INVALID"
    #: the body is not JSON, or not sent as application/json
    NOT_JSON = "NOT_JSON"
    #: the body is larger than [api] max_body
    TOO_LARGE = "TOO_LARGE"
    #: nobody was authenticated
    UNAUTHENTICATED = "UNAUTHENTICATED"
    #: the caller's role does not allow this
    FORBIDDEN = "FORBIDDEN"
    #: nothing is served at this path
    NO_SUCH_PATH = "NO_SUCH_PATH"
    #: there is no such thing, or it is not the caller's
    NOT_FOUND = "NOT_FOUND"
    #: the path exists, the method does not
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    #: a name in a scope is not in the inventory
    UNKNOWN_NAME = "UNKNOWN_NAME"
    #: an id of Craton's in a body is not in the inventory, or is not the caller's
    UNKNOWN_ID = "UNKNOWN_ID"
    #: cloud, region, cell or parent do not belong together
    INCONSISTENT = "INCONSISTENT"
    #: the name is taken
    NAME_TAKEN = "NAME_TAKEN"
    #: other things are in it, or hang on it
    NOT_EMPTY = "NOT_EMPTY"
    #: a name exists in several regions and none was given
    AMBIGUOUS_NAME = "AMBIGUOUS_NAME"
    #: a host that can't be maintained, e.g. a service with several hypervisors (Ironic)
    HOST_REFUSED = "HOST_REFUSED"
    #: start and end do not fit together, or not with now
    BAD_TIMES = "BAD_TIMES"
    #: this scope can't be retired
    BAD_RETIREMENT = "BAD_RETIREMENT"
    #: the target host is among the hosts of the window, or in another region
    BAD_TARGET = "BAD_TARGET"
    #: a variable of Craton's only shows a window, which has to be changed elsewhere
    READ_ONLY = "READ_ONLY"
    #: another window covers a host at that time
    WINDOW_OVERLAP = "WINDOW_OVERLAP"
    #: the window is open, and this can be done only before
    WINDOW_OPEN = "WINDOW_OPEN"
    #: the window has not opened yet
    WINDOW_NOT_OPEN = "WINDOW_NOT_OPEN"
    #: the window is closed or cancelled and never changes again
    WINDOW_OVER = "WINDOW_OVER"
    #: a session works on the window: abort it, and the window ends with it
    SESSION_RUNNING = "SESSION_RUNNING"
    #: the session is over and takes no orders any more
    SESSION_OVER = "SESSION_OVER"
    #: no answer to this is awaited now; the message says what is
    NOT_AWAITED = "NOT_AWAITED"
    #: the time to answer is over, and what was said for that case applies
    REPLY_LATE = "REPLY_LATE"
    #: another answer for the same server was taken before
    ALREADY_ANSWERED = "ALREADY_ANSWERED"
    #: If-Match names another revision than the current one
    STALE_REVISION = "STALE_REVISION"
    #: this Idempotency-Key was used for another request
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    #: too many waiting readers; Retry-After says when to come again
    TOO_MANY_WAITING = "TOO_MANY_WAITING"
    #: the database can't be reached, or can't take it now; nothing was changed
    UNAVAILABLE = "UNAVAILABLE"
    #: a fault of ours; the log has it under the request id
    INTERNAL = "INTERNAL"


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A part of the request that is wrong."""

    #: path in the request, e.g. ``scope/hosts/0``
    field: str
    #: what is wrong with it, and what to do
    message: str


class Problem(Exception):
    """Something that the caller has to know; becomes an answer with its status."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        fields: Sequence[Field] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = tuple(fields)
        self.headers = headers or {}


def bad_field(code: Code, field: str, message: str) -> Problem:
    """A 400 about one field."""
    return Problem(400, code, f"{field}: {message}", [Field(field, message)])


def not_found(what: str) -> Problem:
    """A 404, the same for what does not exist and for what is somebody else's."""
    return Problem(404, Code.NOT_FOUND, f"There is no such {what}.")
