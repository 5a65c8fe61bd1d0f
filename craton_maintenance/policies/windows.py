"""Rules of maintenance windows."""

from craton_maintenance.policies.base import ADMIN, OPERATOR_READ, PREFIX, PROJECT_READ, rule

READ_ALL = f"{PREFIX}:windows:read_all"
READ = f"{PREFIX}:windows:read"
SET = f"{PREFIX}:windows:set"
CHANGE = f"{PREFIX}:windows:change"
CANCEL = f"{PREFIX}:windows:cancel"
START = f"{PREFIX}:windows:start"
FINISH = f"{PREFIX}:windows:finish"

_LIST, _ONE = "/v1/maintenance-windows", "/v1/maintenance-windows/{window_id}"

RULES = (
    rule(
        "windows:read_all",
        OPERATOR_READ,
        "See windows whole, with hosts and projects.",
        ("GET", _LIST),
        ("GET", _ONE),
    ),
    rule(
        "windows:read",
        PROJECT_READ,
        "See one's own project's part of windows.",
        ("GET", _LIST),
        ("GET", _ONE),
    ),
    rule("windows:set", ADMIN, "Set a window.", ("POST", _LIST)),
    rule("windows:change", ADMIN, "Change a window.", ("PATCH", _ONE)),
    rule("windows:cancel", ADMIN, "Cancel a window.", ("DELETE", _ONE)),
    rule("windows:start", ADMIN, "Open a window now.", ("POST", f"{_ONE}/start")),
    rule("windows:finish", ADMIN, "Close a window now.", ("POST", f"{_ONE}/finish")),
)
