"""Rules of Craton's paths, where we serve them in its place.

As in Craton, its users write the inventory of their own project, and admins its users
and variables; other than in Craton, nobody but roots sees other projects' (that is not
a rule: it is never left to configuration).
"""

from craton_maintenance.policies.base import ADMIN, OPERATOR_READ, PREFIX, rule

READ = f"{PREFIX}:craton_inventory:read"
WRITE = f"{PREFIX}:craton_inventory:write"
PROJECTS_READ = f"{PREFIX}:craton_projects:read"
PROJECTS_WRITE = f"{PREFIX}:craton_projects:write"
PROJECT_VARIABLES = f"{PREFIX}:craton_projects:variables"
USERS_READ = f"{PREFIX}:craton_users:read"
USERS_WRITE = f"{PREFIX}:craton_users:write"
BINDINGS_READ = f"{PREFIX}:project_bindings:read"
BINDINGS_WRITE = f"{PREFIX}:project_bindings:write"

_OPERATOR_WRITE = "role:admin or (role:member and system_scope:all)"
_ROOT = "role:admin and is_root:True"

_KINDS = ("clouds", "regions", "cells", "hosts")
_LISTS = tuple(f"/v1/{kind}" for kind in _KINDS)
_OBJECTS = tuple(f"/v1/{kind}/{{object_id}}" for kind in _KINDS)
_PARTS = (*(f"{path}/variables" for path in _OBJECTS), "/v1/hosts/{object_id}/labels")
_PROJECT = "/v1/projects/{object_id}"
_BINDING = f"{_PROJECT}/binding"

RULES = (
    rule(
        "craton_inventory:read",
        OPERATOR_READ,
        "See clouds, regions, cells and hosts of one's Craton project, with variables and labels.",
        *(("GET", path) for path in (*_LISTS, *_OBJECTS, *_PARTS)),
    ),
    rule(
        "craton_inventory:write",
        _OPERATOR_WRITE,
        "Change clouds, regions, cells and hosts of one's Craton project, with variables and "
        "labels.",
        *(("POST", path) for path in _LISTS),
        *((method, path) for path in (*_OBJECTS, *_PARTS) for method in ("PUT", "DELETE")),
    ),
    rule(
        "craton_projects:read",
        ADMIN,
        "See one's Craton project, with its variables.",
        ("GET", "/v1/projects"),
        ("GET", _PROJECT),
        ("GET", f"{_PROJECT}/variables"),
    ),
    rule(
        "craton_projects:write",
        _ROOT,
        "Create and delete Craton projects.",
        ("POST", "/v1/projects"),
        ("DELETE", _PROJECT),
    ),
    rule(
        "craton_projects:variables",
        ADMIN,
        "Change the variables of one's Craton project.",
        ("PUT", f"{_PROJECT}/variables"),
        ("DELETE", f"{_PROJECT}/variables"),
    ),
    rule(
        "craton_users:read",
        ADMIN,
        "See the users of one's Craton project.",
        ("GET", "/v1/users"),
        ("GET", "/v1/users/{object_id}"),
    ),
    rule(
        "craton_users:write",
        ADMIN,
        "Create and delete users of one's Craton project.",
        ("POST", "/v1/users"),
        ("DELETE", "/v1/users/{object_id}"),
    ),
    rule(
        "project_bindings:read",
        ADMIN,
        "See which of Nova's projects a Craton project stands for.",
        ("GET", _BINDING),
    ),
    rule(
        "project_bindings:write",
        ADMIN,
        "Say which of Nova's projects a Craton project stands for.",
        ("PUT", _BINDING),
        ("DELETE", _BINDING),
    ),
)
