"""Rules of sessions."""

from craton_maintenance.policies.base import ADMIN, OPERATOR_READ, PREFIX, PROJECT_READ, rule

READ_ALL = f"{PREFIX}:sessions:read_all"
READ = f"{PREFIX}:sessions:read"
DETAIL = f"{PREFIX}:sessions:detail"
CREATE = f"{PREFIX}:sessions:create"
ORDER = f"{PREFIX}:sessions:order"
ABORT = f"{PREFIX}:sessions:abort"

_LIST, _ONE = "/v1/maintenance", "/v1/maintenance/{session_id}"

RULES = (
    rule(
        "sessions:read_all",
        OPERATOR_READ,
        "See sessions and how far they are.",
        ("GET", _LIST),
        ("GET", _ONE),
    ),
    rule(
        "sessions:read",
        PROJECT_READ,
        "See the sessions that concern one's own project.",
        ("GET", _LIST),
        ("GET", _ONE),
    ),
    rule(
        "sessions:detail",
        OPERATOR_READ,
        "See everything of a session: hosts, servers, notices, steps.",
        ("GET", f"{_ONE}/detail"),
    ),
    rule("sessions:create", ADMIN, "Set a window with its session.", ("POST", _LIST)),
    rule(
        "sessions:order",
        ADMIN,
        "Pause, resume, abort or retry a session, override, confirm, or skip a host.",
        ("PUT", _ONE),
    ),
    rule("sessions:abort", ADMIN, "Abort a session.", ("DELETE", _ONE)),
)
