"""Options of maintenance windows."""

from oslo_config import cfg

GROUP = "windows"
OPTS = (
    cfg.IntOpt(
        "max_days",
        default=366,
        min=1,
        help="How far in the future a window may start, and how long it may last, in days.",
    ),
)
