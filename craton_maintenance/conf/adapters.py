"""Options of adapters, which keep other systems quiet about hosts that are worked on."""

from oslo_config import cfg

GROUP = "adapters"
OPTS = (
    cfg.ListOpt(
        "enabled",
        default=[],
        help="Adapters to use, by the names of their entry points in "
        "craton_maintenance.adapters: masakari, alertmanager. Default: none. All engines of a "
        "deployment need the same.",
    ),
    cfg.FloatOpt(
        "timeout",
        default=10.0,
        min=0.1,
        help="Seconds until a call to another system is given up.",
    ),
    cfg.FloatOpt(
        "patience",
        default=30.0,
        min=0.0,
        help="Seconds that a host waits for other systems before it is worked on. Then one that "
        "is required is named as the blocker ADAPTER_FAILED, and one that is advisory is not "
        "waited for any more; one that says that it failed is not waited for from then on.",
    ),
    cfg.FloatOpt(
        "retry_pause",
        default=5.0,
        min=0.01,
        help="Seconds until what failed is tried again; doubled at each failure.",
    ),
    cfg.FloatOpt(
        "longest_pause",
        default=60.0,
        min=0.01,
        help="Most seconds between two tries, however often it has failed.",
    ),
    cfg.FloatOpt(
        "longest",
        default=1800.0,
        min=60.0,
        help="Most seconds that another system is told to be quiet for, where it takes an end. "
        "It is renewed when half of that is over, so that it lapses by itself if no engine "
        "is left.",
    ),
    cfg.FloatOpt(
        "margin",
        default=600.0,
        min=60.0,
        help="Seconds after the window's end until which another system is told to be quiet, "
        "where it takes an end and that is not later than 'longest' allows.",
    ),
)
