"""Rules of projects' standing wishes."""

from craton_maintenance.policies.base import (
    ADMIN,
    OPERATOR_READ,
    PREFIX,
    PROJECT_READ,
    PROJECT_WRITE,
    rule,
)

READ_ALL = f"{PREFIX}:constraints:read_all"
READ = f"{PREFIX}:constraints:read"
SET_ANY = f"{PREFIX}:constraints:set_any"
SET = f"{PREFIX}:constraints:set"

_PATHS = ("/v1/instance/{instance_id}", "/v1/instance_group/{group_id}")
_WRITES = tuple((method, path) for path in _PATHS for method in ("PUT", "DELETE"))

RULES = (
    rule(
        "constraints:read_all",
        OPERATOR_READ,
        "See the constraints of any server or group.",
        *(("GET", path) for path in _PATHS),
    ),
    rule(
        "constraints:read",
        PROJECT_READ,
        "See the constraints of one's own servers and groups.",
        *(("GET", path) for path in _PATHS),
    ),
    rule(
        "constraints:set_any",
        ADMIN,
        "Set and remove the constraints of any server or group.",
        *_WRITES,
    ),
    rule(
        "constraints:set",
        PROJECT_WRITE,
        "Set and remove the constraints of one's own servers and groups.",
        *_WRITES,
    ),
)
