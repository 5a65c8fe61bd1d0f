"""The datasource ``maintenance``, as Vitrage loads it: its options, section ``[maintenance]``."""

from __future__ import annotations

from oslo_config import cfg

from craton_maintenance_vitrage.maintenance.properties import DATASOURCE

_HERE = f"craton_maintenance_vitrage.{DATASOURCE}"

#: The first three are what Vitrage itself looks for in each datasource.
OPTS = [
    cfg.StrOpt(
        "transformer",
        default=f"{_HERE}.transformer.MaintenanceTransformer",
        help="Class that makes vertices.",
        required=True,
    ),
    cfg.StrOpt(
        "driver",
        default=f"{_HERE}.driver.MaintenanceDriver",
        help="Class that hears of hosts.",
        required=True,
    ),
    cfg.StrOpt(
        "update_method",
        default="push",
        help="push: by notifications. There is no other way.",
        required=True,
    ),
    cfg.BoolOpt(
        "snapshot",
        default=True,
        help="Ask craton-maintenance's API which hosts are worked on, as the user of "
        "[service_credentials], at the start and at each snapshot. Without it, hosts that "
        "are worked on when vitrage-graph starts are not known until their next turn.",
    ),
    cfg.StrOpt(
        "service_type",
        default="maintenance",
        help="craton-maintenance's type in the catalogue.",
    ),
    cfg.URIOpt(
        "endpoint",
        schemes=["http", "https"],
        help="Address of craton-maintenance's API, ending in /v1. Default: the catalogue's.",
    ),
    cfg.StrOpt(
        "region",
        help="Hosts of this region only, as craton-maintenance calls it. Default: of all "
        "regions, which is right where there is one.",
    ),
    cfg.FloatOpt("timeout", default=10.0, min=0.1, help="Seconds that an answer may take."),
    cfg.FloatOpt(
        "max_age",
        default=86400.0,
        min=1.0,
        help="Seconds after which a host that was heard to be worked on, and that no "
        "snapshot has confirmed since, is not taken to be so any longer.",
    ),
]
