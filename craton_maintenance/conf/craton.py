"""Options of the door to Craton."""

from oslo_config import cfg

GROUP = "craton"
OPTS = (
    cfg.StrOpt(
        "serve",
        default="auto",
        choices=[
            ("auto", "Where no Craton runs on this database."),
            ("always", "Also beside a Craton."),
            ("never", "Not at all."),
        ],
        help="Serve Craton's own paths (clouds, regions, cells, hosts, labels, variables, "
        "projects, users) in its place.",
    ),
    cfg.BoolOpt(
        "variables",
        default=True,
        help="Show windows as Craton's variables (maintenance_window), and take what operators "
        "write there. The engine does this.",
    ),
    cfg.FloatOpt(
        "variables_interval",
        default=5.0,
        min=0.05,
        help="Seconds between two looks at Craton's variables.",
    ),
    cfg.BoolOpt(
        "trust_variables",
        default=False,
        help="Windows set by a variable count as approved. Craton records no author and lets any "
        "of its users write variables, so by default such a window only announces until an "
        "administrator approves it.",
    ),
)
