"""Rules of the inventory."""

from craton_maintenance.policies.base import OPERATOR_READ, PREFIX, rule

NOVA_HOSTS = f"{PREFIX}:nova_hosts:read"

RULES = (
    rule(
        "nova_hosts:read",
        OPERATOR_READ,
        "See what Nova knows, what Craton knows, and the differences.",
        ("GET", "/v1/nova-hosts"),
    ),
)
