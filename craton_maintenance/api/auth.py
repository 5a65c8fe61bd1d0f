"""Who is calling.

Whatever the source (nobody, Craton's users, Keystone, the middleware of a Craton
that we are mounted in), what comes out is a :class:`Caller`.
"""

import dataclasses
import hmac
import ipaddress
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

from craton_maintenance.api import keystone
from craton_maintenance.craton import bindings
from craton_maintenance.db import craton
from craton_maintenance.db.database import Database
from craton_maintenance.errors import Code, Problem

Environ = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, as policy sees it."""

    user_id: str
    #: Keystone's project id; None: none that means anything to Nova
    project_id: str | None
    roles: frozenset[str]
    #: ``all`` for operators who are not scoped to a project
    system_scope: str | None = None
    #: the Craton project that they act in, 32 hex digits; None: the configured one
    craton_project: str | None = None
    #: whether they see Craton's rows of every project
    is_root: bool = False

    @property
    def actor(self) -> str:
        """For the record of who did what."""
        return self.user_id

    def credentials(self) -> dict[str, Any]:
        """As oslo.policy takes them."""
        return {
            "user_id": self.user_id,
            "project_id": self.project_id,
            "roles": sorted(self.roles),
            "system_scope": self.system_scope,
            "craton_project": self.craton_project,
            "is_root": self.is_root,
        }


#: Keystone's implied roles: an admin is a member is a reader.
_IMPLIED = {"admin": ("member", "reader"), "member": ("reader",)}

OPERATOR = Caller("admin", None, frozenset({"admin", "member", "reader"}), "all", is_root=True)


def with_implied(roles: frozenset[str]) -> frozenset[str]:
    """Roles and what they imply."""
    return roles.union(*(_IMPLIED.get(role, ()) for role in roles)) if roles else roles


def unauthenticated(message: str, headers: dict[str, str] | None = None) -> Problem:
    return Problem(401, Code.UNAUTHENTICATED, message, headers=headers)


def from_headers(environ: Environ) -> Caller:
    """The caller that trusted headers name; an administrator where there are none.

    The headers are those that Keystone's middleware sets: only where it has removed
    what clients sent, or where nobody but loopback is let in.
    """
    project_id = environ.get("HTTP_X_PROJECT_ID")
    scope = environ.get("HTTP_OPENSTACK_SYSTEM_SCOPE")
    roles = frozenset(
        role.strip().lower() for role in environ.get("HTTP_X_ROLES", "").split(",") if role.strip()
    )
    if project_id is None and scope is None and not roles:
        return OPERATOR
    return Caller(
        environ.get("HTTP_X_USER_ID", "unknown"),
        project_id,
        with_implied(roles or frozenset({"member"})),
        scope,
        craton_project=_hex(project_id),
        is_root=_is_root(roles, scope),
    )


def _is_root(roles: Collection[str], scope: str | None) -> bool:
    """Whether Keystone says that somebody operates the whole cloud, not a project in it."""
    return "admin" in roles or scope == "all"


def _hex(project_id: str | None) -> str | None:
    """A project's id as Craton writes it; None for what is no UUID."""
    try:
        return uuid.UUID(project_id).hex if project_id else None
    except ValueError:
        return None


def from_loopback(environ: Environ) -> Caller:
    """Everybody who can reach loopback, for trying things out.

    Also where another WSGI server listens for us: what came from elsewhere, or
    through a proxy, is refused.

    :raises Problem: 401
    """
    address = environ.get("REMOTE_ADDR") or "127.0.0.1"
    forwarded = "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ
    if forwarded or not _is_loopback(address):
        raise unauthenticated(
            "This service runs without authentication and answers only on its own host; its "
            "operator has to set [api] auth."
        )
    return from_headers(environ)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.split("%")[0]).is_loopback
    except ValueError:
        return False


def from_keystone(environ: Environ) -> Caller:
    """The caller whose token Keystone's middleware has checked.

    :raises Problem: 401; 503 if Keystone could not be asked
    """
    if environ.get(keystone.AWAY):
        raise Problem(
            503,
            Code.UNAVAILABLE,
            "Keystone can't be asked about the token now; nothing was changed. Try again.",
            headers={"Retry-After": "2"},
        )
    if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
        raise unauthenticated(
            "A valid Keystone token is needed in X-Auth-Token.",
            {"WWW-Authenticate": 'Keystone uri="see the service catalogue"'},
        )
    caller = from_headers(environ)
    if caller is OPERATOR:
        raise unauthenticated("The token is scoped to no project and to no system.")
    return caller


