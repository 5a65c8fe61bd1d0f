"""The WSGI application, and how it is made."""

import flask
import flask_restful
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance import policies
from craton_maintenance.api import auth, errors, keystone, routes
from craton_maintenance.api.waiting import WaitingRoom
from craton_maintenance.db import migrate
from craton_maintenance.service import Service


class Api(flask_restful.Api):
    """Flask-RESTful that leaves errors to Flask, so that they have one shape."""

    def error_router(self, original_handler, error):  # type: ignore[no-untyped-def]
        return original_handler(error)


def create_app(service: Service) -> flask.Flask:
    """The application for one deployment, ready for any WSGI server.

    :raises craton_maintenance.db.database.NotFit: the database is not migrated
    """
    migrate.check(service.database)
    app = flask.Flask("craton_maintenance", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = service.conf.api.max_body
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.strict_slashes = False
    app.url_map.converters |= routes.CONVERTERS
    app.extensions["maintenance"] = service
    app.extensions["maintenance-policy"] = policies.enforcer(service.conf)
    app.extensions["maintenance-auth"] = auth.authenticator(service.conf, service.database)
    app.extensions["maintenance-waiting"] = WaitingRoom(service)
    errors.register(app)
    api = Api(app)
    tables = {"": routes.UNVERSIONED, "/v1": dict(routes.V1)}
    if serves_craton(service):
        tables["/v1"] |= routes.CRATON_V1
    app.extensions["maintenance-routes"] = tables
    for prefix, table in tables.items():
        for path, resource in table.items():
            where = f"{prefix}{path}"
            # Flask would answer OPTIONS by itself, to anybody
            api.add_resource(resource, where, endpoint=where, provide_automatic_options=False)
    if service.conf.api.validate_answers:
        app.after_request(_insist_on_policy)
    if service.conf.api.auth == "keystone":
        app.wsgi_app = keystone.Middleware(  # type: ignore[method-assign]
            app.wsgi_app, {"oslo_config_config": service.conf, "delay_auth_decision": True}
        )
    return app


def serves_craton(service: Service) -> bool:
    """Whether Craton's own paths are served here, in its place."""
    wanted = service.conf.craton.serve
    return wanted == "always" or (wanted == "auto" and not migrate.has_craton(service.database))


def _insist_on_policy(response: flask.Response) -> flask.Response:
    """A resource that answered without having asked for policy is a fault of ours."""
    if response.status_code < 400 and not flask.g.get("enforced") and flask.request.endpoint:
        raise RuntimeError(f"{flask.request.endpoint} enforced no policy")
    return response


def paste_app(global_conf: dict[str, str], **local_conf: str) -> flask.Flask:
    """Paste's app factory, ``egg:craton-maintenance#api``.

    :param local_conf: ``config_file``, one or several separated by commas
    """
    files = [name.strip() for name in local_conf.get("config_file", "").split(",") if name.strip()]
    return create_app(Service(load(files)))


def load(files: list[str]) -> cfg.ConfigOpts:
    """Configuration for a process that a WSGI server started."""
    return configuration.load(files)
