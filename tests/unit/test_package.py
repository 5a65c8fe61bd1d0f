"""What is installed: the whole tree, nothing patched, everything documented."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from craton_maintenance import conf, errors, policies, schema
from craton_maintenance.domain import event

ROOT = Path(__file__).parents[2]


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module",
    ["craton_maintenance", "craton_maintenance.cli.serve", "craton_maintenance.engine.engine"],
)
def test_importing_it_patches_nothing(module):
    code = f"""
import socket, threading, time, select, queue
before = [socket.socket, threading.Thread, threading.Lock, time.sleep, select.select, queue.Queue]
import {module}
after = [socket.socket, threading.Thread, threading.Lock, time.sleep, select.select, queue.Queue]
print(all(a is b for a, b in zip(before, after)))
import sys
if "eventlet" in sys.modules:
    from eventlet import patcher
    print([name for name in ("socket", "thread", "time", "os", "select")
           if patcher.is_monkey_patched(name)])
from oslo_service import backend
print(backend.get_backend_type().value)
"""
    lines = run(code).split("\n")
    assert lines[0] == "True"
    assert "threading" in lines
    assert all(line == "[]" for line in lines if line.startswith("["))


def test_the_domain_imports_nothing_but_the_standard_library():
    for file in (ROOT / "craton_maintenance" / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            for name in names:
                known = name.partition(".")[0] in sys.stdlib_module_names
                assert known or name.startswith("craton_maintenance.domain"), (file.name, name)


def test_a_wheel_holds_the_files_of_the_tree(tmp_path):
    """A list of packages kept by hand forgets; so does one of data files."""
    # a copy, so that no build folder is left in the tree
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    as_they_are = (
        "craton_maintenance/",
        "craton_maintenance_nova_links/",
        "craton_maintenance_vitrage/",
    )
    folders = (*as_they_are, "migrations/", "schemas/")
    wanted = [name for name in listed if name.startswith(folders)]
    build = ["setup.py", "setup.cfg", "pyproject.toml", "README.rst", "LICENSE"]
    source = tmp_path / "source"
    for name in [*wanted, *(name for name in build if (ROOT / name).exists())]:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    if not (source / "README.rst").exists():
        (source / "README.rst").write_text("")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            str(source),
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
            "--quiet",
            "-w",
            str(tmp_path),
        ],
        check=True,
        timeout=300,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tree = {
        name if name.startswith(as_they_are) else f"craton_maintenance/{name}"
        for name in wanted
        if (source / name).exists()
    }
    assert packed == tree


# -- documentation -----------------------------------------------------------------


def comments_above(file: Path, name: str) -> dict[str, str]:
    """Of each assignment in a class, the ``#:`` lines above it."""
    lines = file.read_text().splitlines()
    (found,) = [
        node
        for node in ast.parse("\n".join(lines)).body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]
    documented = {}
    for node in found.body:
        if isinstance(node, ast.Assign):
            above = lines[node.lineno - 2].strip()
            documented[ast.literal_eval(node.value)] = (
                above.removeprefix("#:").strip() if above.startswith("#") else ""
            )
    return documented


def test_every_error_code_says_when_it_is_given():
    documented = comments_above(ROOT / "craton_maintenance" / "errors.py", "Code")
    assert set(documented) == {code.value for code in errors.Code}
    assert [code for code, words in documented.items() if not words] == []


def test_every_event_type_says_what_it_tells():
    file = ROOT / "craton_maintenance" / "domain" / "event.py"
    for name, kind in (("Type", event.Type), ("Cause", event.Cause)):
        documented = comments_above(file, name)
        assert set(documented) == {one.value for one in kind}
        assert [one for one, words in documented.items() if not words] == []


@pytest.mark.parametrize(
    ("group", "option"),
    [(group, option) for group, options in conf.list_opts() for option in options],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_option_has_its_help(group, option):
    assert option.help
    assert option.help.strip().endswith((".", ")"))


def test_every_rule_is_documented_with_its_operations():
    for rule in policies.list_rules():
        assert rule.description
        assert rule.operations


@pytest.mark.parametrize("name", sorted(schema.documents()))
def test_every_schema_is_one(name):
    document = schema.documents()[name]
    assert document["$id"] == f"{name}.json"
    schema.validator(name).check_schema(document)
    # every reference leads somewhere
    schema.validator(name).is_valid({})


def test_a_schemas_error_is_a_sentence_about_the_field():
    with pytest.raises(schema.Invalid) as caught:
        schema.check("window-create", {"scope": {"hosts": [7.5]}, "x": 1, "start": "soon"})
    problems = dict(caught.value.problems)
    assert set(problems) == {"scope/hosts/0", "x", "start"}
    assert problems["x"].startswith("is not known here; known: actions, allow_overlap")
    assert problems["scope/hosts/0"].startswith("7.5 is not a name, a Craton id")
    assert problems["start"].startswith("'soon' is not a time")
