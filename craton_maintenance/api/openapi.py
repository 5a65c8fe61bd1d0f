"""The OpenAPI document, made from what the operations declare.

Nothing is said twice: paths come from the route table, schemas from ``schemas/``,
the rest from the ``operation`` decorator and the docstrings.
"""

import copy
import importlib.metadata
import inspect
import re
from collections.abc import Mapping
from typing import Any

from craton_maintenance import schema
from craton_maintenance.api.operation import Operation
from craton_maintenance.errors import Code

_METHODS = ("get", "put", "post", "patch", "delete")

#: Statuses that any operation with a policy may answer with.
_GUARDED = {401: "nobody was authenticated", 403: "the role does not allow it"}

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")

Json = dict[str, Any]


def document(tables: Mapping[str, Mapping[str, type[Any]]], url: str, tokens: bool = True) -> Json:
    """The document.

    :param tables: prefix to route table
    :param url: our address as clients reach it, without ``/v1``
    :param tokens: whether callers need one here
    """
    paths: Json = {}
    for prefix, table in tables.items():
        for path, resource in table.items():
            shown = _PARAMETER.sub(r"{\1}", f"{prefix}{path}")
            paths[shown] = _path(shown, resource, tokens)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "craton-maintenance",
            "version": importlib.metadata.version("craton-maintenance"),
            "description": "Planned maintenance for OpenStack clouds.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}
            },
        },
    }


def _path(path: str, resource: type[Any], tokens: bool) -> Json:
    operations: Json = {}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    for method in _METHODS:
        function = getattr(resource, method, None)
        declared = getattr(function, "operation", None)
        if declared is not None:
            operations[method] = _operation(path, method, function, declared)
            guarded = tokens and (declared.operator or declared.project)
            operations[method]["security"] = [{"token": []}] if guarded else []
    if parameters:
        operations["parameters"] = parameters
    return operations


def _operation(path: str, method: str, function: Any, declared: Operation) -> Json:
    summary = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
    made: Json = {
        "operationId": f"{method}{re.sub(r'[^A-Za-z0-9]+', '_', path)}",
        "summary": summary.rstrip("."),
        "parameters": [*_query(declared.query), *_headers(method, declared)],
        "responses": _responses(declared),
    }
    rules = [rule for rule in (declared.operator, declared.project) if rule]
    if rules:
        made["description"] = "Policy: " + " or ".join(f"`{rule}`" for rule in rules) + "."
    if declared.body is not None:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(declared.body)}},
        }
    return made


def _query(name: str) -> list[Json]:
    found = []
    required = schema.documents()[name].get("required", ())
    for key, value in schema.documents()[name].get("properties", {}).items():
        parameter: Json = {
            "name": key,
            "in": "query",
            "required": key in required,
            "schema": _local(value),
        }
        if isinstance(value, dict) and "description" in value:
            parameter["description"] = value["description"]
        found.append(parameter)
    return found


def _headers(method: str, declared: Operation) -> list[Json]:
    found = []
    if method == "post" and declared.operator:
        found.append(
            _header(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": 255},
                "a repeated request with the same key gets the first one's answer",
            )
        )
    if declared.generations:
        found.append(
            _header(
                "If-Match",
                {"type": "string", "pattern": '^(\\*|"[0-9]{1,9}")$'},
                "the ETag that was read; 412 if it was changed meanwhile",
            )
        )
    if declared.conditional:
        found.append(
            _header(
                "If-None-Match",
                {"type": "string"},
                "the ETag that was read; 304 if it is the same still",
            )
        )
    return found


def _header(name: str, value: Json, description: str) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "schema": value,
        "description": description,
    }


def _responses(declared: Operation) -> Json:
    usual: Json = {"description": "done"}
    if declared.answer is not None:
        usual["content"] = {"application/json": {"schema": _ref(declared.answer)}}
        for media in declared.also:
            usual["content"][media] = {"schema": {"type": "string"}}
    responses = {str(declared.status): usual}
    for status in declared.more:
        responses[str(status)] = usual
    if declared.conditional:
        responses["304"] = {"description": "what was read before is the same still"}
    if declared.operator or declared.project:
        for status, words in _GUARDED.items():
            responses[str(status)] = _error(words)
    responses["default"] = _error(
        "what went wrong; `code` is one of " + ", ".join(f"`{code.value}`" for code in Code)
    )
    return responses


def _error(description: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": _ref("error")}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> Json:
    """All schemas under their names; the definitions of ``common`` beside them."""
    found: Json = {}
    for name, whole in schema.documents().items():
        shown = {key: value for key, value in whole.items() if key not in ("$schema", "$id")}
        for key, value in shown.pop("$defs", {}).items():
            found[f"{name}.{key}"] = _local(value)
        if name != "common":
            found[name] = _local(shown)
    return found


def _local(value: Any) -> Any:
    """The same with references into the document, and without formats of our own."""
    if isinstance(value, dict):
        made = {key: _local(inner) for key, inner in value.items()}
        if isinstance(value.get("$ref"), str):
            made["$ref"] = _target(value["$ref"])
        return made
    if isinstance(value, list):
        return [_local(inner) for inner in value]
    return copy.copy(value)


def _target(ref: str) -> str:
    file, _, fragment = ref.partition("#")
    name = file.removesuffix(".json")
    if fragment:
        return f"#/components/schemas/{name}.{fragment.rsplit('/', 1)[1]}"
    return f"#/components/schemas/{name}"