class LocalUsers:
    """Craton's own users: X-Auth-Project, X-Auth-User, X-Auth-Token (their API key).

    They are operators: Craton's roots and admins administer, others look, and write the
    inventory of their own project as in Craton.  Craton's projects are not Nova's, so no
    project's part is shown to them, unless an admin has bound theirs to one of Nova's:
    then its users who are not admins are that project's members, and no operators.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, environ: Environ) -> Caller:
        """
        :raises Problem: 401, the same whatever is wrong
        """
        try:
            project = uuid.UUID(environ.get("HTTP_X_AUTH_PROJECT", "")).hex
        except ValueError:
            raise unauthenticated("X-Auth-Project is needed: a Craton project's UUID.") from None
        name = environ.get("HTTP_X_AUTH_USER", "")
        key = environ.get("HTTP_X_AUTH_TOKEN", "")
        user = self._user(project, name)
        stored = (user.api_key if user else None) or ""
        # compared also where there is no user: the time must not tell which names exist
        right = hmac.compare_digest(stored.encode(), key.encode())
        if user is None or not stored or not right:
            raise unauthenticated("The request could not be authenticated.")
        with self._database.read() as connection:
            return _local(
                connection,
                f"{name}@{project}",
                project,
                is_admin=bool(user.is_root or user.is_admin),
                is_root=bool(user.is_root),
            )

    def _user(self, project: str, name: str) -> Any:
        query = sa.select(
            craton.users.c.username,
            craton.users.c.api_key,
            craton.users.c.is_root,
            craton.users.c.is_admin,
        ).where(craton.users.c.project_id == project, craton.users.c.username == name)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        # a collation may find Bob for bob
        return next((row for row in rows if row.username == name), None)


def _local(
    connection: sa.Connection, actor: str, project: str | None, *, is_admin: bool, is_root: bool
) -> Caller:
    """A user of Craton's, as an operator or as a member of what the project is bound to."""
    bound = None
    if not is_admin and project is not None:
        bound = bindings.of(connection, project)
    if bound is not None:
        member = with_implied(frozenset({"member"}))
        return Caller(actor, bound.nova_project_id, member, None, craton_project=project)
    roles = with_implied(frozenset({"admin" if is_admin else "member"}))
    return Caller(actor, None, roles, "all", craton_project=project, is_root=is_root)


def from_context(context: Any, database: Database) -> Caller:
    """The caller of an oslo.context that middleware before us has made, Craton's included."""
    user = getattr(context, "user_id", None) or getattr(context, "user", None) or "unknown"
    if hasattr(context, "using_keystone") and not context.using_keystone:
        tenant = getattr(context, "project_id", None) or getattr(context, "tenant", None)
        with database.read() as connection:
            return _local(
                connection,
                str(user),
                _hex(tenant),
                is_admin=bool(context.is_admin),
                # Craton's middleware does not say who is root
                is_root=False,
            )
    roles = {str(role).lower() for role in getattr(context, "roles", None) or ()}
    if getattr(context, "is_admin", False):
        roles.add("admin")
    project = getattr(context, "project_id", None) or getattr(context, "tenant", None)
    return Caller(
        str(user),
        project,
        with_implied(frozenset(roles)),
        getattr(context, "system_scope", None),
        craton_project=_hex(project),
        is_root=_is_root(roles, getattr(context, "system_scope", None)),
    )


def authenticator(conf: cfg.ConfigOpts, database: Database) -> Callable[[Environ], Caller]:
    """How callers are told apart in this deployment."""
    sources: dict[str, Callable[[Environ], Caller]] = {
        "none": from_loopback,
        "keystone": from_keystone,
        "local": LocalUsers(database),
    }
    source = sources[conf.api.auth]

    def authenticate(environ: Environ) -> Caller:
        context = environ.get("context")
        return source(environ) if context is None else from_context(context, database)

    return authenticate
