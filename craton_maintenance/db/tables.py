"""Our own tables. All begin with ``maintenance_``.

References to Craton's rows are soft: names and ids, no foreign keys.  A host is
(region, name of its Nova service's host), here as everywhere.
"""

from typing import Any

import sqlalchemy as sa

from craton_maintenance.db.types import BigInt, Json, Name, UTCDateTime

metadata = sa.MetaData()

_UUID = 36


def _table(name: str, *args: sa.Column[Any] | sa.Constraint | sa.Index) -> sa.Table:
    return sa.Table(
        f"maintenance_{name}", metadata, *args, mysql_engine="InnoDB", mysql_charset="utf8mb4"
    )


def _region(primary_key: bool = False) -> sa.Column[Any]:
    return sa.Column("region", Name(255), nullable=False, primary_key=primary_key)


def _host(primary_key: bool = False) -> sa.Column[Any]:
    return sa.Column("host", Name(255), nullable=False, primary_key=primary_key)


# -- windows -----------------------------------------------------------------------

windows = _table(
    "windows",
    sa.Column("id", Name(_UUID), primary_key=True),
    #: grows with every edit; the ETag
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("start_at", UTCDateTime, nullable=False),
    sa.Column("end_at", UTCDateTime),
    sa.Column("started_at", UTCDateTime),
    sa.Column("finished_at", UTCDateTime),
    sa.Column("cancelled_at", UTCDateTime),
    #: the state that events have told last, and when the clock next changes it
    sa.Column("told_state", sa.String(16), nullable=False, index=True),
    sa.Column("due_at", UTCDateTime, index=True),
    #: ``{kind: [{name, region}]}``
    sa.Column("scope", Json, nullable=False),
    #: for operators
    sa.Column("reason", sa.Text, nullable=False),
    #: for projects
    sa.Column("announcement", sa.Text, nullable=False),
    sa.Column("impact", sa.String(32), nullable=False),
    #: seconds
    sa.Column("expected_interruption", sa.Integer),
    sa.Column("retire", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("target_region", Name(255)),
    sa.Column("target_host", Name(255)),
    sa.Column("allow_overlap", sa.Boolean(create_constraint=False), nullable=False),
    #: carried out by a session, by this workflow; None: it only announces
    sa.Column("workflow", sa.String(16)),
    #: False: announced only, until an administrator says that work may follow
    sa.Column("approved", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("hosts_count", sa.Integer, nullable=False),
    sa.Column("projects_count", sa.Integer, nullable=False),
    sa.Column("servers_count", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("updated_at", UTCDateTime),
    sa.Index("ix_maintenance_windows_created", "created_at", "id"),
)

window_hosts = _table(
    "window_hosts",
    sa.Column("window_id", Name(_UUID), primary_key=True),
    _region(primary_key=True),
    _host(primary_key=True),
    sa.Index("ix_maintenance_window_hosts_host", "host", "window_id"),
)

#: What each project was last told: its servers on the window's hosts.
window_projects = _table(
    "window_projects",
    sa.Column("window_id", Name(_UUID), primary_key=True),
    sa.Column("project_id", Name(64), primary_key=True),
    sa.Column("servers", Json, nullable=False),
    #: False once the project was told that it is not concerned any more
    sa.Column("concerned", sa.Boolean(create_constraint=False), nullable=False),
    sa.Index("ix_maintenance_window_projects_project", "project_id", "window_id"),
)

# -- Craton's variables ------------------------------------------------------------

#: What we last read or wrote as ``maintenance_window`` of an object of Craton's.
variables = _table(
    "variables",
    #: the row that the object's variables hang on
    sa.Column("association_id", sa.Integer, primary_key=True, autoincrement=False),
    #: ``kind:region:name:created``: ids may be used again by another object
    sa.Column("object", Name(600), nullable=False),
    #: sha256 of the value; None: it was absent
    sa.Column("digest", Name(64)),
    #: the window shown there
    sa.Column("window_id", Name(_UUID)),
    #: ``{code, message}`` of the last refusal, shown as ``maintenance_error``
    sa.Column("error", Json),
)

# -- what Nova knows ---------------------------------------------------------------

nova_hosts = _table(
    "nova_hosts",
    _region(primary_key=True),
    _host(primary_key=True),
    sa.Column("service_id", Name(_UUID), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("forced_down", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("disabled_reason", sa.Text),
    sa.Column("zone", Name(255)),
    #: sorted names
    sa.Column("aggregates", Json, nullable=False),
    #: ``[{id, hostname, type, ip}]``; more than one is a host that we refuse
    sa.Column("hypervisors", Json, nullable=False),
    sa.Column("hypervisors_count", sa.Integer, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    #: complete synchronisations in a row that did not find it, and since when
    sa.Column("missed", sa.Integer, nullable=False),
    sa.Column("missing_since", UTCDateTime),
)

nova_servers = _table(
    "nova_servers",
    _region(primary_key=True),
    sa.Column("id", Name(_UUID), primary_key=True),
    sa.Column("project_id", Name(64), nullable=False),
    #: where it is; None: nowhere (not scheduled, or shelved and offloaded)
    sa.Column("host", Name(255)),
    #: Nova's hostId, sha224(project id + host); what its owner sees of its host
    sa.Column("host_id", Name(56)),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    # with the project: who is on some hosts is answered from the index alone
    sa.Index("ix_maintenance_nova_servers_host", "host", "region", "project_id"),
    sa.Index("ix_maintenance_nova_servers_project", "project_id", "host_id"),
)

syncs = _table(
    "syncs",
    _region(primary_key=True),
    #: grows when a synchronisation, or a notification, changed something
    sa.Column("generation", sa.Integer, nullable=False),
    #: the generation that windows were resolved with last
    sa.Column("resolved", sa.Integer, nullable=False),
    #: when the last complete one began to read; what Nova sent before is in it
    sa.Column("started_at", UTCDateTime),
    sa.Column("finished_at", UTCDateTime),
    sa.Column("complete", sa.Boolean(create_constraint=False), nullable=False),
    #: counts of the last one; for people
    sa.Column("report", Json, nullable=False),
    sa.Column("error", sa.Text),
)

#: The newest notification of each server and service since the last complete synchronisation.
nova_heard = _table(
    "nova_heard",
    _region(primary_key=True),
    #: ``server`` or ``host``
    sa.Column("kind", Name(16), primary_key=True),
    #: a server's id, or a host's name
    sa.Column("name", Name(255), primary_key=True),
    #: by the clock of Nova's host
    sa.Column("sent_at", UTCDateTime, nullable=False),
    #: by ours
    sa.Column("heard_at", UTCDateTime, nullable=False),
    #: it was deleted
    sa.Column("gone", sa.Boolean(create_constraint=False), nullable=False),
)

# -- events ------------------------------------------------------------------------

#: One row. Locked as the last act of a transaction; under it events get numbers.
event_head = _table(
    "event_head",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", BigInt, nullable=False),
)

#: The last number of each project; written only under the lock of event_head.
event_seqs = _table(
    "event_seqs",
    sa.Column("project_id", Name(64), primary_key=True),
    sa.Column("seq", BigInt, nullable=False),
)

events = _table(
    "events",
    #: order of all events; also what readers of everything continue from
    sa.Column("position", BigInt, primary_key=True, autoincrement=False),
    #: the message id on the bus, on every repeat
    sa.Column("id", Name(_UUID), nullable=False, unique=True),
    sa.Column("project_id", Name(64), nullable=False),
    sa.Column("seq", BigInt, nullable=False),
    sa.Column("event_type", sa.String(64), nullable=False),
    sa.Column("audience", sa.String(16), nullable=False),
    sa.Column("window_id", Name(_UUID), index=True),
    #: the notice that it hands over: not published any more once that is superseded
    sa.Column("notice_id", Name(_UUID), index=True),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("servers", Json),
    sa.UniqueConstraint("project_id", "seq", name="uq_maintenance_events_project_seq"),
)

#: One cursor for each place that events are delivered to.
sinks = _table(
    "sinks",
    sa.Column("name", Name(255), primary_key=True),
    #: everything up to here was taken
    sa.Column("position", BigInt, nullable=False),
    #: the fencing number of the engine that delivers
    sa.Column("fence", BigInt, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("error_at", UTCDateTime),
)

# -- sessions ----------------------------------------------------------------------
#
# What is looked for is a column; the rest of a record of ``domain.session.records`` is in
# ``data``.  Only the transaction that decides for a session writes its hosts, servers and
# notices, except where a column says otherwise.

sessions = _table(
    "sessions",
    sa.Column("id", Name(_UUID), primary_key=True),
    sa.Column("window_id", Name(_UUID), nullable=False, unique=True),
    sa.Column("workflow", sa.String(16), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("percent_done", sa.Integer, nullable=False),
    #: why it is paused or failed
    sa.Column("reason", sa.String(64)),
    #: when it has to be looked at though nothing came in; None: it is over
    sa.Column("due_at", UTCDateTime, index=True),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("finished_at", UTCDateTime),
    sa.Column("data", Json, nullable=False),
    sa.Index("ix_maintenance_sessions_created", "created_at", "id"),
)

session_hosts = _table(
    "session_hosts",
    sa.Column("session_id", Name(_UUID), primary_key=True),
    _region(primary_key=True),
    _host(primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("data", Json, nullable=False),
)

#: Which session works on a host, or is about to: one at a time.
session_holds = _table(
    "session_holds",
    _region(primary_key=True),
    _host(primary_key=True),
    sa.Column("session_id", Name(_UUID), nullable=False, index=True),
)

session_servers = _table(
    "session_servers",
    sa.Column("session_id", Name(_UUID), primary_key=True),
    sa.Column("server_id", Name(_UUID), primary_key=True),
    sa.Column("project_id", Name(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    #: its group, while the server counts as a member out; None otherwise
    sa.Column("out_of_group", Name(_UUID), index=True),
    sa.Column("data", Json, nullable=False),
    sa.Index("ix_maintenance_session_servers_project", "project_id", "session_id"),
)

#: Which projects a session has told, and of which of their servers.
session_projects = _table(
    "session_projects",
    sa.Column("session_id", Name(_UUID), primary_key=True),
    sa.Column("project_id", Name(64), primary_key=True),
    sa.Column("servers", Json, nullable=False),
    sa.Index("ix_maintenance_session_projects_project", "project_id", "session_id"),
)

notices = _table(
    "notices",
    sa.Column("id", Name(_UUID), primary_key=True),
    sa.Column("session_id", Name(_UUID), nullable=False),
    sa.Column("project_id", Name(64), nullable=False),
    #: where the reply address leads to one server
    sa.Column("server_id", Name(_UUID)),
    #: a state of the session, or INSTANCE_ACTION_DONE
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("reply_at", UTCDateTime),
    #: written by the relay once the broker has it, or by the API once the project has read it
    sa.Column("delivered_at", UTCDateTime),
    #: written by the API: when an answer was taken last, and what it said of which server
    sa.Column("replied_at", UTCDateTime),
    sa.Column("replies", Json),
    sa.Column("data", Json, nullable=False),
    sa.Index("ix_maintenance_notices_session", "session_id", "status"),
    sa.Index("ix_maintenance_notices_project", "project_id", "session_id", "status"),
)

steps = _table(
    "steps",
    sa.Column("session_id", Name(_UUID), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(32), nullable=False),
    _region(),
    _host(),
    sa.Column("server_id", Name(_UUID)),
    sa.Column("params", Json, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("not_before", UTCDateTime),
    #: times that an engine has begun it
    sa.Column("attempts", sa.Integer, nullable=False),
    #: the fencing number it is done under, and until when its effect may still come
    sa.Column("fence", BigInt),
    sa.Column("must_end_by", UTCDateTime),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("began_at", UTCDateTime),
    sa.Column("ended_at", UTCDateTime),
    sa.Column("result", sa.String(16)),
    sa.Column("outcome", Json),
    sa.Index("ix_maintenance_steps_status", "status", "session_id"),
)

#: What came in for a session and is not decided on yet: replies, orders, ends of steps.
inputs = _table(
    "inputs",
    sa.Column("id", BigInt, primary_key=True, autoincrement=True),
    sa.Column("session_id", Name(_UUID), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
)

#: What another system was told to be quiet about, or is about to be: the row comes first.
suppressions = _table(
    "suppressions",
    #: name of the adapter to the other system
    sa.Column("adapter", Name(64), primary_key=True),
    _region(primary_key=True),
    _host(primary_key=True),
    sa.Column("session_id", Name(_UUID), nullable=False, index=True),
    #: the host's ``quiet_since`` that this was done for last, or is being done for
    sa.Column("asked_at", UTCDateTime, nullable=False),
    #: ``setting``, ``set`` or ``clearing``
    sa.Column("status", sa.String(16), nullable=False),
    #: ids of the servers that stay on the host
    sa.Column("servers", Json, nullable=False),
    #: what the adapter finds its own again by, and what it had found before
    sa.Column("reference", Json),
    #: what the other system said; and of the last try, if it has failed
    sa.Column("words", sa.Text),
    sa.Column("error", sa.Text),
    #: tries in a row that have failed
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("tried_at", UTCDateTime),
    #: when it is renewed, or tried again
    sa.Column("not_before", UTCDateTime),
    #: the fencing number it is tried under, and until when its effect may still come
    sa.Column("fence", BigInt),
    sa.Column("must_end_by", UTCDateTime),
)

#: The newest migration of each server that Nova listed while a session cared.
nova_migrations = _table(
    "nova_migrations",
    _region(primary_key=True),
    sa.Column("server_id", Name(_UUID), primary_key=True),
    #: Nova's number
    sa.Column("migration_id", BigInt, nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("updated_at", UTCDateTime, nullable=False),
)

#: Standing wishes of projects.
instance_constraints = _table(
    "instance_constraints",
    sa.Column("instance_id", Name(_UUID), primary_key=True),
    sa.Column("project_id", Name(64), nullable=False, index=True),
    sa.Column("group_id", Name(_UUID)),
    #: as granted: within the operator's caps
    sa.Column("data", Json, nullable=False),
    sa.Column("updated_at", UTCDateTime, nullable=False),
)

group_constraints = _table(
    "group_constraints",
    sa.Column("group_id", Name(_UUID), primary_key=True),
    sa.Column("project_id", Name(64), nullable=False, index=True),
    sa.Column("data", Json, nullable=False),
    sa.Column("updated_at", UTCDateTime, nullable=False),
)

# -- engines and housekeeping ------------------------------------------------------

leases = _table(
    "leases",
    sa.Column("name", Name(255), primary_key=True),
    sa.Column("owner", sa.String(255), nullable=False),
    #: grows with every new owner
    sa.Column("fence", BigInt, nullable=False),
    #: by the database's clock
    sa.Column("expires_at", UTCDateTime, nullable=False),
)

#: Rows that are locked to decide one after the other, e.g. ``admission``.
locks = _table("locks", sa.Column("name", Name(64), primary_key=True))

settings = _table(
    "settings",
    sa.Column("name", Name(64), primary_key=True),
    sa.Column("value", Json, nullable=False),
    sa.Column("updated_at", UTCDateTime, nullable=False),
    sa.Column("updated_by", sa.String(255), nullable=False),
)

#: Which of Nova's projects a Craton project stands for; its users are that project's.
project_bindings = _table(
    "project_bindings",
    #: 32 hex digits, as in Craton's ``projects.id``
    sa.Column("craton_project", Name(32), primary_key=True),
    sa.Column("nova_project_id", Name(64), nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
)

idempotency_keys = _table(
    "idempotency_keys",
    #: sha256 of who asked and the key
    sa.Column("id", Name(64), primary_key=True),
    #: sha256 of what was asked
    sa.Column("request", Name(64), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("answer", Json, nullable=False),
    sa.Column("headers", Json, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False, index=True),
)
