"""The section of ``api-paste.ini``, and what the package needs around it."""

import subprocess
import sys

import pytest
from paste import deploy

from craton_maintenance_nova_links import Links, filter_factory
from craton_maintenance_nova_links.options import Options

URL = "http://127.0.0.1:7790/v1"


def test_numbers_and_words():
    options = Options.read({"url": f"{URL}/", "interval": "2", "max_body": "100", "region": " r "})
    assert (options.url, options.interval, options.max_body) == (URL, 2.0, 100)
    assert options.region == "r"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "url is missing"),
        ({"url": "ftp://x"}, "not an http"),
        ({"url": URL, "interval": "soon"}, "interval is not a number"),
        ({"url": URL, "interval": "0"}, "more than 0"),
        ({"url": URL, "interval": "nan"}, "more than 0"),
        ({"url": URL, "pasword": "x"}, "no option pasword"),
        ({"url": URL, "auth_url": "http://k/v3"}, "without username"),
    ],
)
def test_refused(given, words):
    with pytest.raises(ValueError, match=words):
        filter_factory({}, **given)


def test_the_password_is_not_shown_and_may_be_in_a_file(tmp_path):
    (tmp_path / "secret").write_text("kept\n")
    options = Options.read({"url": URL, "password_file": str(tmp_path / "secret")})
    assert options.secret() == "kept"
    assert "kept" not in repr(Options.read({"url": URL, "password": "kept"}))


@pytest.mark.parametrize(
    "how",
    [
        "use = egg:craton-maintenance#nova-links",
        "paste.filter_factory = craton_maintenance_nova_links:filter_factory",
    ],
)
def test_by_paste(tmp_path, how):
    (tmp_path / "api-paste.ini").write_text(f"[filter:nova_links]\n{how}\nurl = {URL}\n")
    made = deploy.loadfilter(f"config:{tmp_path}/api-paste.ini", name="nova_links")
    assert isinstance(made(None), Links)


def test_it_needs_nothing_but_python():
    program = (
        "import sys; before = set(sys.modules); import craton_maintenance_nova_links; "
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*sorted(names - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["craton_maintenance_nova_links"]
