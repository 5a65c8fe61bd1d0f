"""Host actions: what they do, what they refuse, and what a successor finds after a crash."""

import http.server
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind
from craton_maintenance.workflow import plugins
from craton_maintenance.workflow.plugins import command as command_module
from craton_maintenance.workflow.plugins import registry, runner
from craton_maintenance.workflow.plugins.base import Context, HostAction
from tests.support.waiting import until

SESSION = "8c8d4a3e-2f5e-4d0b-9c57-0a4b51a8a001"

Run = Callable[..., Outcome]


@pytest.fixture
def conf(tmp_path: Path) -> cfg.ConfigOpts:
    return configuration.load([], {("sessions", "state_dir"): str(tmp_path / "state")})


def step_of(plugin: str, number: int = 7, **more: Any) -> Step:
    options = more.pop("options", {})
    return Step(
        number,
        StepKind.RUN_PLUGIN,
        more.pop("host", HostKey("north", "compute-01")),
        more.pop("server_id", None),
        {"plugin": plugin, "options": options} | more,
    )


@pytest.fixture
def run(conf: cfg.ConfigOpts) -> Run:
    def run(plugin: str, again: bool = False, seconds: float = 60.0, **more: Any) -> Outcome:
        step = step_of(plugin, **more)
        return plugins.run_plugin(conf, SESSION, step, again, time.monotonic() + seconds)

    return run


def shell(script: str, **options: Any) -> dict[str, Any]:
    """Options for a script; the shell is the program that is run, not what runs it."""
    return {"argv": ["/bin/sh", "-c", script], **options}


# -- which there are, and what they are told ------------------------------------------------


def test_those_built_in_are_installed():
    assert {"none", "wait", "command", "http", "mistral"} <= set(plugins.installed())


def test_an_unknown_plugin_is_refused(run):
    outcome = run("dig")
    assert (outcome.result, outcome.code) == (Result.REFUSED, "NO_SUCH_PLUGIN")


@pytest.mark.parametrize(
    ("plugin", "options", "field"),
    [
        ("none", {"x": 1}, "options/x"),
        ("wait", {"message": 7}, "options/message"),
        ("wait", {"message": "x" * 256}, "options/message"),
        ("command", {}, "options/argv"),
        ("command", {"argv": "reboot now"}, "options/argv"),
        ("command", {"argv": []}, "options/argv"),
        ("command", {"argv": [""]}, "options/argv/0"),
        ("command", {"argv": ["{host}"]}, "options/argv/0"),
        ("command", {"argv": ["/bin/a\0b"]}, "options/argv/0"),
        ("command", {"argv": ["/bin/a", "{server}"]}, "options"),
        ("command", {"argv": ["/bin/a"], "timeout": 0}, "options/timeout"),
        ("command", {"argv": ["/bin/a"], "repeat": "often"}, "options/repeat"),
        ("command", {"argv": ["/bin/a"], "env": {"MAINTENANCE_HOST": "x"}}, "options/env"),
        ("command", {"argv": ["/bin/a"], "env": {"A=B": "x"}}, "options/env"),
        ("command", {"argv": ["/bin/a"], "shell": True}, "options/shell"),
        ("http", {}, "options/url"),
        ("http", {"url": "file:///etc/passwd"}, "options/url"),
        ("http", {"url": "http://user:word@x/"}, "options/url"),
        ("http", {"url": "http://{host}/"}, "options/url"),
        ("http", {"url": "http://x/", "headers": {"Idempotency-Key": "1"}}, "options/headers"),
        ("http", {"url": "http://x/", "headers": {"A": "b\r\nC: d"}}, "options/headers/A"),
        ("http", {"url": "http://x/", "method": "BREW"}, "options/method"),
        ("mistral", {}, "options/workflow"),
        ("mistral", {"workflow": "{host}"}, "options/workflow"),
        ("mistral", {"workflow": "w", "input": ["{host}"]}, "options/input"),
        ("mistral", {"workflow": "w", "input": {"a": ["{server}"]}}, "options"),
        ("mistral", {"workflow": "w", "timeout": 0}, "options/timeout"),
        ("mistral", {"workflow": "w", "params": {}}, "options/params"),
        ("none", [], "options"),
    ],
)
def test_wrong_options_are_named_and_nothing_is_run(run, plugin, options, field):
    found = registry.problems(plugin, options)
    assert found
    assert all(name.startswith(field) for name, _ in found), found
    outcome = run(plugin, options=options)
    assert (outcome.result, outcome.code) == (Result.REFUSED, "BAD_OPTIONS")


