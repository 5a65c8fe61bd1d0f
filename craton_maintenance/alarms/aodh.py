"""Event alarms of all projects, as Aodh lists them."""

import contextlib
import dataclasses
import enum
import logging
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1.session import Session
from oslo_config import cfg

from craton_maintenance.domain.alarm import Alarm, Condition
from craton_maintenance.nova.answers import Unreadable, said
from craton_maintenance.nova.credentials import Region

LOG = logging.getLogger(__name__)

#: Alarms in a page.
_PAGE = 500

#: Times that a list is begun anew because its marker vanished between two pages.
_RESTARTS = 3

#: Characters of what the other side says that are shown.
_WORDS = 300

#: All enabled event alarms; Aodh takes ``all_projects`` from administrators only.
_QUERY = (
    ("all_projects", "boolean", "true"),
    ("type", "", "event"),
    ("enabled", "boolean", "true"),
)


class Status(enum.StrEnum):
    """What became of a look at a region's Aodh."""

    #: all alarms are known
    READ = "read"
    #: the region has no Aodh: nobody has alarms there
    ABSENT = "absent"
    #: it could not be read: nobody knows what alarms there are
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """A look at the alarms of a region."""

    region: str
    status: Status
    #: what went wrong, for operators
    words: str = ""
    alarms: Sequence[Alarm] = ()


def look(conf: cfg.ConfigOpts, region: Region) -> Look:
    """Read a region's alarms; whatever goes wrong is in the answer."""
    try:
        session = region.session()
        session.timeout = conf.aodh.timeout
        where = {
            "service_type": conf.aodh.service_type,
            "region_name": region.region_name,
            "interface": region.interface,
        }
        alarms = [_alarm(region.name, one) for one in _listed(session, where, conf.aodh.timeout)]
    except exceptions.EndpointNotFound:
        return Look(region.name, Status.ABSENT, "the catalogue has no Aodh")
    except exceptions.ClientException as error:
        words = " ".join(str(error).split())[:_WORDS]
        LOG.info("alarms of region %s can't be read: %s", region.name, words)
        return Look(region.name, Status.UNKNOWN, words)
    return Look(region.name, Status.READ, "", alarms)


def _listed(session: Session, where: Mapping[str, str], timeout: float) -> list[dict[str, Any]]:
    """All pages, begun anew where the alarm that a page begins after has vanished."""
    query = [
        (f"q.{name}", text)
        for field, kind, value in _QUERY
        for name, text in (("field", field), ("op", "eq"), ("type", kind), ("value", value))
    ]
    # by what never changes: the default, the time of change, does while pages are read
    query += [("sort", "alarm_id:asc"), ("limit", str(_PAGE))]
    for left in range(_RESTARTS, -1, -1):
        found: list[dict[str, Any]] = []
        try:
            while True:
                after = [("marker", found[-1]["alarm_id"])] if found else []
                page = _page(session, where, timeout, query + after)
                if not page:
                    return found
                found += page
        except (exceptions.BadRequest, exceptions.NotFound) as error:
            if not left or not found:
                raise
            LOG.info("the list of alarms is begun anew: %s", error)
    raise AssertionError("not reached")


def _page(
    session: Session, where: Mapping[str, str], timeout: float, query: list[tuple[str, str]]
) -> list[dict[str, Any]]:
    """
    :raises keystoneauth1.exceptions.ClientException: there was no answer, or a refusal
    """
    response = session.get(
        "/v2/alarms",
        endpoint_filter=dict(where),
        params=query,
        headers={"Accept": "application/json"},
        timeout=timeout,
        connect_retries=0,
        raise_exc=False,
    )
    if response.status_code >= 400:
        error = exceptions.from_response(response, "GET", "/v2/alarms")
        error.args = (f"GET /v2/alarms: {said(response)}",)
        raise error
    with contextlib.suppress(ValueError):
        body = response.json()
        if isinstance(body, list) and all(_is_alarm(one) for one in body):
            return body
    raise Unreadable("GET /v2/alarms: the answer is not a list of alarms")


def _is_alarm(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("event_rule"), dict)
        and all(isinstance(one.get(name), str) for name in ("alarm_id", "project_id"))
    )


def _alarm(region: str, shown: Mapping[str, Any]) -> Alarm:
    rule = shown["event_rule"]
    actions = shown.get("alarm_actions") or ()
    return Alarm(
        region=region,
        id=shown["alarm_id"],
        name=str(shown.get("name") or ""),
        project_id=shown["project_id"],
        event_type=str(rule.get("event_type") or "*"),
        conditions=tuple(_condition(one) for one in rule.get("query") or ()),
        repeats=bool(shown.get("repeat_actions")),
        state=str(shown.get("state") or ""),
        actions=tuple(sorted({urllib.parse.urlsplit(str(one)).scheme for one in actions})),
    )


def _condition(one: Mapping[str, Any]) -> Condition:
    return Condition(
        field=str(one.get("field") or ""),
        op=str(one.get("op") or "eq"),
        value=str(one.get("value") if one.get("value") is not None else ""),
        type=str(one.get("type") or ""),
    )
