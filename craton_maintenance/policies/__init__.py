"""Who may do what: oslo.policy rules, one module per resource.

Roles are OpenStack's: ``admin``; ``reader`` with system scope for operators who only
look; ``member`` and ``reader`` of a project for its own part.
"""

from oslo_config import cfg
from oslo_policy import opts, policy

from craton_maintenance.policies import (
    constraints,
    craton,
    events,
    flows,
    inventory,
    links,
    listeners,
    objects,
    replies,
    sessions,
    windows,
)

MODULES = (
    windows,
    sessions,
    replies,
    constraints,
    flows,
    objects,
    events,
    links,
    listeners,
    inventory,
    craton,
)


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """Every rule with its default, for the documentation and oslo.policy's generators."""
    return [rule for module in MODULES for rule in module.RULES]


def enforcer(conf: cfg.ConfigOpts) -> policy.Enforcer:
    """The enforcer: defaults, changed by the operator's policy file if there is one."""
    opts.set_defaults(conf)
    made = policy.Enforcer(conf)
    made.register_defaults(list_rules())
    made.load_rules()
    return made
