"""Options of the database."""

from oslo_config import cfg

GROUP = "database"
OPTS = (
    cfg.StrOpt(
        "connection",
        default="sqlite:///craton-maintenance.sqlite",
        secret=True,
        help="SQLAlchemy URL: sqlite:///FILE, mysql+pymysql://..., postgresql+psycopg://.... "
        "Beside Craton: Craton's own database.",
    ),
    cfg.IntOpt("pool_size", default=20, min=1, help="Connections kept open per process."),
    cfg.IntOpt("max_overflow", default=20, min=0, help="Further connections under load."),
    cfg.IntOpt(
        "lock_timeout",
        default=20,
        min=1,
        help="How long a statement waits for a lock, in seconds, before its "
        "transaction is repeated.",
    ),
)