def test_only_what_is_allowed_may_be_named_directly(conf):
    assert set(plugins.known(conf)) == {"none", "wait"}
    work = [{"plugin": "none"}, {"plugin": "command", "options": shell("true")}, {"plugin": "x"}]
    assert [field for field, _ in plugins.check(conf, work)] == ["1/plugin", "2/plugin"]
    conf.set_override("direct_actions", ["*"], group="sessions")
    assert [field for field, _ in plugins.check(conf, work)] == ["2/plugin"]
    wrong = [{"plugin": "command", "options": {"argv": [7]}}]
    assert [field for field, _ in plugins.check(conf, wrong)] == ["0/options/argv/0"]


def test_nothing_is_done_and_may_be_done_again(run):
    assert run("none").result is Result.DONE
    assert run("none", again=True).result is Result.DONE


def test_waiting_is_never_done_by_itself(run):
    assert run("wait", options={"message": "fans"}).result is Result.REFUSED


# -- plugins of others ---------------------------------------------------------------------


class Foreign(HostAction):
    def __init__(self, does: Callable[[Context], Any], repeat: Any = "ask") -> None:
        self.repeat = repeat
        self._does = does

    def run(self, context: Context) -> Outcome:
        return self._does(context)


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def add(does: Callable[[Context], Any], repeat: str = "ask") -> None:
        action = Foreign(does, repeat)
        monkeypatch.setattr(registry, "installed", lambda: {"foreign": action})

    return add


def test_a_plugin_learns_of_its_step(run, foreign, tmp_path):
    seen: list[Context] = []

    def does(context: Context) -> Outcome:
        seen.append(context)
        return Outcome(Result.DONE)

    foreign(does)
    run("foreign", options={"timeout": 12, "x": 1}, stage="pre", server_id="s1")
    (context,) = seen
    assert context.step_id == f"{SESSION}-7"
    assert (context.host, context.region, context.stage) == ("compute-01", "north", "pre")
    assert (context.server_id, context.limit, context.again) == ("s1", 12, False)
    assert context.options["x"] == 1
    assert context.state_dir == tmp_path / "state"
    assert 0 < context.left <= 60


@pytest.mark.parametrize("result", ["text", None, RuntimeError("token=s3cret")])
def test_what_a_plugin_does_wrong_is_unclear_and_never_raised(run, foreign, caplog, result):
    caplog.set_level(logging.DEBUG)

    def does(context: Context) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    foreign(does)
    outcome = run("foreign")
    assert (outcome.result, outcome.code) == (Result.UNCLEAR, "PLUGIN_ERROR")
    assert "s3cret" not in caplog.text + str(outcome)


def test_begun_before_it_is_run_again_only_where_that_is_safe(run, foreign):
    times: list[bool] = []

    def does(context: Context) -> Outcome:
        times.append(context.again)
        return Outcome(Result.DONE)

    foreign(does)
    outcome = run("foreign", again=True)
    assert (outcome.result, outcome.code, times) == (Result.UNCLEAR, "NOT_REPEATED", [])
    # whoever writes the options knows better than the plugin
    assert run("foreign", again=True, options={"repeat": "safe"}).result is Result.DONE
    foreign(does, repeat="safe")
    assert run("foreign", again=True).result is Result.DONE
    assert times == [True, True]
    assert run("foreign", again=True, options={"repeat": "ask"}).result is Result.UNCLEAR


def test_its_time_is_what_it_says_within_what_the_operator_allows(conf):
    def limit(plugin: str, **options: Any) -> float:
        return plugins.time_limit(conf, step_of(plugin, options=options))

    over = limit("command", timeout=1) - 1
    assert limit("command") == 3600 + over
    assert limit("command", timeout=9999) == 3600 + over
    assert limit("http", url="http://x/") == 30 + over
    assert limit("unknown") == 3600 + over


