"""Options of the adapter to Masakari. Its address is the catalogue's, as Nova's is."""

from oslo_config import cfg

GROUP = "masakari"
OPTS = (
    cfg.StrOpt(
        "manner",
        default="required",
        choices=["required", "advisory"],
        help="required: no host is worked on before Masakari has confirmed that it is in "
        "maintenance. advisory: a failure is told, and the work goes on.",
    ),
    cfg.StrOpt(
        "service_type", default="instance-ha", help="Its type in Keystone's service catalogue."
    ),
    cfg.StrOpt(
        "endpoint_override",
        help="Its address, ending in /v1, where the one in the catalogue is of no use to us.",
    ),
)
