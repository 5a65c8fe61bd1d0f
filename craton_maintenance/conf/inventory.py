"""Options of the inventory and its synchronisation with Nova."""

from oslo_config import cfg

GROUP = "inventory"
OPTS = (
    cfg.FloatOpt(
        "sync_interval",
        default=60.0,
        min=0.1,
        help="Seconds between two synchronisations with Nova; the engine does them.",
    ),
    cfg.BoolOpt(
        "sync",
        default=True,
        help="Synchronise with Nova periodically, where a cloud is configured.",
    ),
    cfg.BoolOpt(
        "create",
        default=False,
        help="Create Craton's rows (cloud, region, hosts) for what Nova has and Craton "
        "has not. Always on where we are the inventory (``serve`` without Craton).",
    ),
    cfg.StrOpt(
        "create_project",
        default="0b9f2d4e5f3c4f1b8f0e8a1d7c6b5a40",
        help="Craton project (32 hex digits) that rows made by a synchronisation belong to.",
    ),
    cfg.StrOpt(
        "create_cloud", default="openstack", help="Craton cloud that new regions are put into."
    ),
    cfg.FloatOpt(
        "gone_minutes",
        default=10.0,
        min=0.0,
        help="A host has left Nova after three complete synchronisations without it and "
        "at least this many minutes.",
    ),
)
