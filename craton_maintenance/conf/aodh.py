"""Options of the look at Aodh's alarms."""

from oslo_config import cfg

GROUP = "aodh"
OPTS = (
    cfg.FloatOpt(
        "timeout",
        default=10.0,
        min=0.1,
        help="Seconds until a call to Aodh is given up. Aodh is asked only when an operator "
        "wants to know which projects listen; nothing else waits for it.",
    ),
    cfg.StrOpt(
        "service_type", default="alarming", help="Type of Aodh's service in the catalogue."
    ),
)
