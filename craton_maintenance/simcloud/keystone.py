"""The part of Keystone's API v3 that clients of Nova, and services, need."""

from dataclasses import dataclass
from typing import Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.clock import VirtualClock
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import ApiError, bad_request, not_found
from craton_maintenance.simcloud.model import Project, User

DOMAIN = {"id": "default", "name": "Default"}
_DENIED = "The request you have made requires authentication."
_ROLES = ("admin", "member", "reader", "service")


@dataclass(slots=True)
class Token:
    id: str
    user: User
    project: Project | None
    roles: list[str]
    methods: list[str]
    issued_at: float
    expires_at: float | None
    """None: never."""

    def valid(self, now: float) -> bool:
        return self.expires_at is None or now < self.expires_at


def authenticate(cloud: Cloud, token_id: str | None) -> Token:
    """The token of that id; 401."""
    token: Token | None = cloud.tokens.get(token_id) if token_id else None
    if token is None or not token.valid(cloud.now()):
        raise ApiError(401, _DENIED)
    return token


def _version(call: Call) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{call.base}/identity/v3/"}],
        "media-types": [
            {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
        ],
    }


def versions(cloud: Cloud, call: Call) -> Answer:
    return Answer(
        300,
        {"versions": {"values": [_version(call)]}},
        (("Location", f"{call.base}/identity/v3/"),),
    )


def version(cloud: Cloud, call: Call) -> dict[str, Any]:
    return {"version": _version(call)}


def issue_token(cloud: Cloud, call: Call) -> Answer:
    """POST /auth/tokens: by password or by another token."""
    auth = call.member("auth")
    try:
        identity = auth["identity"]
        methods = list(identity["methods"])
        user, earlier = None, None
        for method in methods:
            if method == "password":
                user = _by_password(cloud, identity["password"]["user"])
            elif method == "token":
                earlier = authenticate(cloud, identity["token"]["id"])
                user = earlier.user
            else:
                raise ApiError(
                    401, f"Attempted to authenticate with an unsupported method: {method}"
                )
        if user is None:
            raise KeyError("methods")
        project = _scope(cloud, auth.get("scope"), user, earlier)
    except (KeyError, TypeError, AttributeError) as error:
        raise bad_request(f"Expecting to find {error} in auth.") from error
    token = new_token(cloud, user, project, methods)
    nocatalog = "nocatalog" in call.query
    return Answer(
        201, {"token": render(cloud, call, token, not nocatalog)}, (("X-Subject-Token", token.id),)
    )


def new_token(cloud: Cloud, user: User, project: Project | None, methods: list[str]) -> Token:
    now = cloud.now()
    # A client compares the end of a token with the machine's clock, so a token of a cloud
    # whose time is not the machine's must not end.
    virtual = isinstance(cloud.clock, VirtualClock)
    token = Token(
        id=f"sim-{ids.make_hex(cloud.name, 'token', cloud.number('token'), user.id)}",
        user=user,
        project=project,
        roles=list(user.roles.get(project.id, ())) if project is not None else [],
        methods=methods,
        issued_at=now,
        expires_at=None if virtual else now + cloud.settings.token_lifetime,
    )
    cloud.tokens[token.id] = token
    return token


def _by_password(cloud: Cloud, given: dict[str, Any]) -> User:
    for user in cloud.users.values():
        if user.id == given.get("id") or user.name == given.get("name"):
            if given.get("password") == user.password:
                return user
            break
    raise ApiError(401, _DENIED)


def _scope(cloud: Cloud, scope: Any, user: User, earlier: Token | None) -> Project | None:
    if not scope or "project" not in scope:
        return None
    wanted = scope["project"]
    for project in cloud.projects.values():
        if project.id == wanted.get("id") or project.name == wanted.get("name"):
            if user.roles.get(project.id):
                return project
            break
    raise ApiError(401, _DENIED)


def render(cloud: Cloud, call: Call, token: Token, catalog: bool = True) -> dict[str, Any]:
    """A token's body, as its making and its validation show it."""
    body: dict[str, Any] = {
        "methods": token.methods,
        "user": {
            "domain": DOMAIN,
            "id": token.user.id,
            "name": token.user.name,
            "password_expires_at": None,
        },
        "audit_ids": [ids.make_hex("audit", token.id)[:22]],
        "expires_at": "2999-12-31T23:59:59.000000Z"
        if token.expires_at is None
        else f"{ids.micros(token.expires_at)}Z",
        "issued_at": f"{ids.micros(token.issued_at)}Z",
    }
    if token.project is not None:
        body |= {
            "project": {"domain": DOMAIN, "id": token.project.id, "name": token.project.name},
            "is_domain": False,
            "roles": [{"id": ids.make_hex("role", role), "name": role} for role in token.roles],
        }
        if catalog:
            body["catalog"] = _catalog(cloud, call)
    return body


