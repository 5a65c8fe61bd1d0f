"""A nova-api of one's own beside the cloud's, on the same database, with or without the filter."""

import contextlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping

import requests

import craton_maintenance_nova_links
from tests.support.waiting import until

from . import service, stack

_DEBIAN = pathlib.Path("/usr/share/nova-common/api-paste.ini")
_APPLICATION = " osapi_compute_app_v21\n"


@contextlib.contextmanager
def running(folder: pathlib.Path, links: Mapping[str, object] | None) -> Iterator[str]:
    """
    :param folder: for its files; what it imports of ours is a copy in there, alone
    :param links: options of the filter; None: without the filter
    :returns: its address, as it stands in a catalogue
    """
    port = service.free_port()
    (folder / "api-paste.ini").write_text(_DEBIAN.read_text() if links is None else _paste(links))
    (folder / "own.conf").write_text(
        f"[DEFAULT]\nosapi_compute_listen_port = {port}\n"
        f"[wsgi]\napi_paste_config = {folder}/api-paste.ini\n"
    )
    package = pathlib.Path(craton_maintenance_nova_links.__file__).parent
    shutil.copytree(package, folder / "lib" / package.name)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OS_", "PYTHON", "VIRTUAL_ENV"))
    }
    log = folder / "nova-api.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                # ends with the tests, even if they are killed
                *("setpriv", "--pdeathsig", "TERM"),
                *("/usr/bin/python3", str(stack.FOLDER / "lib/run.py"), "nova-api-os-compute"),
                *("--config-file", str(stack.FOLDER / "etc/nova/nova.conf")),
                *("--config-file", str(folder / "own.conf")),
            ],
            env=environment | {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder / "lib")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://{stack.HOST}:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            return requests.get(url, timeout=10).ok
        except requests.ConnectionError:
            return False

    try:
        until(answers, "a nova-api of our own answers", 60.0, 0.2)
        yield f"{url}/v2.1"
    finally:
        process.terminate()
        process.wait(30)


def _paste(links: Mapping[str, object]) -> str:
    """Debian's pipelines, with the filter before the application in each."""
    paste = _DEBIAN.read_text()
    assert _APPLICATION in paste
    lines = "".join(f"{name} = {value}\n" for name, value in links.items())
    return (
        paste.replace(_APPLICATION, f" nova_links{_APPLICATION}")
        + "\n[filter:nova_links]\n"
        + "paste.filter_factory = craton_maintenance_nova_links:filter_factory\n"
        + lines
    )
