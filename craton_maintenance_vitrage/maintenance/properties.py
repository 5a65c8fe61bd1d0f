"""Names: of what is heard, of what is asked, and of what Vitrage is told."""

from __future__ import annotations

#: The datasource's name: in Vitrage's configuration, in templates, and as the vertices' type.
DATASOURCE = "maintenance"

#: The notification that is listened to.
EVENT_TYPE = "maintenance.host"
#: ``service`` in its payload; Fenix's notifications of the same type are not ours.
SERVICE = "craton-maintenance"

#: States in the notification: a host is worked on from this one ...
BEGINS = "IN_MAINTENANCE"
#: ... until one of these.
ENDS = frozenset({"MAINTENANCE_COMPLETE", "MAINTENANCE_FAILED", "RETIRED"})

#: States of hosts, in a session's detail, that lie between them.
IN_WORK = frozenset({"in_maintenance", "verifying"})
#: States of sessions that are not over, in the order in which a session goes through them.
#: One that goes on while they are asked for is met again further on; a pause may come and
#: go at any time, so it is asked for first and last.
SESSION_STATES = (
    "PAUSED",
    "MAINTENANCE",
    "SCALE_IN",
    "PREPARE_MAINTENANCE",
    "START_MAINTENANCE",
    "PLANNED_MAINTENANCE",
    "MAINTENANCE_COMPLETE",
    "PAUSED",
)

#: Keys of the driver's events, and of vertices.
HOST = "host"
REGION = "region"
SESSION = "session_id"
PROJECT = "project_id"
SINCE = "since"

#: Form of times in Vitrage's graph; UTC. It compares them as text.
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
