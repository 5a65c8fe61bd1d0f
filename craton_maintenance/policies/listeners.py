"""The rule of who listens."""

from craton_maintenance.policies.base import OPERATOR_READ, PREFIX, rule

READ = f"{PREFIX}:listeners:read"

RULES = (
    rule(
        "listeners:read",
        OPERATOR_READ,
        "See which projects have Aodh alarms on what they are told.",
        ("GET", "/v1/listeners"),
        ("GET", "/v1/maintenance-windows/{window_id}/listeners"),
        ("GET", "/v1/maintenance/{session_id}/listeners"),
    ),
)
