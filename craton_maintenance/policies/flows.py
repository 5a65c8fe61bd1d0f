"""Rules of the catalogue of flows."""

from craton_maintenance.policies.base import OPERATOR_READ, PREFIX, PROJECT_READ, rule

READ_ALL = f"{PREFIX}:flows:read_all"
READ = f"{PREFIX}:flows:read"

RULES = (
    rule(
        "flows:read_all",
        OPERATOR_READ,
        "See the whole catalogue of flows.",
        ("GET", "/v1/maintenance-flows"),
    ),
    rule(
        "flows:read",
        PROJECT_READ,
        "See the flows that one's own project may choose.",
        ("GET", "/v1/maintenance-flows"),
    ),
)