# -- commands -----------------------------------------------------------------------------


def test_a_command_gets_names_and_nothing_of_ours(run, monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "s3cret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    options = {"argv": ["/usr/bin/env"], "env": {"TARGET": "{host}@{region}", "BRACES": "{x}{"}}
    outcome = run("command", options=options, stage="post", server_id="s1")
    assert outcome.result is Result.DONE
    found = dict(line.split("=", 1) for line in outcome.facts["output"].splitlines())
    assert found == {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "LANG": "C.UTF-8",
        "TARGET": "compute-01@north",
        "BRACES": "{x}{",
        "MAINTENANCE_SESSION": SESSION,
        "MAINTENANCE_STEP": f"{SESSION}-7",
        "MAINTENANCE_HOST": "compute-01",
        "MAINTENANCE_REGION": "north",
        "MAINTENANCE_SERVER": "s1",
        "MAINTENANCE_STAGE": "post",
    }


@pytest.mark.parametrize(
    "name", ["a; touch TRAP", "$(touch TRAP)", "`touch TRAP`", "a|b&c>d", "{region}", "a b\n'\""]
)
def test_names_are_arguments_and_never_code(run, tmp_path, name):
    name = name.replace("TRAP", str(tmp_path / "trap"))
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    argv = [sys.executable, "-c", code, "{host}", "--host={host}", "$HOME", "{server}{host"]
    host = HostKey("north", name)
    outcome = run("command", options={"argv": argv}, host=host, server_id="s1")
    expected = [name, f"--host={name}", "$HOME", "s1{host"]
    assert json.loads(outcome.facts["output"]) == expected
    assert not (tmp_path / "trap").exists()


def test_a_failure_is_refused_with_its_status_and_last_line(run):
    outcome = run("command", options=shell("echo one; echo two >&2; exit 3"))
    assert (outcome.result, outcome.code) == (Result.REFUSED, "FAILED")
    assert outcome.words == "exit status 3: two"
    assert outcome.facts == {"output": "one\ntwo\n", "status": 3}


def test_a_signal_is_a_failure(run):
    outcome = run("command", options=shell("kill -9 $$"))
    assert (outcome.result, outcome.words) == (Result.REFUSED, "ended by signal 9")


def test_a_program_that_is_not_there(run):
    outcome = run("command", options={"argv": ["/no/such/program"]})
    assert (outcome.result, outcome.code) == (Result.REFUSED, "NOT_STARTED")
    assert outcome.words == "/no/such/program: No such file or directory"


def test_a_state_folder_that_can_not_be_used(run, conf, tmp_path):
    (tmp_path / "file").write_text("")
    conf.set_override("state_dir", str(tmp_path / "file"), group="sessions")
    outcome = run("command", options=shell("true"))
    assert (outcome.result, outcome.code) == (Result.REFUSED, "NOT_STARTED")
    assert str(tmp_path) in outcome.words


def test_no_more_output_is_kept_than_allowed(run, conf):
    conf.set_override("command_output", 1000, group="sessions")
    script = "import sys; sys.stdout.write('x' * 3000000 + 'the end\\0\\n')"
    outcome = run("command", options={"argv": [sys.executable, "-c", script]})
    output = outcome.facts["output"]
    assert output.startswith("… xxx")
    assert output.endswith("the end\ufffd\n")
    assert len(output.encode()) <= 1010


def test_at_its_limit_it_is_ended_with_all_that_it_has_begun(run, tmp_path):
    pid = tmp_path / "pid"
    began = time.monotonic()
    outcome = run("command", options=shell(f"sleep 60 & echo $! >{pid}; echo hi; wait", timeout=1))
    assert time.monotonic() - began < 4
    assert (outcome.result, outcome.code) == (Result.REFUSED, "TIMED_OUT")
    assert outcome.facts["output"] == "hi\n"
    until(lambda: gone(int(pid.read_text())), "it is gone")


def test_what_does_not_hear_is_killed(run, monkeypatch):
    monkeypatch.setattr(command_module, "GRACE", 0.3)
    outcome = run("command", options=shell("trap '' TERM; while :; do sleep 1; done", timeout=0.5))
    assert (outcome.result, outcome.code) == (Result.REFUSED, "TIMED_OUT")
    assert outcome.facts["status"] == -signal.SIGKILL


def test_the_operators_limit_is_the_most(run, conf):
    conf.set_override("command_timeout", 0.5, group="sessions")
    outcome = run("command", options=shell("sleep 60", timeout=60))
    assert outcome.code == "TIMED_OUT"


def test_without_time_it_is_not_begun(run, tmp_path):
    outcome = run("command", seconds=0.5, options=shell(f"touch {tmp_path}/trap"))
    assert outcome.result is Result.LATER
    assert not (tmp_path / "trap").exists()


def test_what_it_leaves_running_is_not_waited_for(run):
    began = time.monotonic()
    outcome = run("command", options=shell("sleep 5 & echo started"))
    assert outcome.result is Result.DONE
    assert outcome.facts["output"] == "started\n"
    assert time.monotonic() - began < 4


def test_it_is_not_in_our_session_and_has_no_terminal(run):
    code = "import os; print(os.getsid(0), os.getpid(), os.read(0, 1), os.getcwd())"
    outcome = run("command", options={"argv": [sys.executable, "-c", code]})
    session, pid, stdin, folder = outcome.facts["output"].split()
    assert session == pid
    assert int(session) != os.getsid(0)
    assert (stdin, folder) == ("b''", "/")


def test_a_result_is_for_the_service_only(run, tmp_path):
    run("command", options=shell("echo private"))
    folder = tmp_path / "state" / SESSION
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_old_results_are_removed_with_the_next_command(run, tmp_path):
    old = tmp_path / "state" / "long-ago"
    old.mkdir(parents=True)
    (old / "1.result").write_text("{}")
    os.utime(old, (1, 1))
    run("command", options=shell("true"))
    assert not old.exists()


# -- commands that outlive their engine -----------------------------------------------------


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Processes that run a command as an engine does, and get killed."""
    begun = []

    def start(options: dict[str, Any]) -> "subprocess.Popen[bytes]":
        code = f"""
import time
from craton_maintenance import conf
from craton_maintenance.domain.session.steps import Step, StepKind
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.workflow import plugins
conf = conf.load([], {{("sessions", "state_dir"): {str(tmp_path / "state")!r}}})
params = {{"plugin": "command", "options": {options!r}}}
step = Step(7, StepKind.RUN_PLUGIN, HostKey("north", "compute-01"), None, params)
plugins.run_plugin(conf, {SESSION!r}, step, False, time.monotonic() + 60)
"""
        process = subprocess.Popen([sys.executable, "-c", code])
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.wait()


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(tmp_path / "state" / SESSION / "7")


def kill(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_successor_waits_for_the_command_and_takes_its_result(run, engine, tmp_path):
    count = tmp_path / "count"
    options = shell(f"echo x >>{count}; sleep 1.5; echo finished; exit 4", repeat="ask")
    first = engine(options)
    until(count.exists, "it runs")
    kill(first)
    outcome = run("command", again=True, options=options)
    assert outcome.words == "exit status 4: finished"
    # and once more, long after
    assert run("command", again=True, options=options) == outcome
    assert count.read_text() == "x\n"


def test_a_command_ends_at_its_limit_without_its_engine(run, engine, tmp_path):
    pid = tmp_path / "pid"
    options = shell(f"echo $$ >{pid}.new; mv {pid}.new {pid}; sleep 60", timeout=1)
    first = engine(options)
    until(pid.exists, "it runs")
    kill(first)
    until(lambda: gone(int(pid.read_text())), "it is gone")
    assert run("command", again=True, options=options).code == "TIMED_OUT"


def test_a_successor_without_time_to_wait_says_that_it_runs(run, engine, tmp_path):
    mark = tmp_path / "mark"
    options = shell(f"touch {mark}; sleep 2", repeat="safe")
    first = engine(options)
    until(mark.exists, "it runs")
    kill(first)
    outcome = run("command", again=True, seconds=0.2, options=options)
    assert (outcome.result, outcome.code) == (Result.UNCLEAR, "RUNNING")
    assert run("command", again=True, options=options).result is Result.DONE


@pytest.mark.parametrize("repeat", ["ask", "safe"])
def test_when_the_runner_was_killed_too_repeat_decides(run, engine, base, tmp_path, repeat):
    count = tmp_path / "count"
    options = shell(f"echo $$ >>{count}; test $(wc -l <{count}) -gt 1 || sleep 60", repeat=repeat)
    first = engine(options)
    until(lambda: count.exists() and count.read_text().endswith("\n"), "it runs")
    kill(first)
    begun = runner.read(base + runner.BEGUN)
    assert begun is not None
    os.kill(begun["pid"], signal.SIGKILL)
    # a command without a runner would have no limit
    until(lambda: gone(int(count.read_text().splitlines()[0])), "it is gone")
    outcome = run("command", again=True, options=options)
    times = len(count.read_text().splitlines())
    if repeat == "ask":
        assert (outcome.result, outcome.code, times) == (Result.UNCLEAR, "NOT_REPEATED", 1)
    else:
        assert (outcome.result, times) == (Result.DONE, 2)


def test_when_nothing_is_known_repeat_decides(run):
    assert run("command", again=True, options=shell("true")).result is Result.UNCLEAR
    options = shell("true", repeat="safe")
    assert run("command", again=True, options=options).result is Result.DONE


def test_two_engines_run_it_once(conf, tmp_path):
    """Whatever they believe of each other."""
    count = tmp_path / "count"
    step = step_of("command", options=shell(f"echo x >>{count}; sleep 0.5", repeat="safe"))
    outcomes: list[Outcome] = []

    def engine(again: bool) -> None:
        ends = time.monotonic() + 60
        outcomes.append(plugins.run_plugin(conf, SESSION, step, again, ends))

    threads = [threading.Thread(target=engine, args=(again,)) for again in (False, True, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.result for outcome in outcomes] == [Result.DONE] * 3
    assert count.read_text() == "x\n"


def test_a_runner_that_is_asked_to_stop_goes_on(run, engine, base, tmp_path):
    mark = tmp_path / "mark"
    options = shell(f"touch {mark}; sleep 1; echo fine")
    first = engine(options)
    until(mark.exists, "it runs")
    kill(first)
    begun = runner.read(base + runner.BEGUN)
    assert begun is not None
    os.kill(begun["pid"], signal.SIGTERM)
    assert run("command", again=True, options=options).facts["output"] == "fine\n"


def test_half_an_order_begins_nothing():
    done = subprocess.run(
        [sys.executable, "-I", runner.__file__], input=b'{"base": "/tm', timeout=20, check=False
    )
    assert done.returncode == 1


# -- http -----------------------------------------------------------------------------------


class Site:
    """A small web server that answers as it is told, and remembers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"{}")
        self.pause = 0.0
        self.hang_up = False
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                site.asked.append((self.command, self.path, dict(self.headers), body))
                time.sleep(site.pause)
                if site.hang_up:
                    self.close_connection = True
                    return
                status, headers, text = site.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def test_a_request_is_sent_with_its_step_and_names_filled_in(run, site):
    site.answer = (201, {}, b'{"job": 5}')
    options = {
        "url": f"{site.url}/hosts/{{host}}?s={{session}}",
        "body": {"host": "{host}", "list": ["{region}", 7, None], "{host}": "{other}"},
        "headers": {"Authorization": "Bearer s3cret"},
    }
    outcome = run("http", options=options, host=HostKey("north", "a/b;$(c)"))
    assert outcome == Outcome(Result.DONE, {"output": '{"job": 5}', "status": 201})
    ((method, path, headers, body),) = site.asked
    assert (method, path) == ("POST", f"/hosts/a%2Fb%3B%24%28c%29?s={SESSION}")
    assert headers["Idempotency-Key"] == f"{SESSION}-7"
    assert headers["Authorization"] == "Bearer s3cret"
    assert json.loads(body) == {
        "host": "a/b;$(c)",
        "list": ["north", 7, None],
        "{host}": "{other}",
    }


def test_a_request_without_a_body(run, site):
    assert run("http", options={"url": site.url, "method": "PUT"}).result is Result.DONE
    assert (site.asked[0][0], site.asked[0][3]) == ("PUT", b"")


@pytest.mark.parametrize(
    ("status", "ask", "safe", "code"),
    [
        (204, Result.DONE, Result.DONE, ""),
        (404, Result.REFUSED, Result.REFUSED, "FAILED"),
        (409, Result.REFUSED, Result.REFUSED, "FAILED"),
        (302, Result.REFUSED, Result.REFUSED, "FAILED"),
        (429, Result.LATER, Result.LATER, "BUSY"),
        (500, Result.UNCLEAR, Result.LATER, "SERVER_ERROR"),
        (503, Result.UNCLEAR, Result.LATER, "SERVER_ERROR"),
    ],
)
def test_what_an_answer_means(run, site, status, ask, safe, code):
    site.answer = (status, {"Location": f"{site.url}/else"}, b"" if status == 204 else b"why\nx")
    for repeat, result in (("ask", ask), ("safe", safe)):
        outcome = run("http", options={"url": site.url, "repeat": repeat})
        assert (outcome.result, outcome.code) == (result, code)
    # no redirection was followed
    assert len(site.asked) == 2
    assert status == 204 or outcome.words.startswith(str(status))
    assert status == 204 or outcome.words.endswith(": why")


@pytest.mark.parametrize(("repeat", "result"), [("ask", Result.UNCLEAR), ("safe", Result.LATER)])
def test_without_an_answer_repeat_decides(run, site, repeat, result):
    site.pause = 0.6
    options = {"url": site.url, "timeout": 0.2, "repeat": repeat}
    assert run("http", options=options).result is result
    site.pause, site.hang_up = 0.0, True
    outcome = run("http", options={"url": site.url, "repeat": repeat})
    assert (outcome.result, outcome.code) == (result, "BROKEN_OFF")


def test_where_nobody_is_it_is_tried_later(run, site):
    # in this order: one that is closed while it is listened to takes connections for a moment
    site.server.shutdown()
    site.server.server_close()
    outcome = run("http", options={"url": site.url})
    assert (outcome.result, outcome.code) == (Result.LATER, "UNREACHABLE")


def test_begun_before_a_request_is_sent_again_only_where_that_is_safe(run, site):
    assert run("http", again=True, options={"url": site.url}).result is Result.UNCLEAR
    assert site.asked == []
    options = {"url": site.url, "repeat": "safe"}
    assert run("http", again=True, options=options).result is Result.DONE
    assert site.asked[0][2]["Idempotency-Key"] == f"{SESSION}-7"


def test_no_more_of_an_answer_is_kept_than_allowed(run, conf, site):
    conf.set_override("command_output", 100, group="sessions")
    site.answer = (200, {}, b"x" * 100_000)
    assert run("http", options={"url": site.url}).facts["output"] == "x" * 100


def test_credentials_of_the_user_are_not_sent(run, site, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login root password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    run("http", options={"url": site.url})
    assert "Authorization" not in site.asked[0][2]


# -- logs -----------------------------------------------------------------------------------


def test_options_are_not_in_logs_nor_in_words(run, site, caplog):
    caplog.set_level(logging.DEBUG, "craton_maintenance")
    headers = {"Authorization": "s3cret"}
    url = f"{site.url}/x?token=s3cret"
    site.answer = (500, {}, b"")
    outcomes = [
        run("http", options={"url": url, "headers": headers, "body": {"a": "s3cret"}}),
        run("command", options=shell("exit 1 # s3cret", env={"KEY": "s3cret"})),
    ]
    site.server.server_close()
    outcomes.append(run("http", options={"url": url, "headers": headers}))
    assert "s3cret" not in caplog.text
    assert "s3cret" not in str(outcomes)
