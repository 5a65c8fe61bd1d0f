"""Which of the projects concerned have alarms that tell them."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from craton_maintenance.alarms import aodh
from craton_maintenance.alarms.aodh import Look, Status
from craton_maintenance.domain import times
from craton_maintenance.domain.alarm import Alarm, Verdict, heard
from craton_maintenance.domain.event import Type
from craton_maintenance.nova.credentials import NoCloud, Region
from craton_maintenance.service import Service

_WINDOWS = (
    Type.WINDOW_CREATED,
    Type.WINDOW_UPDATED,
    Type.WINDOW_OPENED,
    Type.WINDOW_CLOSED,
    Type.WINDOW_CANCELLED,
)
_WORK = (Type.HOST, Type.SESSION, Type.REPLY)

#: What is said where nobody knows; beside the verdicts on what is known.
UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True)
class About:
    """What the events are about that somebody may listen to."""

    #: types of the events that projects are sent, and those that operators are
    projects: tuple[Type, ...]
    operators: tuple[Type, ...]
    #: traits that all of these events have
    traits: Mapping[str, str] = dataclasses.field(default_factory=dict)


def anything() -> About:
    """Whatever there may be to tell."""
    return About((Type.SCHEDULED, *_WINDOWS), (*_WORK, *_WINDOWS, Type.VARIABLE_REFUSED))


def window(window_id: str) -> About:
    """A window without a session: it only announces."""
    return About(_WINDOWS, _WINDOWS, {"window_id": window_id})


def session(session_id: str, window_id: str) -> About:
    """A session: what counts is whether its notices are heard."""
    return About((Type.SCHEDULED,), _WORK, {"session_id": session_id, "window_id": window_id})


def looks(service: Service) -> list[Look]:
    """A look at every region's alarms, one after the other."""
    conf = service.conf
    try:
        regions: Sequence[Region] = service.regions()
    except NoCloud as error:
        names = sorted(conf.nova.regions) or ["default"]
        return [Look(name, Status.UNKNOWN, str(error)) for name in names]
    return [aodh.look(conf, region) for region in regions]


def report(
    about: About,
    concerned: Mapping[str, int],
    operators: str,
    found: Sequence[Look],
    answered: Mapping[str, dt.datetime],
) -> dict[str, Any]:
    """Who listens, as the API shows it.

    :param concerned: projects, and how many of their servers are
    :param operators: the project that events for operators are addressed to
    :param found: what Aodh says, by region
    :param answered: when projects have last answered a notice
    """
    alarms: dict[str, list[Alarm]] = {}
    for one in found:
        for alarm in one.alarms:
            alarms.setdefault(alarm.project_id, []).append(alarm)
    is_known = bool(found) and all(one.status is not Status.UNKNOWN for one in found)
    shown = []
    for project_id in sorted({*concerned, operators}):
        types = about.projects if project_id in concerned else ()
        if project_id == operators:
            types = tuple(dict.fromkeys((*types, *about.operators)))
        facts = {**about.traits, "project_id": project_id, "tenant_id": project_id}
        own = alarms.get(project_id, [])
        verdicts = {one: heard(own, one, facts) for one in types}
        at = answered.get(project_id)
        shown.append(
            {
                "project_id": project_id,
                "operators": project_id == operators,
                "servers_count": concerned.get(project_id, 0),
                "listens": _in_all(verdicts.values(), is_known),
                "hears": _of(verdicts, Verdict.YES),
                "may_hear": _of(verdicts, Verdict.MAYBE),
                "alarms": [
                    _alarm(one, types, facts) for one in own if any(map(one.matches, types))
                ],
                "answered_at": None if at is None else times.text(at),
            }
        )
    return {
        "event_types": {
            "projects": [one.value for one in about.projects],
            "operators": [one.value for one in about.operators],
        },
        "aodh": [_look(one) for one in found],
        "projects": shown,
    }


def _in_all(verdicts: Iterable[Verdict], is_known: bool) -> str:
    """Whether somebody hears anything at all; what is not known may be a yes."""
    given = set(verdicts)
    if Verdict.YES in given:
        return Verdict.YES.value
    if Verdict.MAYBE in given:
        return Verdict.MAYBE.value
    return Verdict.NO.value if is_known else UNKNOWN


def _of(verdicts: Mapping[Type, Verdict], wanted: Verdict) -> list[str]:
    return [one.value for one, verdict in verdicts.items() if verdict is wanted]


def _alarm(alarm: Alarm, types: Sequence[Type], traits: Mapping[str, str]) -> dict[str, Any]:
    verdicts = {one: alarm.tells_of(one, traits) for one in types}
    silence = alarm.silence(traits)
    return {
        "region": alarm.region,
        "id": alarm.id,
        "name": alarm.name,
        "event_type": alarm.event_type,
        "conditions": [
            dataclasses.asdict(one) | {"holds": one.holds(traits)} for one in alarm.conditions
        ],
        "repeats": alarm.repeats,
        "actions": list(alarm.actions),
        "hears": _of(verdicts, Verdict.YES),
        "may_hear": _of(verdicts, Verdict.MAYBE),
        "silence": None if silence is None else silence.value,
    }


def _look(one: Look) -> dict[str, Any]:
    return {
        "region": one.region,
        "status": one.status.value,
        "words": one.words,
        "alarms_count": len(one.alarms),
    }
