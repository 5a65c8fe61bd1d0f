"""Directives that render what the code declares: nothing is documented twice."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.pycode import ModuleAnalyzer

from craton_maintenance import schema
from craton_maintenance.api import routes
from craton_maintenance.domain.session import actions, states


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


class Blockers(_Rendered):
    """Every blocker, with its meaning from the code; the content says what to do about each."""

    has_content = True

    def lines(self) -> list[str]:
        about = self._content()
        known = [blocker.value for blocker in states.Blocker]
        if sorted(about) != sorted(known):
            differing = ", ".join(sorted(set(about) ^ set(known)))
            raise self.error(f"blockers that are not described, or not there: {differing}")
        meaning = ModuleAnalyzer.for_module(states.__name__).find_attr_docs()
        found = [
            ".. list-table::",
            "   :widths: 26 32 42",
            "   :header-rows: 1",
            "",
            "   * - Code",
            "     - Means",
            "     - What to do",
        ]
        for code in known:
            means = " ".join(meaning["Blocker", code]).strip()
            found += [f"   * - ``{code}``", f"     - {means}", f"     - {about[code]}"]
        return [*found, ""]

    def _content(self) -> dict[str, str]:
        """The text by code, of lines ``CODE: text``."""
        found: dict[str, str] = {}
        code = ""
        for line in self.content:
            begins = re.match(r"([A-Z_]+): +(.*)", line)
            if begins:
                code = begins[1]
                found[code] = begins[2]
            elif line.strip():
                found[code] += f" {line.strip()}"
        return found


class Actions(_Rendered):
    """Which steps an action comes to, by the server's status in Nova."""

    _SHOWN: Mapping[str, str] = {
        "live_migrate": "live migration",
        "cold_migrate": "cold migration",
        "confirm_resize": "confirmed",
        "stop_server": "stop",
        "offload_server": "offload",
    }

    def lines(self) -> list[str]:
        names = ("MIGRATE", "LIVE_MIGRATE", "NOTHING")
        found = [".. list-table::", "   :header-rows: 1", "", "   * - Status"]
        found += [f"     - {name}" for name in names]
        for status, by_action in actions.TABLE.items():
            found.append(f"   * - {status}")
            found += [f"     - {self._steps(by_action[name])}" for name in names]
        return [*found, ""]

    def _steps(self, steps: Sequence[str] | None) -> str:
        if steps is None:
            return "not possible"
        return ", ".join(self._SHOWN[step] for step in steps) or "stays as it is"


def _about(value: Any) -> str:
    """What a schema says of a value, in a line."""
    if not isinstance(value, dict):
        return ""
    if "description" in value:
        # a name that ends with an underscore would be a link
        return re.sub(r"_(?=\W|$)", r"\\_", str(value["description"]))
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
    app.add_directive("maintenance-blockers", Blockers)
    app.add_directive("maintenance-actions", Actions)
    return {"parallel_read_safe": True}
