"""Alertmanager: silences for the alerts of a host, and of the servers that stay on it.

Its API is that of its OpenAPI document, version 2.  Silences are found again by who made them
and by their comment, so nothing has to be remembered; and they end by themselves.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from oslo_config import cfg

from craton_maintenance.adapters.base import WORDS, Adapter, AdapterError, Ask, Kept

#: What has a meaning in a regular expression.
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")

#: Ids of servers in one silence.
_SERVERS = 200

#: What a new one begins before now: an Alertmanager whose clock is behind has it begin at once.
_BEFORE = dt.timedelta(minutes=5)

#: Two ends that are not further apart are the same: it keeps milliseconds.
_SAME = dt.timedelta(seconds=1)

Matchers = tuple[tuple[str, str, bool], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Silence:
    """A silence of ours."""

    id: str
    matchers: Matchers
    starts_at: str
    ends_at: dt.datetime


class Alertmanager(Adapter):
    """Keeps silences for each host that is worked on; silences of others are never touched."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        conf = self.conf.alertmanager
        if not conf.url:
            raise cfg.Error("[alertmanager] url is missing")
        if "{host}" not in conf.host_pattern:
            raise cfg.Error("[alertmanager] host_pattern has no {host} in it: it would match all")
        if len(self.regions) > 1 and not conf.region_label:
            raise cfg.Error(
                "[alertmanager] region_label is missing: there are several regions, and hosts "
                "in two of them may have the same name"
            )
        self._url = f"{conf.url.rstrip('/')}/api/v2"
        self._http = requests.Session()
        if conf.username:
            self._http.auth = (conf.username, conf.password or "")
        if conf.cafile:
            self._http.verify = conf.cafile

    @classmethod
    def is_required(cls, conf: cfg.ConfigOpts) -> bool:
        return bool(conf.alertmanager.manner == "required")

    def suppress(self, ask: Ask) -> Kept:
        until = ask.until or self.clock() + dt.timedelta(hours=1)
        wanted = list(self._wanted(ask))
        left = {one.matchers: one for one in self._ours(ask)}
        ids = []
        for matchers in wanted:
            there = left.pop(matchers, None)
            if there is not None and abs(there.ends_at - until) <= _SAME:
                ids.append(there.id)
            else:
                ids.append(self._post(ask, matchers, until, there))
        for other in left.values():
            # of a server that is gone, or as another configuration had it
            self._delete(ask, other.id)
        return Kept({"silences": ids})

    def release(self, ask: Ask) -> None:
        for one in self._ours(ask):
            self._delete(ask, one.id)

    # -- which silences ------------------------------------------------------------

    def _wanted(self, ask: Ask) -> Iterator[Matchers]:
        """What each silence has to match, in order of the labels' names."""
        conf = self.conf.alertmanager
        common = [(name, value, False) for name, value in conf.matchers.items()]
        if conf.region_label:
            common.append((conf.region_label, ask.region, False))
        host = conf.host_pattern.replace("{host}", _literally(ask.host))
        for label in conf.host_labels:
            yield tuple(sorted([*common, (label, host, True)]))
        for start in range(0, len(ask.servers), _SERVERS):
            some = "|".join(_literally(one) for one in ask.servers[start : start + _SERVERS])
            for label in conf.server_labels:
                yield tuple(sorted([*common, (label, some, True)]))

    def _about(self, ask: Ask) -> str:
        """How a comment of ours begins."""
        return f"maintenance of {ask.host} ({ask.region}), "

    def _ours(self, ask: Ask) -> list[_Silence]:
        """Those for this host that are not over."""
        answer = self._call(ask, "GET", "/silences")
        if not isinstance(answer, list):
            raise AdapterError("what answers there is not Alertmanager")
        try:
            return [
                _silence(one)
                for one in answer
                if one["createdBy"] == self.conf.alertmanager.created_by
                and one["comment"].startswith(self._about(ask))
                and one["status"]["state"] != "expired"
            ]
        except (KeyError, TypeError, ValueError):
            raise AdapterError("what answers there is not Alertmanager") from None

    # -- its API -------------------------------------------------------------------

    def _post(
        self, ask: Ask, matchers: Matchers, until: dt.datetime, before: _Silence | None
    ) -> str:
        """Make a silence, or prolong one: that is the same call, with its id and beginning."""
        body: dict[str, Any] = {
            "matchers": [
                {"name": name, "value": value, "isRegex": regex, "isEqual": True}
                for name, value, regex in matchers
            ],
            "startsAt": before.starts_at if before else (self.clock() - _BEFORE).isoformat(),
            "endsAt": until.isoformat(),
            "createdBy": self.conf.alertmanager.created_by,
            "comment": f"{self._about(ask)}session {ask.session_id}",
        }
        if before is not None:
            body["id"] = before.id
        answer = self._call(ask, "POST", "/silences", json=body)
        made = answer.get("silenceID") if isinstance(answer, Mapping) else None
        if not made:
            raise AdapterError("Alertmanager took a silence, and gave it no id")
        return str(made)

    def _delete(self, ask: Ask, silence_id: str) -> None:
        self._call(ask, "DELETE", f"/silence/{silence_id}")

    def _call(self, ask: Ask, method: str, path: str, **more: Any) -> Any:
        """The JSON of an answer, None where it has no body.

        Words are our own: those of the library have the address, which may have a password.
        """
        seconds = ask.seconds(self.conf.adapters.timeout)
        try:
            response = self._http.request(
                method, self._url + path, timeout=seconds, allow_redirects=False, **more
            )
        except requests.Timeout:
            raise AdapterError(f"Alertmanager does not answer in {seconds:.0f} s") from None
        except requests.exceptions.SSLError:
            raise AdapterError("Alertmanager's certificate is not to be trusted") from None
        except requests.RequestException:
            raise AdapterError("Alertmanager can't be reached") from None
        if response.status_code >= 300:
            said = f"{response.status_code} {response.reason}"
            words = response.text.strip()[:WORDS]
            raise AdapterError(f"Alertmanager answers {said}" + (f": {words}" if words else ""))
        if method == "DELETE":
            return None
        try:
            return response.json()
        except requests.JSONDecodeError:
            raise AdapterError("what answers there is not Alertmanager") from None


def _silence(shown: Mapping[str, Any]) -> _Silence:
    """A silence as it is listed."""
    matchers = [(one["name"], one["value"], bool(one["isRegex"])) for one in shown["matchers"]]
    ends_at = dt.datetime.fromisoformat(shown["endsAt"])
    return _Silence(shown["id"], tuple(sorted(matchers)), shown["startsAt"], ends_at)


def _literally(text: str) -> str:
    """As a regular expression that matches this text only."""
    return _SPECIAL.sub(r"\\\1", text)
