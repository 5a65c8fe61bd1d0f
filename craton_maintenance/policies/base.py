"""The defaults that rules are made of."""

from oslo_policy import policy

ADMIN = "role:admin"
OPERATOR_READ = "role:admin or (role:reader and system_scope:all)"
PROJECT_READ = "(role:member or role:reader or role:admin) and project_id:%(project_id)s"
PROJECT_WRITE = "(role:member or role:admin) and project_id:%(project_id)s"

PREFIX = "maintenance"


def rule(
    name: str, check: str, description: str, *operations: tuple[str, str]
) -> policy.DocumentedRuleDefault:
    """A documented rule.

    :param operations: ``(method, path)`` of each operation that it decides
    """
    return policy.DocumentedRuleDefault(
        name=f"{PREFIX}:{name}",
        check_str=check,
        description=description,
        operations=[{"method": method, "path": path} for method, path in operations],
    )
