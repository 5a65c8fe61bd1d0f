"""The WSGI application: from a request to a handler and back.

An arriving call is, in this order: brought up to date with the time, authenticated, given
its microversion, routed, recorded, struck by faults, judged, handled, answered.
"""

import email.utils
import errno
import json
from collections.abc import Callable, Iterable
from typing import Any

from craton_maintenance.simcloud import errors, keystone, microversion, routes
from craton_maintenance.simcloud.calls import Answer, Call, CallRecord
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import REASONS, ApiError, ConnectionLost
from craton_maintenance.simcloud.faults import Fault

IN_PROCESS = "craton_maintenance.simcloud.in_process"
"""In the environment of calls without a network: a lost answer is then raised."""

_PREFIXES = (
    ("/compute/v2.1", "compute"),
    ("/identity/v3", "identity"),
    ("/placement", "placement"),
    ("/sim", "sim"),
    ("/compute", "versions"),
    ("/identity", "versions"),
)


class Application:
    """WSGI application of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        call = _read(self.cloud, environ)
        hits: list[Fault] = []
        try:
            answer = self._serve(call, hits)
        except ConnectionLost as error:
            if environ.get(IN_PROCESS):
                raise
            # cheroot takes this for the client's doing, and closes the connection.
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from error
        finally:
            for fault in hits:
                if fault.delay > 0:
                    self.cloud.clock.sleep(fault.delay)
        return _send(call, answer, start_response)

    def _serve(self, call: Call, hits: list[Fault]) -> Answer:
        cloud = self.cloud
        with cloud.lock:
            cloud.settle()
            call.request_id = f"req-{cloud.new_id('request')}"
            record = None
            try:
                route = routes.find(call.service, call.method, call.path)
                if not route.public or call.headers.get("x-auth-token"):
                    call.token = self._token(call, route)
                call.minor = _minor(call, cloud.settings.max_microversion)
                if call.service == "sim":
                    # What rehearsals do to the cloud is no call of its users.
                    return routes.respond(cloud, call, route)
                record = _record(cloud, call, route)
                hits += [fault for fault in cloud.faults if fault.hits(cloud, record)]
                answer = _handle(cloud, call, record, route, hits)
            except ApiError as error:
                answer = _refusal(cloud, call, error)
            if record is not None:
                record.status = answer.status
            return answer

    def _token(self, call: Call, route: routes.Route) -> Any:
        try:
            return keystone.authenticate(self.cloud, call.headers.get("x-auth-token"))
        except ApiError:
            if route.public:
                return None
            raise


def _read(cloud: Cloud, environ: dict[str, Any]) -> Call:
    base = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{environ['SCRIPT_NAME']}"
    path = environ["PATH_INFO"]
    service = "versions"
    for prefix, name in _PREFIXES:
        if path == prefix or path.startswith(prefix + "/"):
            if name != "versions":
                service, path = name, path[len(prefix) :]
            break
    length = int(environ.get("CONTENT_LENGTH") or 0)
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return Call(
        cloud,
        service,
        environ["REQUEST_METHOD"],
        path.rstrip("/") or "/",
        environ.get("QUERY_STRING", ""),
        environ["wsgi.input"].read(length) if length else b"",
        headers,
        base,
        minor=1 if service == "compute" else 0,
    )


def _minor(call: Call, highest: int) -> int:
    if call.service == "compute":
        return microversion.of_compute(call.headers, highest)
    if call.service == "placement":
        return microversion.of_placement(call.headers)
    return 0


def _record(cloud: Cloud, call: Call, route: routes.Route) -> CallRecord:
    body = None
    if call.raw_body and call.service not in ("identity", "sim"):
        body = call.body
    action = ""
    if route.template.endswith("/action") and isinstance(body, dict) and body:
        action = next(iter(body))
    record = CallRecord(
        number=cloud.number("call"),
        time=cloud.now(),
        service=call.service,
        method=call.method,
        path=call.path,
        template=route.template,
        action=action,
        params=route.params,
        query=call.query,
        body=body,
        user=call.token.user.name if call.token is not None else None,
        project=call.token.project.name
        if call.token is not None and call.token.project is not None
        else None,
    )
    cloud.calls.append(record)
    cloud.counts[call.method, route.template, action] += 1
    return record


def _handle(
    cloud: Cloud, call: Call, record: CallRecord, route: routes.Route, hits: list[Fault]
) -> Answer:
    for fault in hits:
        if fault.effect is not None:
            fault.effect(cloud, record)
        if not fault.after:
            fault.strike()
    for judge in cloud.judges:
        try:
            objection = judge(cloud, record)
        except AssertionError as error:
            objection = str(error) or "assertion failed"
        if objection is not None:
            cloud.violations.append((record, objection))
    answer = routes.respond(cloud, call, route)
    for fault in hits:
        if fault.after:
            record.status = answer.status
            fault.strike()
        if fault.partial is not None:
            answer = answer._replace(body=fault.thin(answer.body))
    return answer


def _refusal(cloud: Cloud, call: Call, error: ApiError) -> Answer:
    headers = [("Content-Type", errors.content_type(call.service, error))]
    if error.status == 401:
        headers += [("WWW-Authenticate", f'Keystone uri="{call.base}/identity/v3"')]
    elif error.status == 429:
        headers += [("Retry-After", "1")]
    return Answer(error.status, errors.body(call.service, error, call.request_id), tuple(headers))


def _send(call: Call, answer: Answer, start_response: Callable[..., Any]) -> list[bytes]:
    if answer.body is None:
        body = b""
    elif isinstance(answer.body, bytes):
        body = answer.body
    else:
        body = json.dumps(answer.body).encode()
    headers = [
        ("Content-Length", str(len(body))),
        ("X-OpenStack-Request-ID", call.request_id),
        *microversion.answer_headers(call.service, call.minor),
        *answer.headers,
    ]
    if call.service == "compute":
        headers.append(("X-Compute-Request-Id", call.request_id))
        headers.append(("Date", email.utils.formatdate(call.cloud.clock.now(), usegmt=True)))
    # Nova names a type even where there is nothing.
    if (body or call.service == "compute") and "Content-Type" not in dict(headers):
        headers.append(("Content-Type", "application/json"))
    reason = REASONS.get(answer.status, "Status")
    start_response(f"{answer.status} {reason}", headers)
    return [] if call.method == "HEAD" else [body]


def create_app(cloud: Cloud) -> Application:
    """The WSGI application that speaks for a cloud: Keystone's API below /identity/v3,
    Nova's below /compute/v2.1, Placement's below /placement."""
    return Application(cloud)