def _catalog(cloud: Cloud, call: Call) -> list[dict[str, Any]]:
    services = (
        ("identity", "keystone", "/identity/v3"),
        ("compute", "nova", "/compute/v2.1"),
        ("placement", "placement", "/placement"),
    )
    region = cloud.settings.region
    return [
        {
            "id": ids.make_hex(cloud.name, "catalog", kind),
            "type": kind,
            "name": name,
            "endpoints": [
                {
                    "id": ids.make_hex(cloud.name, "endpoint", kind, interface),
                    "interface": interface,
                    "region_id": region,
                    "region": region,
                    "url": call.base + path,
                }
                for interface in ("public", "internal", "admin")
            ],
        }
        for kind, name, path in services
    ]


def _subject(cloud: Cloud, call: Call) -> Token:
    """The token that the request is about; 403 for another's unless a service asks, 404."""
    subject = call.headers.get("x-subject-token", "")
    token: Token | None = cloud.tokens.get(subject)
    if token is None or not token.valid(cloud.now()):
        raise not_found("Could not recognize Fernet token")
    if subject != call.token.id and not {"admin", "service"} & set(call.token.roles):
        raise ApiError(
            403, "You are not authorized to perform the requested action: identity:validate_token."
        )
    return token


def show_token(cloud: Cloud, call: Call) -> Answer:
    token = _subject(cloud, call)
    catalog = "nocatalog" not in call.query
    return Answer(
        200, {"token": render(cloud, call, token, catalog)}, (("X-Subject-Token", token.id),)
    )


def check_token(cloud: Cloud, call: Call) -> Answer:
    return Answer(200, None, (("X-Subject-Token", _subject(cloud, call).id),))


def revoke_token(cloud: Cloud, call: Call) -> Answer:
    del cloud.tokens[_subject(cloud, call).id]
    return Answer(204)


def catalog(cloud: Cloud, call: Call) -> dict[str, Any]:
    return {"catalog": _catalog(cloud, call), "links": {"self": f"{call.root}/auth/catalog"}}


def _project(call: Call, project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "domain_id": "default",
        "description": project.description,
        "enabled": True,
        "parent_id": "default",
        "is_domain": False,
        "tags": [],
        "options": {},
        "links": {"self": f"{call.root}/projects/{project.id}"},
    }


def _user(call: Call, user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "domain_id": "default",
        "enabled": True,
        "password_expires_at": None,
        "options": {},
        "links": {"self": f"{call.root}/users/{user.id}"},
    }


def _listed(call: Call, kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    name = call.one("name")
    return {
        kind: [item for item in items if name is None or item["name"] == name],
        "links": {"next": None, "self": f"{call.root}{call.path}", "previous": None},
    }


def _admin(call: Call, rule: str) -> None:
    if not call.is_admin:
        raise ApiError(403, f"You are not authorized to perform the requested action: {rule}.")


def list_projects(cloud: Cloud, call: Call) -> dict[str, Any]:
    _admin(call, "identity:list_projects")
    return _listed(call, "projects", [_project(call, p) for p in cloud.projects.values()])


def my_projects(cloud: Cloud, call: Call) -> dict[str, Any]:
    mine = [_project(call, cloud.projects[ident]) for ident in call.token.user.roles]
    return _listed(call, "projects", mine)


def show_project(cloud: Cloud, call: Call, project: str) -> dict[str, Any]:
    if project not in cloud.projects:
        raise not_found(f"Could not find project: {project}.")
    if project != call.project_id:
        _admin(call, "identity:get_project")
    return {"project": _project(call, cloud.projects[project])}


def list_users(cloud: Cloud, call: Call) -> dict[str, Any]:
    _admin(call, "identity:list_users")
    return _listed(call, "users", [_user(call, u) for u in cloud.users.values()])


def show_user(cloud: Cloud, call: Call, user: str) -> dict[str, Any]:
    if user not in cloud.users:
        raise not_found(f"Could not find user: {user}.")
    if user != call.user_id:
        _admin(call, "identity:get_user")
    return {"user": _user(call, cloud.users[user])}


def list_roles(cloud: Cloud, call: Call) -> dict[str, Any]:
    _admin(call, "identity:list_roles")
    roles: list[dict[str, Any]] = [
        {
            "id": ids.make_hex("role", role),
            "name": role,
            "domain_id": None,
            "description": None,
            "options": {},
            "links": {},
        }
        for role in _ROLES
    ]
    return _listed(call, "roles", roles)
