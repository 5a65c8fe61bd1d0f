"""Options of sessions: what is done when nobody says otherwise, and the operator's caps."""

from oslo_config import cfg

GROUP = "sessions"


def _seconds(name: str, default: float, words: str, least: float = 0.0) -> cfg.FloatOpt:
    return cfg.FloatOpt(name, default=default, min=least, help=f"{words}, in seconds.")


#: One for each field of ``domain.session.known.Policy``.
POLICY = (
    cfg.StrOpt(
        "default_action",
        default="LIVE_MIGRATE",
        choices=["LIVE_MIGRATE", "MIGRATE", "NOTHING"],
        help="What happens to a server when neither its project nor its metadata says.",
    ),
    cfg.StrOpt(
        "on_nack",
        default="pause",
        choices=["pause", "skip", "default"],
        help="When a project says no: pause the session for the operator, skip the host, or "
        "go on with the default.",
    ),
    cfg.StrOpt(
        "on_silence",
        default="default",
        choices=["default", "skip", "pause"],
        help="When a project does not answer in time.",
    ),
    cfg.StrOpt(
        "unmovable",
        default="ask",
        choices=["ask", "nothing"],
        help="Servers in a state in which they can't be moved (suspended, rescued, ERROR): ask "
        "the operator, or leave them in place.",
    ),
    cfg.StrOpt(
        "unconfirmed_resize",
        default="ask",
        choices=["ask", "confirm"],
        help="A resize that its owner has not confirmed when the owner's time to answer is over: "
        "ask the operator, or confirm it.",
    ),
    _seconds("reply_maintenance", 300.0, "Time to answer that there will be maintenance", 1.0),
    _seconds("reply_actions", 120.0, "Time to answer what happens to servers", 1.0),
    _seconds("reply_scale_in", 600.0, "Time to need less capacity", 1.0),
    _seconds("reply_complete", 600.0, "Time to answer that all is done", 1.0),
    _seconds("max_lead_time", 3600.0, "Longest notice that a project may ask for"),
    _seconds("max_recovery_time", 3600.0, "Longest rest between two members of a group"),
    _seconds("max_postpone", 3600.0, "How much later a project may ask for at once"),
    cfg.IntOpt(
        "max_postponements", default=3, min=0, help="How often a project may ask for later."
    ),
    cfg.IntOpt(
        "max_scale_in", default=3, min=0, help="How often projects are asked to need less."
    ),
    cfg.IntOpt("parallel_moves", default=4, min=1, help="Servers of a host moved at a time."),
    _seconds("live_timeout", 1800.0, "After which a live migration counts as stuck", 1.0),
    _seconds("cold_timeout", 3600.0, "After which a cold migration counts as stuck", 1.0),
    _seconds("power_timeout", 600.0, "For a server to stop, start or be offloaded", 1.0),
    cfg.IntOpt("max_attempts", default=3, min=1, help="Tries of a move that fails."),
    _seconds(
        "late_server_wait", 300.0, "How long a host waits for a server that appeared late", 1.0
    ),
    cfg.StrOpt(
        "own_action_late",
        default="ask",
        choices=["ask", "default"],
        help="When a project was to move a server itself and has not: ask the operator, or do "
        "the default.",
    ),
    _seconds("verify_timeout", 1800.0, "For a host to show after the work that it is well", 1.0),
    _seconds("retry_pause", 5.0, "Pause between two tries", 0.01),
    _seconds("proof_valid", 30.0, "Age at which it is proved again that a host is empty", 0.1),
    cfg.BoolOpt(
        "force_complete",
        default=False,
        help="Force a stuck live migration to complete where its owner has not allowed it.",
    ),
    cfg.BoolOpt(
        "cold_fallback",
        default=False,
        help="Move a server cold whose live migration fails, where its owner has not allowed it.",
    ),
)

OPTS = (
    *POLICY,
    cfg.StrOpt(
        "flows_file",
        help="YAML file with the catalogue of flows. Default: only the actions built in.",
    ),
    cfg.StrOpt(
        "handover",
        default="any",
        choices=["any", "bus", "read"],
        help="What starts a project's time to answer: the broker has confirmed the notice, the "
        "project has read it over HTTP, or whichever comes first. With a transient queue on the "
        "bus a confirmation is worth little: 'read'.",
    ),
    cfg.FloatOpt(
        "watch_seconds",
        default=1.0,
        min=0.05,
        help="How often Nova is asked what has changed while servers are being moved and its "
        "notifications are not heard, in seconds.",
    ),
    cfg.FloatOpt(
        "call_timeout",
        default=20.0,
        min=0.1,
        help="Seconds until a call that changes something in Nova is given up.",
    ),
    cfg.IntOpt("threads", default=8, min=1, help="Steps that an engine does at a time."),
    cfg.ListOpt(
        "direct_actions",
        default=["none", "wait"],
        help="Host actions that whoever may create a session may name in it with options of "
        "their own; others are only done as a host flow of the catalogue says. With 'command' "
        "here, such a person runs programs on this machine as the engine's user. '*': all.",
    ),
    cfg.FloatOpt(
        "command_timeout",
        default=3600.0,
        min=0.1,
        help="Longest time that a host action may run, in seconds, unless it says less.",
    ),
    cfg.IntOpt(
        "command_output",
        default=16384,
        min=0,
        max=1048576,
        help="How much of a host action's output is kept, in bytes.",
    ),
    cfg.StrOpt(
        "news_key",
        secret=True,
        help="Any long secret, the same for all APIs and engines. With it, Mistral is asked to "
        "tell us when a workflow's state changes, at an address below [api] public_url that is "
        "made with this key; Mistral's engine has to reach it, as it waits for an answer. "
        "Without it, and where such a message is lost, a workflow is looked at every 1 to 10 "
        "seconds.",
    ),
    cfg.StrOpt(
        "state_dir",
        help="Folder for what commands of host actions leave behind, so that their result is "
        "found after a crash of the engine. Shared by the engines of one machine; on a file "
        "system with locks, also by those of several. Default: 'steps' in the folder that "
        "systemd gives (StateDirectory=), else in ~/.local/state/craton-maintenance.",
    ),
)
