"""Host actions without an effect: ``none`` and ``wait``."""

from collections.abc import Mapping, Sequence
from typing import Any

from craton_maintenance.domain.session.steps import Outcome, Result
from craton_maintenance.workflow.plugins.base import Context, HostAction, Problem

#: Longest message, in characters.
_LONGEST = 255


def unknown(options: Mapping[str, Any], *known: str) -> list[Problem]:
    """Complaints about options that are not known."""
    about = f"known: {', '.join(known)}" if known else "there are no options"
    return [(str(key), f"is not known here; {about}") for key in options if key not in known]


class Nothing(HostAction):
    """``none``: a host that is emptied and returned as it is."""

    repeat = "safe"

    def check(self, options: Mapping[str, Any]) -> Sequence[Problem]:
        return unknown(options)

    def run(self, context: Context) -> Outcome:
        return Outcome(Result.DONE)


class Wait(HostAction):
    """``wait``: the work is done by people, and ends by the operator's word.

    Options: ``message``, what they are to do. Sessions wait by themselves and never run this.
    """

    repeat = "safe"

    def check(self, options: Mapping[str, Any]) -> Sequence[Problem]:
        problems = unknown(options, "message")
        message = options.get("message", "")
        if not isinstance(message, str) or len(message) > _LONGEST:
            problems.append(("message", f"is not a text of at most {_LONGEST} characters"))
        return problems

    def run(self, context: Context) -> Outcome:
        # not DONE: it must never look as if somebody had given their word
        return Outcome(Result.REFUSED, code="FAILED", words="only an operator's word ends this")
