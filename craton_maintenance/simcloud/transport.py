"""A way for keystoneauth's sessions to reach a cloud in the same process."""

import io
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import ConnectionLost
from craton_maintenance.simcloud.wsgi import IN_PROCESS, create_app

BASE = "http://simcloud.invalid"
"""What the URLs in the catalog of an in-process cloud begin with."""

AUTH_URL = BASE + "/identity/v3"


class WsgiAdapter(BaseAdapter):
    """Hands requests to a WSGI application instead of to the network."""

    def __init__(self, app: Any) -> None:
        super().__init__()
        self._app = app

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        **kwargs: Any,
    ) -> requests.Response:
        """As a network's adapter: requests' ReadTimeout or ConnectionError for lost answers."""
        started: list[Any] = []
        try:
            body = b"".join(self._app(_environ(request), lambda *args: started.extend(args)))
        except ConnectionLost as error:
            kind = (
                requests.exceptions.ReadTimeout
                if error.timeout
                else requests.exceptions.ConnectionError
            )
            raise kind(str(error), request=request) from error
        status, headers = started[:2]
        response = requests.Response()
        response.status_code, response.reason = int(status[:3]), status[4:]
        response.headers = CaseInsensitiveDict(headers)
        response.encoding = "utf-8"
        response.url = request.url or ""
        response.request = request
        response.raw = io.BytesIO(body)
        response._content = body
        return response

    def close(self) -> None:
        """Nothing is open."""


def _environ(request: requests.PreparedRequest) -> dict[str, Any]:
    url = urlsplit(request.url or "")
    body = request.body or b""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        raise TypeError("only whole bodies")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path),
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        IN_PROCESS: True,
    }
    for name, value in request.headers.items():
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def mount(cloud: Cloud, http: requests.Session) -> None:
    """Have a requests session reach a cloud under BASE."""
    http.mount(BASE, WsgiAdapter(create_app(cloud)))


def auth(
    cloud: Cloud, user: str = "admin", project: str | None = None, auth_url: str = AUTH_URL
) -> v3.Password:
    """Credentials of a user of the fleet, for a project or its only one; KeyError."""
    for candidate in cloud.users.values():
        if candidate.name == user:
            if project is None:
                project = cloud.projects[next(iter(candidate.roles))].name
            return v3.Password(
                auth_url=auth_url,
                username=user,
                password=candidate.password,
                project_name=project,
                user_domain_name="Default",
                project_domain_name="Default",
            )
    raise KeyError(user)


def session(
    cloud: Cloud, user: str = "admin", project: str | None = None, **options: Any
) -> Session:
    """A keystoneauth session of a user, in this process; options as keystoneauth's."""
    http = requests.Session()
    http.trust_env = False
    mount(cloud, http)
    return Session(auth=auth(cloud, user, project), session=http, **options)
