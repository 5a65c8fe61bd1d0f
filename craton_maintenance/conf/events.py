"""Options of events and their delivery.

The broker's address is oslo.messaging's: ``transport_url`` in ``[DEFAULT]`` or in
``[oslo_messaging_notifications]``, where ``topics`` is too.
"""

from oslo_config import cfg

GROUP = "events"
OPTS = (
    cfg.BoolOpt(
        "bus",
        default=True,
        help="Deliver events to the message bus. Without a transport_url there is no "
        "bus, and the history over HTTP serves.",
    ),
    cfg.StrOpt("exchange", default="maintenance", help="Control exchange of our notifications."),
    cfg.StrOpt("publisher_id", default="craton-maintenance", help="Publisher of notifications."),
    cfg.StrOpt(
        "admin_project_id",
        help="Project that notifications for operators are addressed to. Default: the "
        "project of the service's own Keystone credentials, else 'admin'.",
    ),
    cfg.StrOpt(
        "service_user_id",
        help="user_id in the context of notifications (Mistral needs one). Default: the user "
        "of the service's own Keystone credentials, else 'craton-maintenance'.",
    ),
    cfg.IntOpt("batch", default=500, min=1, help="Events read from the database at a time."),
    cfg.FloatOpt(
        "retry_seconds",
        default=5.0,
        min=0.05,
        help="Longest pause between tries while the broker cannot be reached, in seconds.",
    ),
)
