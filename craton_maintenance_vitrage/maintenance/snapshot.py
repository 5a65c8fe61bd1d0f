"""Asking craton-maintenance's API which hosts are worked on. Pure, but for the asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from craton_maintenance_vitrage.maintenance import properties as names
from craton_maintenance_vitrage.maintenance.book import Stay

#: A path below ``/v1`` to its answer; None: there is no such thing (404).
Get = Callable[[str], Any]

_PAGE = 500


def read(get: Get, known: Iterable[str] = (), region: str | None = None) -> list[Stay]:
    """Hosts that are worked on now.

    :param known: sessions that are looked at in any case
    :param region: hosts of this region only; None: of all
    :raises Exception: the service can't be asked, or answers nonsense
    """
    sessions = dict.fromkeys(known)
    for state in names.SESSION_STATES:
        sessions.update(dict.fromkeys(_at_work(get, state)))
    found = []
    for session_id in sessions:
        detail = get(f"/maintenance/{session_id}/detail")
        for host in detail["hosts"] if detail else ():
            if host["state"] in names.IN_WORK and region in (None, host["region"]):
                found.append(Stay(str(host["name"]), session_id, str(host["region"])))
    return found


def _at_work(get: Get, state: str) -> Iterator[str]:
    """Sessions in a state with a host that is worked on."""
    path = f"/maintenance?state={state}&details=true&limit={_PAGE}"
    page = get(path)
    while page and page["details"]:
        for one in page["details"]:
            if "hosts" not in one:
                raise ValueError("the user of [service_credentials] may not see sessions")
            if any(one["hosts"].get(name) for name in names.IN_WORK):
                yield str(one["session_id"])
        if len(page["details"]) < _PAGE:
            return
        page = get(f"{path}&marker={page['details'][-1]['session_id']}")
