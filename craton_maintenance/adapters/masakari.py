"""Masakari: a host that is ``on_maintenance`` there is not taken for one that has failed.

Its API is that of its reference: ``GET /segments``, ``GET /segments/{id}/hosts``, and ``PUT
/segments/{id}/hosts/{id}``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import requests
from keystoneauth1 import exceptions
from keystoneauth1.session import Session
from oslo_config import cfg

from craton_maintenance.adapters.base import WORDS, Adapter, AdapterError, Ask, Kept

#: Masakari's own limit of a page, unless its operator has changed it.
_PAGE = 1000

_NOT_THERE = {"segment": None}


class Masakari(Adapter):
    """Sets ``on_maintenance`` before the work on a host, and unsets it afterwards.

    A host that was on maintenance before stays so.  What is kept as a reference is
    ``{"segment", "host", "was"}``: ids, and whether it was on maintenance before us.
    """

    outside_nova = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sessions: dict[str, Session] = {}

    @classmethod
    def is_required(cls, conf: cfg.ConfigOpts) -> bool:
        return bool(conf.masakari.manner == "required")

    def find(self, ask: Ask) -> Mapping[str, Any]:
        found = self._search(ask)
        if found is None:
            return _NOT_THERE
        segment, host = found
        return {"segment": segment, "host": host["uuid"], "was": bool(host["on_maintenance"])}

    def suppress(self, ask: Ask) -> Kept:
        known = ask.found
        if not known.get("segment"):
            if self._search(ask) is not None:
                raise AdapterError(f"{ask.host} is in a segment by now", forget=True)
            return Kept(_NOT_THERE, f"{ask.host} is in no segment: there is nothing to do")
        there = self._look(ask)
        if there is None:
            raise AdapterError(f"{ask.host} is not in its segment any more", forget=True)
        if there["on_maintenance"]:
            return Kept(known, "it was on maintenance already" if known["was"] else "")
        if known["was"]:
            words = f"somebody else took {ask.host} out of maintenance"
            raise AdapterError(words, forget=True)
        self._set(ask, True)
        return Kept(known)

    def release(self, ask: Ask) -> None:
        if not ask.found.get("segment") or ask.found["was"]:
            return
        there = self._look(ask)
        if there is not None and there["on_maintenance"]:
            self._set(ask, False)

    # -- its API -------------------------------------------------------------------

    def _search(self, ask: Ask) -> tuple[str, Mapping[str, Any]] | None:
        """A host by its name, in whichever segment it is: the segment's id, and the host."""
        for segment in self._listed(ask, "/segments", "segments"):
            for host in self._listed(ask, f"/segments/{segment['uuid']}/hosts", "hosts"):
                if host["name"] == ask.host:
                    return str(segment["uuid"]), host
        return None

    def _listed(self, ask: Ask, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        """A list to its end: a page may be shorter than was asked for."""
        query: dict[str, Any] = {"limit": _PAGE}
        while True:
            answer = self._call(ask, "GET", path, params=query)
            rows = _part(answer, key, list)
            yield from rows
            if not rows:
                return
            # its number: the uuid, which its reference speaks of, is not taken for one
            query["marker"] = rows[-1].get("id", rows[-1]["uuid"])

    def _path(self, ask: Ask) -> str:
        return f"/segments/{ask.found['segment']}/hosts/{ask.found['host']}"

    def _look(self, ask: Ask) -> Mapping[str, Any] | None:
        """The host as it is; None: it is not there."""
        answer = self._call(ask, "GET", self._path(ask), missing_ok=True)
        if answer is None:
            return None
        host: Mapping[str, Any] = _part(answer, "host", dict)
        # a host may have another name by now
        return host if host["name"] == ask.host else None

    def _set(self, ask: Ask, value: bool) -> None:
        body = {"host": {"on_maintenance": value}}
        answer = self._call(ask, "PUT", self._path(ask), json=body)
        if bool(_part(answer, "host", dict).get("on_maintenance")) is not value:
            raise AdapterError(f"Masakari took it, and {ask.host} is as it was")

    def _call(
        self, ask: Ask, method: str, path: str, missing_ok: bool = False, **more: Any
    ) -> Any:
        """The JSON of an answer; None where ``missing_ok`` and there is nothing there."""
        region, conf = self.regions.get(ask.region), self.conf.masakari
        if region is None:
            raise AdapterError(f"there are no credentials for region {ask.region}")
        session = self._sessions.get(region.name)
        if session is None:
            session = self._sessions[region.name] = region.session()
        try:
            response = session.request(
                path,
                method,
                endpoint_filter={
                    "service_type": conf.service_type,
                    "region_name": region.region_name,
                    "interface": region.interface,
                },
                endpoint_override=conf.endpoint_override,
                headers={"Accept": "application/json"},
                timeout=ask.seconds(self.conf.adapters.timeout),
                raise_exc=False,
                **more,
            )
        except exceptions.EndpointNotFound:
            words = f"there is no {conf.service_type} in the catalogue of region {ask.region}"
            raise AdapterError(words) from None
        except exceptions.ClientException as error:
            raise AdapterError(f"Masakari can't be asked: {str(error)[:WORDS]}") from None
        if response.status_code == 404 and missing_ok:
            return None
        if response.status_code >= 300:
            raise AdapterError(f"Masakari answers {_said(response)}")
        try:
            return response.json()
        except requests.JSONDecodeError:
            raise AdapterError("what answers there is not Masakari") from None


def _part(answer: Any, key: str, kind: type) -> Any:
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, kind):
        raise AdapterError("what answers there is not Masakari")
    return found


def _said(response: requests.Response) -> str:
    """Status and words of a refusal."""
    try:
        body = response.json()
    except requests.JSONDecodeError:
        return f"{response.status_code} {response.reason}"
    inner = next(iter(body.values()), None) if isinstance(body, dict) else None
    words = inner.get("message") if isinstance(inner, dict) else None
    said = f"{response.status_code} {response.reason}"
    return f"{said}: {str(words)[:WORDS]}" if words else said
