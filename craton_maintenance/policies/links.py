"""Rules of links from Nova."""

from craton_maintenance.policies.base import ADMIN, OPERATOR_READ, PREFIX, PROJECT_READ, rule

READ = f"{PREFIX}:links:read"
SET = f"{PREFIX}:links:set"
ACTIVE = f"{PREFIX}:links:active"
HOST = f"{PREFIX}:links:host"
PROJECT = f"{PREFIX}:links:project"

RULES = (
    rule("links:read", OPERATOR_READ, "See where links from Nova point to.", ("GET", "/v1/links")),
    rule(
        "links:set",
        ADMIN,
        "Set and unset where links from Nova point to.",
        ("PUT", "/v1/links"),
        ("DELETE", "/v1/links"),
    ),
    rule(
        "links:active",
        OPERATOR_READ,
        "Read which hosts have maintenance announced, for the links in Nova's answers.",
        ("GET", "/v1/links/active"),
    ),
    rule("links:host", OPERATOR_READ, "Follow a link by host name.", ("GET", "/v1/links/{host}")),
    rule(
        "links:project",
        PROJECT_READ,
        "Follow a link by Nova's hostId.",
        ("GET", "/v1/links/project/{host_id}"),
    ),
)
