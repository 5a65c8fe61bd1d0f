"""Options of the engine."""

from oslo_config import cfg

GROUP = "engine"
OPTS = (
    cfg.FloatOpt(
        "lease_seconds",
        default=10.0,
        min=1.0,
        help="How long an engine that stopped answering keeps what it held, in seconds.",
    ),
    cfg.FloatOpt(
        "poll_seconds",
        default=0.25,
        min=0.01,
        help="How often the database is asked for work that another process made, in seconds.",
    ),
)
