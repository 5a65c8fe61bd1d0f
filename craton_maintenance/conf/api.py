"""Options of the REST API."""

from oslo_config import cfg

GROUP = "api"


def public_url(conf: cfg.ConfigOpts) -> str:
    """Our address as clients reach it, ending in ``/v1``."""
    api = conf.api
    return str(api.public_url or f"http://{api.host}:{api.port}/v1").rstrip("/")


OPTS = (
    cfg.HostAddressOpt(
        "host", default="127.0.0.1", help="Address to listen on (``serve`` and the API process)."
    ),
    cfg.PortOpt("port", default=7790, help="Port to listen on."),
    cfg.StrOpt(
        "auth",
        default="none",
        choices=[
            ("none", "Everyone is an administrator. Refused on other than a loopback address."),
            ("local", "Craton's own users: X-Auth-Project, X-Auth-User, X-Auth-Token."),
            ("keystone", "Keystone tokens, see the group keystone_authtoken."),
        ],
        help="Who may call. A context that Craton's middleware has put into the "
        "WSGI environment is used whatever is set here.",
    ),
    cfg.URIOpt(
        "public_url",
        # with what comes after it a link has to survive where 255 characters are kept
        max_length=130,
        help="Our address as clients reach it, ending in /v1. Used in links and "
        "notifications. Default: http://HOST:PORT/v1.",
    ),
    cfg.IntOpt("threads", default=32, min=4, help="Threads that answer requests."),
    cfg.IntOpt(
        "waiting_share",
        default=50,
        min=1,
        max=90,
        help="Percent of the threads that long polls and event streams may hold. "
        "Beyond it they are answered 429, so that replies are never starved.",
    ),
    cfg.IntOpt(
        "waiting_per_project",
        default=8,
        min=1,
        help="Long polls and event streams of one project at a time.",
    ),
    cfg.IntOpt(
        "max_wait", default=60, min=1, help="Longest long poll, in seconds; longer wishes are cut."
    ),
    cfg.IntOpt(
        "max_body", default=1048576, min=1024, help="Largest request body, in bytes; 413 beyond."
    ),
    cfg.BoolOpt(
        "validate_answers",
        default=False,
        help="Check every answer against its schema, and that policy was enforced. "
        "A difference is a 500: for tests.",
    ),
    cfg.IntOpt(
        "idempotency_hours",
        default=24,
        min=1,
        help="How long the answer to an Idempotency-Key is kept, in hours.",
    ),
)
