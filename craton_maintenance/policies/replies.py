"""Rules of what projects are asked, and answer."""

from craton_maintenance.policies.base import (
    ADMIN,
    OPERATOR_READ,
    PREFIX,
    PROJECT_READ,
    PROJECT_WRITE,
    rule,
)

READ_ALL = f"{PREFIX}:replies:read_all"
READ = f"{PREFIX}:replies:read"
GIVE_ANY = f"{PREFIX}:replies:give_any"
GIVE = f"{PREFIX}:replies:give"

_PART = "/v1/maintenance/{session_id}/{project_id}"
_PATHS = (_PART, f"{_PART}/{{instance_id}}")

RULES = (
    rule(
        "replies:read_all",
        OPERATOR_READ,
        "See what any project is asked.",
        *(("GET", path) for path in _PATHS),
    ),
    rule(
        "replies:read",
        PROJECT_READ,
        "See what one's own project is asked.",
        *(("GET", path) for path in _PATHS),
    ),
    rule(
        "replies:give_any",
        ADMIN,
        "Answer for any project.",
        *(("PUT", path) for path in _PATHS),
    ),
    rule(
        "replies:give",
        PROJECT_WRITE,
        "Answer for one's own project.",
        *(("PUT", path) for path in _PATHS),
    ),
)
