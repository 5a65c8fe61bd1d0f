"""Judges that can't fail prove nothing: each is shown a machine that does what it must not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from craton_maintenance.domain.session import budget, hosts, machine, notices, telling
from craton_maintenance.domain.session.hosts import draining
from craton_maintenance.domain.session.steps import Outcome, Result, StepKind
from craton_maintenance.workflow import steps
from craton_maintenance.workflow.plugins import run as plugins
from tests.simulation import run, schedule

Break = Callable[[pytest.MonkeyPatch], None]


def sees_no_servers(patch: pytest.MonkeyPatch) -> None:
    """Neither the survey nor the proof finds anything on a host."""
    way = steps.WAYS[StepKind.SURVEY_HOST]

    def survey(*of: Any) -> Outcome:
        found = way(*of)
        return Outcome(found.result, {**found.facts, "servers": []}, found.code, found.words)

    facts = {"empty": True, "servers": [], "migrations": [], "allocations": []}
    patch.setitem(steps.WAYS, StepKind.SURVEY_HOST, survey)  # type: ignore[call-overload]
    patch.setitem(  # type: ignore[call-overload]
        steps.WAYS, StepKind.PROVE_EMPTY, lambda *of: Outcome(Result.DONE, facts)
    )
    patch.setattr(draining, "has_strangers", lambda *of: False)


def ignores_budgets(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(budget, "allows", lambda *of: True)


def waits_for_nobody(patch: pytest.MonkeyPatch) -> None:
    """What it asks about servers it decides at once."""
    ask = notices.ask_servers

    def asks(draft: Any, state: Any, host: Any, servers: Any) -> None:
        some = list(servers)
        ask(draft, state, host, some)
        for server in some:
            notices.decide(draft, server.id, None, None)

    patch.setattr(notices, "ask_servers", asks)


def has_no_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(machine, "_window_end", lambda draft: None)


def has_no_beginning(patch: pytest.MonkeyPatch) -> None:
    """It begins when it has told everybody, and not when the window opens."""
    announce = machine._announce

    def announces(draft: Any) -> None:
        if draft.session.announced and not notices.open_ones(draft):
            machine._choose_next(draft)
        else:
            announce(draft)

    patch.setattr(machine, "_announce", announces)


def forgets_to_enable(patch: pytest.MonkeyPatch) -> None:
    facts = {"enabled": True, "reason": None}
    patch.setitem(  # type: ignore[call-overload]
        steps.WAYS, StepKind.ENABLE_HOST, lambda *of: Outcome(Result.DONE, facts)
    )


def names_hosts_to_projects(patch: pytest.MonkeyPatch) -> None:
    ids = telling._instance_ids

    def with_host(draft: Any, one: Any) -> Any:
        return f"{ids(draft, one)} {next(iter(draft.hosts)).name} "

    patch.setattr(telling, "_instance_ids", with_host)


def tells_nothing_of_returns(patch: pytest.MonkeyPatch) -> None:
    tell = telling.host

    def tells(draft: Any, one: Any) -> None:
        if one.state.value != "returned":
            tell(draft, one)

    patch.setattr(telling, "host", tells)


def repeats_host_work(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plugins, "_begin_again", plugins._begin)


def stands_still(patch: pytest.MonkeyPatch) -> None:
    """It never does anything for a host, and gives no reason."""
    patch.setattr(hosts, "advance", lambda *of, **more: None)


#: Schedules that are tried: in not every one there is something to be done wrongly.
_TRIES = 60

#: Some in which an engine dies in the middle of host work that must not be repeated: there are
#: few.
_DIES_AT_WORK = (214, 1183)


@pytest.mark.parametrize(
    ("breaks", "objection"),
    [
        (sees_no_servers, "I3"),
        (ignores_budgets, "I1"),
        (waits_for_nobody, "I2"),
        (has_no_end, "I2"),
        (has_no_beginning, "I2"),
        (forgets_to_enable, "I4"),
        (names_hosts_to_projects, "I5"),
        (tells_nothing_of_returns, "I6"),
        (repeats_host_work, "I7"),
        (stands_still, "I8"),
    ],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_what_must_not_be_is_seen(
    breaks: Break, objection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    said = []
    for seed in (*_DIES_AT_WORK, *range(_TRIES)):
        try:
            run.play(tmp_path, schedule.of(seed))
        except run.Failed as error:
            said.append(str(error).rpartition("\n")[2])
            if f"{objection}: " in said[-1]:
                return
    pytest.fail(f"nobody has objected with {objection}: {said}")
