"""Event alarms of Aodh's: which of our events they fire on.

As Aodh's own evaluator does it, as far as that can be said before there is an event: the
alarm's pattern is matched against the type; of its conditions those are evaluated that
compare what every event about the same thing has in common. The others are left open.
"""

import dataclasses
import enum
import fnmatch
from collections.abc import Mapping, Sequence

#: What conditions name a trait by.
_TRAIT = "traits."

#: State of an alarm that has fired.
_FIRED = "alarm"


class Verdict(enum.StrEnum):
    """Whether an alarm fires, or a project hears."""

    YES = "yes"
    #: it depends on what the event will say
    MAYBE = "maybe"
    NO = "no"


class Silence(enum.StrEnum):
    """Why an alarm whose pattern matches tells nobody."""

    #: it has fired, and does not repeat its actions
    FIRED = "FIRED"
    #: it has no action
    NO_ACTION = "NO_ACTION"
    #: a condition is not met
    CONDITION = "CONDITION"


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """A condition of an alarm's query; all of them have to hold."""

    field: str
    #: ``eq``, ``ne``, ``lt``, ``le``, ``gt``, ``ge``
    op: str
    value: str
    #: ``string``, ``integer``, ``float``, ``boolean``, ``datetime``; empty: ``string``
    type: str = ""

    def holds(self, traits: Mapping[str, str]) -> bool | None:
        """Whether it holds for events with these traits; None: nobody knows yet."""
        if self.type not in ("", "string") or not self.field.startswith(_TRAIT):
            return None
        known = traits.get(self.field.removeprefix(_TRAIT))
        if known is None or self.op not in ("eq", "ne"):
            return None
        return (known == self.value) is (self.op == "eq")


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """An enabled event alarm of a project."""

    region: str
    id: str
    name: str
    project_id: str
    #: a pattern as of a shell
    event_type: str
    conditions: Sequence[Condition]
    #: ``repeat_actions``: it may fire a second time
    repeats: bool
    #: ``alarm``: it has fired
    state: str
    #: schemes of its actions: their addresses may hold secrets
    actions: Sequence[str]

    def matches(self, event_type: str) -> bool:
        """Whether its pattern matches, by the function that Aodh uses."""
        return fnmatch.fnmatch(event_type, self.event_type)

    def silence(self, traits: Mapping[str, str]) -> Silence | None:
        """Why it would tell nobody of any event with these traits."""
        if self.state == _FIRED and not self.repeats:
            return Silence.FIRED
        if not self.actions:
            return Silence.NO_ACTION
        if any(one.holds(traits) is False for one in self.conditions):
            return Silence.CONDITION
        return None

    def tells_of(self, event_type: str, traits: Mapping[str, str]) -> Verdict:
        """Whether it tells somebody of events of a type, with these traits."""
        if not self.matches(event_type) or self.silence(traits) is not None:
            return Verdict.NO
        sure = all(one.holds(traits) for one in self.conditions)
        return Verdict.YES if sure else Verdict.MAYBE


def heard(alarms: Sequence[Alarm], event_type: str, traits: Mapping[str, str]) -> Verdict:
    """Whether any of a project's alarms tells of events of a type."""
    verdicts = {one.tells_of(event_type, traits) for one in alarms}
    return next((one for one in (Verdict.YES, Verdict.MAYBE) if one in verdicts), Verdict.NO)
