"""Rules of the event history."""

from craton_maintenance.policies.base import OPERATOR_READ, PREFIX, PROJECT_READ, rule

READ_ALL = f"{PREFIX}:events:read_all"
READ = f"{PREFIX}:events:read"

_PATHS = (("GET", "/v1/events"), ("GET", "/v1/events/pending"))

RULES = (
    rule(
        "events:read_all",
        OPERATOR_READ,
        "Read the operators' and every project's events.",
        *_PATHS,
    ),
    rule("events:read", PROJECT_READ, "Read one's own project's events.", *_PATHS),
)
