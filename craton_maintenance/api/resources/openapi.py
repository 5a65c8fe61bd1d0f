"""The OpenAPI document of what is served here."""

from typing import Any

import flask
from flask_restful import Resource

from craton_maintenance.api import openapi
from craton_maintenance.api.operation import Call, operation


class OpenApi(Resource):
    """OpenAPI 3.1, made from the same declarations that requests are checked by."""

    @operation(answer="openapi", open_to_all=True)
    def get(self, call: Call) -> dict[str, Any]:
        """Describe every operation served here."""
        extensions = flask.current_app.extensions
        if "maintenance-openapi" not in extensions:
            root = call.service.public_url.removesuffix("/v1")
            extensions["maintenance-openapi"] = openapi.document(
                extensions["maintenance-routes"], root, call.service.conf.api.auth != "none"
            )
        document: dict[str, Any] = extensions["maintenance-openapi"]
        return document
