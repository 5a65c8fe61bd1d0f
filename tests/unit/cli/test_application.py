"""The application itself, the commands registered, and the same in ``openstack``."""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import pytest

from craton_maintenance.cli import base, connect, main
from craton_maintenance.cli.client import Client

from .conftest import window

SERVER = {"serve", "demo", "db_upgrade", "db_version", "inventory_sync", "keystone_setup"}


def commands(group):
    return {x.name: x for x in importlib.metadata.entry_points(group=group)}


def ours():
    return {x: y for x, y in commands(main.NAMESPACE).items() if x not in SERVER}


def test_openstack_has_every_command_but_the_servers():
    theirs = commands("openstack.maintenance.v1")
    assert {f"maintenance_{x}": y.value for x, y in ours().items()} == {
        x: y.value for x, y in theirs.items()
    }


@pytest.mark.parametrize("name", sorted(ours()))
def test_every_command_has_help_with_an_example(bare, name):
    words = name.split("_")
    done = bare(*words, "--help")
    assert done.status == 0
    assert f"Example:\n  craton-maintenance {' '.join(words)}" in done.out
    assert issubclass(ours()[name].load(), base.Maintenance)


def test_the_name_alone_is_help(bare):
    done = bare()
    assert done.status == 0
    assert "window set" in done.out


def test_unknown_commands_are_usage_errors(bare):
    done = bare("window", "lst")
    assert done.status == 2
    assert "window list" in done.out


def test_no_client_is_made_before_a_command_asks_for_it(bare, monkeypatch):
    def client(*args):
        raise AssertionError

    monkeypatch.setattr(connect, "client", client)
    monkeypatch.setenv("OS_CLOUD", "nosuch")
    for words in (("--help",), ("window", "set", "--help"), ("window", "set"), ("--version",)):
        assert bare(*words).status in (0, 2)


def test_a_client_is_made_once(bare, service, monkeypatch):
    made = []

    def client(options):
        made.append(connect.without_keystone(connect.Settings(url=service.url)))
        return made[-1]

    monkeypatch.setattr(connect, "client", client)
    service.answer(window())
    service.answer(window())
    bare("window", "change", "x", "--reason", "y")
    assert len(made) == 1
    assert isinstance(made[0], Client)


def test_openstack_runs_them(service):
    pytest.importorskip("openstackclient")
    service.answer(window())
    inherited = {x: y for x, y in os.environ.items() if not x.startswith("OS_")}
    done = subprocess.run(
        [
            str(pathlib.Path(sys.executable).parent / "openstack"),
            *("maintenance", "window", "show", "x", "-f", "json"),
        ],
        env=inherited
        | {
            "CRATON_MAINTENANCE_URL": service.url,
            "OS_PROJECT_ID": "p",
            "OS_USERNAME": "bob",
            "OS_PASSWORD": "key",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == window()
    assert service.requests[0].headers["X-Auth-User"] == "bob"


def test_only_the_command_that_runs_is_imported():
    words = (
        "import sys; from craton_maintenance.cli.main import main; main(['window', 'set']); "
        "assert 'craton_maintenance.cli.window' in sys.modules; "
        "assert not {'sqlalchemy', 'flask', 'taskflow', 'openstack'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
