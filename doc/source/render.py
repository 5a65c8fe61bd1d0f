"""Directives that render what the code declares: nothing is documented twice."""

import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from craton_maintenance import schema
from craton_maintenance.api import routes


class _Rendered(Directive):
    """A directive whose content is reStructuredText that code makes."""

    has_content = False
    optional_arguments = 1

    def lines(self) -> list[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        container = nodes.container()
        content = StringList(self.lines(), source=type(self).__name__)
        self.state.nested_parse(content, self.content_offset, container)
        return container.children


class Operations(_Rendered):
    """Every path with its methods, from the route table."""

    def lines(self) -> list[str]:
        found = [
            ".. list-table::",
            "   :widths: 12 48 40",
            "   :header-rows: 1",
            "",
            "   * - Method",
            "     - Path",
            "     - Does",
        ]
        for prefix, table in (("/v1", routes.V1), ("", routes.UNVERSIONED)):
            for path, resource in table.items():
                for method in ("get", "put", "post", "patch", "delete"):
                    function = getattr(resource, method, None)
                    if getattr(function, "operation", None) is None:
                        continue
                    does = (function.__doc__ or "").split("\n")[0]
                    shown = re.sub(r"<\w+:(\w+)>", r"{\1}", f"{prefix}{path}")
                    found += [f"   * - {method.upper()}", f"     - ``{shown}``", f"     - {does}"]
        return [*found, ""]


class Schema(_Rendered):
    """The keys of a schema: its argument."""

    required_arguments = 1
    optional_arguments = 0

    def lines(self) -> list[str]:
        document = schema.documents()[self.arguments[0]]
        required = set(document.get("required", ()))
        found = [".. list-table::", "   :widths: 25 75", ""]
        for key, value in document.get("properties", {}).items():
            about = _about(value)
            if key in required:
                about = f"{about} (always there)" if about else "(always there)"
            found += [f"   * - ``{key}``", f"     - {about}"]
        return [*found, ""]


def _about(value: Any) -> str:
    """What a schema says of a value, in a line."""
    if not isinstance(value, dict):
        return ""
    if "description" in value:
        return str(value["description"])
    if "$ref" in value and value["$ref"].startswith("common.json#"):
        return _about(schema.documents()["common"]["$defs"][value["$ref"].rsplit("/", 1)[1]])
    for inner in value.get("anyOf", ()):
        about = _about(inner)
        if about:
            return about
    if "const" in value:
        return f"``{value['const']}``"
    if "enum" in value:
        return ", ".join(f"``{one}``" for one in value["enum"])
    return str(value.get("type", ""))


def setup(app: Any) -> dict[str, bool]:
    """Make the directives known."""
    app.add_directive("maintenance-operations", Operations)
    app.add_directive("maintenance-schema", Schema)
    return {"parallel_read_safe": True}
