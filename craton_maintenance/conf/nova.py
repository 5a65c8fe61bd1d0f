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
    cfg.MultiStrOpt(
        "notifications_url",
        default=[],
        secret=True,
        sample_default=["rabbit://nova:PASSWORD@rabbit:5672/"],
        help="transport_url of the message bus that Nova sends its versioned notifications to. "
        "With it, servers and services are current within a second; without it, and whenever "
        "a notification is lost, at the next synchronisation. As REGION:URL, once for each "
        "region, or as the URL alone where there is one region. Options of "
        "[oslo_messaging_rabbit] that are other than those of our own bus follow it, as "
        "?amqp_durable_queues=true.",
    ),
    cfg.StrOpt(
        "notifications_topic",
        default="versioned_notifications",
        help="Topic of Nova's versioned notifications: versioned_notifications_topics in "
        "[notifications] of nova.conf. Give us one of our own, or the one that is there: we "
        "take nothing away from others.",
    ),
    cfg.StrOpt(
        "notifications_exchange",
        default="nova",
        help="Exchange that Nova sends to: its control_exchange.",
    ),
    cfg.StrOpt(
        "notifications_pool",
        default="craton-maintenance-nova",
        help="Name of our queue on Nova's bus, shared by all engines. Another one for each "
        "further deployment that listens to the same Nova.",
    ),
)
