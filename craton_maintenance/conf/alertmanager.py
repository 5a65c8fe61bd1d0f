"""Options of the adapter to Prometheus's Alertmanager."""

from oslo_config import cfg

GROUP = "alertmanager"
OPTS = (
    cfg.StrOpt(
        "url",
        help="Its address without /api/v2, e.g. http://alerts.example.org:9093. Of a cluster, "
        "any member's: they tell each other.",
    ),
    cfg.StrOpt(
        "manner",
        default="advisory",
        choices=["required", "advisory"],
        help="advisory: a failure is told, and the work goes on. required: no host is worked "
        "on before its silence is there.",
    ),
    cfg.ListOpt(
        "host_labels",
        default=["instance"],
        help="Labels of alerts that name a host; each gets a silence of its own.",
    ),
    cfg.StrOpt(
        "host_pattern",
        default="{host}(:[0-9]+)?",
        help="Regular expression for the whole value of such a label, with the name of the "
        "host's Nova service for {host}. It must not match another host: with names as in "
        "'node-1.example.org:9100' where Nova says 'node-1', set "
        "'{host}\\.example\\.org(:[0-9]+)?'.",
    ),
    cfg.ListOpt(
        "server_labels",
        default=["instance_id"],
        help="Labels of alerts that hold the id of a server; silenced for the servers that "
        "stay on the host, stopped. Empty: servers get no silences.",
    ),
    cfg.StrOpt(
        "region_label",
        help="Label of alerts that holds the name of the region. Needed where there are "
        "several regions.",
    ),
    cfg.DictOpt(
        "matchers",
        default={},
        help="Labels that alerts must have besides to be silenced, as LABEL:VALUE,LABEL:VALUE, "
        "e.g. those that tell this cloud from others of the same Alertmanager.",
    ),
    cfg.StrOpt(
        "created_by",
        default="craton-maintenance",
        help="Who made the silences, as Alertmanager shows it; silences of others are never "
        "touched. Another one for each deployment that uses the same Alertmanager.",
    ),
    cfg.StrOpt("username", help="For basic authentication."),
    cfg.StrOpt("password", secret=True, help="For basic authentication."),
    cfg.StrOpt("cafile", help="File with the certificates of who may vouch for its address."),
)
