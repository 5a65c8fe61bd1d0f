"""Options of the connection to Nova."""

from oslo_config import cfg

GROUP = "nova"
OPTS = (
    cfg.DictOpt(
        "regions",
        default={},
        help="Craton region to entry of clouds.yaml, as REGION:ENTRY,REGION:ENTRY. Default: "
        "one region, that of the OS_* environment variables (OS_CLOUD included).",
    ),
    cfg.StrOpt(
        "interface",
        choices=["public", "internal", "admin"],
        help="Endpoint to use. Default: what clouds.yaml or OS_INTERFACE says, else public.",
    ),
    cfg.FloatOpt(
        "timeout", default=30.0, min=0.1, help="Seconds until a call to Nova is given up."
    ),
    cfg.IntOpt("read_retries", default=3, min=0, help="Repetitions of a read that failed."),
)
