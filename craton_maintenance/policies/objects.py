"""Rules of the maintenance of one host, cell, region or cloud."""

from craton_maintenance.policies.base import ADMIN, OPERATOR_READ, PREFIX, rule

READ = f"{PREFIX}:objects:read"
SET = f"{PREFIX}:objects:set"
UNSET = f"{PREFIX}:objects:unset"

_PATHS = tuple(
    f"/v1/{kind}/{{id_or_name}}/maintenance" for kind in ("hosts", "cells", "regions", "clouds")
)

RULES = (
    rule(
        "objects:read",
        OPERATOR_READ,
        "See an object's maintenance.",
        *(("GET", path) for path in _PATHS),
    ),
    rule(
        "objects:set",
        ADMIN,
        "Set the window of just one object.",
        *(("PUT", path) for path in _PATHS),
    ),
    rule(
        "objects:unset",
        ADMIN,
        "Unset the window of just one object.",
        *(("DELETE", path) for path in _PATHS),
    ),
)
