"""The manager: hears notices, does what its application has to do, and answers.

A subclass says what that is, in the methods under "what an application does". None of them is
called twice for a notice that was answered, whatever comes twice.
"""

import datetime as dt
import logging
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from craton_maintenance.appmanager import notice as notices
from craton_maintenance.appmanager.caller import Call, Json, Unreachable
from craton_maintenance.appmanager.memory import Memory, Reply
from craton_maintenance.appmanager.notice import Notice

LOG = logging.getLogger(__name__)

ACTION_DONE = "INSTANCE_ACTION_DONE"
#: Notices that ask what is to happen to servers.
ASK_FOR_ACTIONS = frozenset({"PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE"})

#: Answers that are worth another try, or another token.
_TRY_AGAIN = frozenset({401, 403, 408, 429})
#: Seconds between two tries to reach the service: doubled up to the second.
_PAUSE, _LONGEST_PAUSE = 1.0, 30.0

_OVER = frozenset({"MAINTENANCE_DONE", "MAINTENANCE_FAILED"})
_PATH = re.compile(r"/maintenance/[0-9A-Za-z-]+/([0-9A-Za-z-]+)(?:/[0-9A-Za-z-]+)?$")


class Refused(Exception):
    """Raised by a hook: the application can't do that now. The service is told no."""


class NotTaken(Exception):
    """The service has not taken a request."""


class ApplicationManager:
    """Answers for the servers of one application in one project.

    Use it with :meth:`follow`, which reads the history for ever; with
    :class:`~craton_maintenance.appmanager.Webhook`, which Aodh calls; or without either, event
    by event, with :meth:`handle` or :meth:`poll`.
    """

    def __init__(
        self,
        call: Call,
        endpoint: str,
        project_id: str,
        memory: Memory | None = None,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """
        :param call: sends requests as a member of the project
        :param endpoint: address of the maintenance service, ending in ``/v1``
        """
        self.endpoint = endpoint.rstrip("/")
        self.project_id = project_id
        self.memory = memory or Memory()
        self._call = call
        self._clock = clock
        # a webhook and a reader of the history may share a manager
        self._lock = threading.RLock()

    # -- what an application does ------------------------------------------------------

    def own(self) -> Collection[str] | None:
        """Ids of the application's servers; None: all of the project's.

        Where several applications share a project, each has a manager.
        """
        return None

    def active(self) -> str | None:
        """Id of the server that serves now; None: there is no single one."""
        return None

    def accept(self, notice: Notice, servers: Collection[str]) -> None:
        """There will be maintenance.

        :raises Refused: not now
        """

    def scale_in(self) -> None:
        """Need less: remove servers, and return when they are gone.

        :raises Refused: the application can't do with less
        """

    def scale_out(self) -> None:
        """Go back to the usual size, if it is not. Called at the end of each session."""

    def switch_over(self, server_id: str) -> None:
        """Let another server serve: this one, the active one, is about to be acted on.

        :raises Refused: nobody can take over
        """

    def choose(
        self, state: str, servers: Collection[str], allowed: Collection[str]
    ) -> Mapping[str, str]:
        """What is to happen to each server.

        :param state: ``PREPARE_MAINTENANCE`` or ``PLANNED_MAINTENANCE``
        :param allowed: ``MIGRATE``, and others that are possible; flows as ``flow:NAME``
        :returns: action by server
        :raises Refused: nothing of this
        """
        action = "LIVE_MIGRATE" if "LIVE_MIGRATE" in allowed else "MIGRATE"
        return dict.fromkeys(servers, action)

    def own_action(self, server_id: str, until: dt.datetime | None) -> None:
        """Move or delete the server, for which ``OWN_ACTION`` was chosen and answered.

        :param until: by when
        """

    def action_done(self, server_id: str) -> None:
        """What was to happen to a server has happened."""

    def constraints(self) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        """Standing wishes: by group id, and by server id.

        Of groups ``max_impacted_members``, ``recovery_time``, …; of servers ``group_id``,
        ``lead_time``, ``max_interruption_time``, ``migration_type``, …
        """
        return {}, {}

    # -- hearing ----------------------------------------------------------------------

    def handle(self, event: Mapping[str, Any]) -> list[Reply]:
        """Deal with one event, of the history or from Aodh, and answer.

        :returns: the replies that were sent: none, or one
        :raises NotTaken, Unreachable: it was not taken; :meth:`retry` sends it again
        :raises ValueError: the event can't be understood
        :raises Exception: whatever a hook raises; nothing was answered
        """
        notice = notices.read(event)
        if notice is None or notice.project_id != self.project_id:
            return []
        with self._lock:
            if notice.state == ACTION_DONE:
                self._action_done(notice)
                return []
            reply = self.memory.replies.get(notice.key)
            if reply is None:
                return self._first(notice)
            if reply.sent and reply.message_id == notice.message_id:
                return []
            # sent once more by the service: it has not got, or has lost, our reply
            return [self._send(notice, reply)]

    def hear(self, event: Mapping[str, Any]) -> list[Reply]:
        """As :meth:`handle`, but what goes wrong is logged, and tried again by :meth:`retry`."""
        with self._lock:
            try:
                return self.handle(event)
            except notices.Malformed as error:
                LOG.error("%s", error)
                return []
            except (NotTaken, Unreachable) as error:
                LOG.warning("%s", error)
            except Exception:
                LOG.exception("a notice could not be dealt with; it will be tried again")
            self.memory.postpone(dict(event))
            return []

    def retry(self) -> list[Reply]:
        """Deal again with what could not be dealt with."""
        with self._lock:
            events, self.memory.again = self.memory.again, []
            return [reply for event in events for reply in self.hear(event)]

    def poll(self, wait: int = 0) -> list[Reply]:
        """Read the history once, and deal with what is new.

        :param wait: seconds to wait for news where there are none
        :raises NotTaken, Unreachable: the history can't be read
        """
        if self.memory.since is None:
            return self.catch_up()
        sent = self.retry()
        query = {"since": self.memory.since, "project_id": self.project_id}
        page = self._get("/events", query | ({"wait": wait} if wait else {}), wait)
        for event in page["events"]:
            sent += self.hear(event)
            self.memory.since = event["seq"]
            self.memory.save()
        return sent

    def catch_up(self) -> list[Reply]:
        """Begin without a memory: answer what is asked now, and go on from there."""
        # the number first: what comes meanwhile is read again, and nothing is missed
        since = self._get("/events/pending", {"project_id": self.project_id})["seq"]
        sent: list[Reply] = []
        for session_id in self._sessions():
            part = self._part(f"{self.endpoint}/maintenance/{session_id}/{self.project_id}")
            if part.get("awaits_reply"):
                url = f"{self.endpoint}/maintenance/{session_id}/{self.project_id}"
                payload = part | {"reply_url": url, "project_id": self.project_id}
                event = {
                    "event_type": notices.SCHEDULED,
                    "payload": payload | {"session_id": session_id},
                    "servers": part["instance_ids"],
                }
                sent += self.hear(event)
        self.memory.since = since
        self.memory.save()
        return sent

    def follow(
        self,
        wait: int = 30,
        stopped: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read the history until ``stopped``; a service that is away is waited for."""
        pause = _PAUSE
        while not stopped():
            try:
                self.poll(wait)
                pause = _PAUSE
            except (NotTaken, Unreachable) as error:
                LOG.warning("%s; trying again in %s s", error, pause)
                sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    # -- constraints --------------------------------------------------------------------

    def register(self) -> None:
        """Tell the service our constraints.

        :raises NotTaken, Unreachable: it has not taken one of them
        """
        groups, servers = self.constraints()
        for path, wishes in (("instance_group", groups), ("instance", servers)):
            for each, wish in wishes.items():
                key = "group_id" if path == "instance_group" else "instance_id"
                body = dict(wish) | {key: each, "project_id": self.project_id}
                answer = self._ask("PUT", f"{self.endpoint}/{path}/{_part(each)}", body)
                if answer.get("clipped"):
                    LOG.warning("%s %s: granted less of %s", path, each, answer["clipped"])

    def unregister(self) -> None:
        """Withdraw our constraints.

        :raises NotTaken, Unreachable: it has not taken one of them
        """
        groups, servers = self.constraints()
        for path, ids in (("instance", servers), ("instance_group", groups)):
            for each in ids:
                self._ask("DELETE", f"{self.endpoint}/{path}/{_part(each)}", missing=True)

    # -- answering ----------------------------------------------------------------------

    def _first(self, notice: Notice) -> list[Reply]:
        url = self._reply_url(notice)
        servers = self._concerned(notice, url)
        if not servers:
            return []
        if notice.state != "MAINTENANCE_COMPLETE" and self._is_over(notice, url):
            LOG.info("%s was not answered in time, and is over", notice.state)
            return []
        body: Json = {"session_id": notice.session_id, "state": f"ACK_{notice.state}"}
        try:
            body |= self._do(notice, servers)
        except Refused as error:
            LOG.warning("%s is answered with no: %s", notice.state, error)
            body["state"] = f"NACK_{notice.state}"
        reply = Reply(url, body)
        # before it is sent: what was done is not done again
        self.memory.remember(notice.key, reply)
        return [self._send(notice, reply)]

    def _do(self, notice: Notice, servers: Collection[str]) -> Json:
        """Do what a notice asks for; what the reply has to say of it."""
        if notice.state == "SCALE_IN":
            self.scale_in()
        elif notice.state == "MAINTENANCE_COMPLETE":
            self.scale_out()
        elif notice.state in ASK_FOR_ACTIONS:
            active = self.active()
            if active is not None and active in servers:
                self.switch_over(active)
            actions = dict(self.choose(notice.state, servers, notice.allowed))
            if notice.single and len(actions) == 1:
                return {"instance_action": next(iter(actions.values()))}
            return {"instance_actions": actions}
        else:
            self.accept(notice, servers)
        return {}

    def _send(self, notice: Notice, reply: Reply) -> Reply:
        first = not reply.sent
        status, answer = self._call("PUT", reply.url, reply.body)
        if status >= 500 or status in _TRY_AGAIN:
            raise NotTaken(f"{reply.url} answered {status}: {answer.get('message', '')}")
        if status >= 300:
            LOG.warning("a reply was refused: %s %s", status, answer.get("message", ""))
        else:
            LOG.info("session %s: answered %s", notice.session_id, _said(reply.body))
        sent = Reply(reply.url, reply.body, status, notice.message_id)
        self.memory.remember(notice.key, sent)
        if first and status < 300:
            for server_id in self._own_actions(notice, reply.body):
                self.own_action(server_id, notice.actions_at)
        return sent

    def _own_actions(self, notice: Notice, body: Json) -> Iterable[str]:
        if body.get("instance_action") == "OWN_ACTION":
            return notice.servers or ()
        actions = body.get("instance_actions", {})
        return [each for each, action in actions.items() if action == "OWN_ACTION"]

    def _action_done(self, notice: Notice) -> None:
        # remembered as if it had been answered
        if notice.key in self.memory.replies:
            return
        for server_id in self._of_ours(notice.servers or ()):
            self.action_done(server_id)
        self.memory.remember(notice.key, Reply("", {}, 200, notice.message_id))

    def _concerned(self, notice: Notice, url: str) -> list[str]:
        """The servers of ours that a notice is about."""
        servers = notice.servers
        if servers is None:
            servers = self._part(url).get("instance_ids", ())
        return self._of_ours(servers)

    def _of_ours(self, servers: Iterable[str]) -> list[str]:
        own = self.own()
        return [each for each in servers if own is None or each in own]

    def _is_over(self, notice: Notice, url: str) -> bool:
        """Whether it is too late: we were away, and the service has gone on."""
        if notice.reply_at is None or self._clock() < notice.reply_at:
            return False
        part = self._part(url)
        return not part.get("awaits_reply", True) or part.get("state") != notice.state

    def _reply_url(self, notice: Notice) -> str:
        """Where to answer.

        Anybody who reaches a webhook can write addresses into a notice: only the path is taken,
        so our token goes to the service and to nobody else.
        """
        found = _PATH.search(urllib.parse.urlsplit(notice.reply_url).path)
        if found is None or found[1] != self.project_id:
            raise notices.Malformed(f"{notice.reply_url!r} is no address for replies of ours")
        return self.endpoint + found[0]

    # -- requests -----------------------------------------------------------------------

    def _sessions(self) -> list[str]:
        """Sessions that are not over, as far as the service says."""
        listed = self._get("/maintenance", {"details": "true"})
        details = listed.get("details")
        if details is None:
            return list(listed["sessions"])
        return [each["session_id"] for each in details if each["state"] not in _OVER]

    def _part(self, url: str) -> Json:
        """What we are asked in a session; empty where we have no part in it."""
        return self._ask("GET", url, missing=True)

    def _get(self, path: str, query: Mapping[str, Any], wait: float = 0.0) -> Json:
        address = f"{self.endpoint}{path}?{urllib.parse.urlencode(query)}"
        return self._ask("GET", address, wait=wait)

    def _ask(
        self,
        method: str,
        url: str,
        body: Json | None = None,
        wait: float = 0.0,
        missing: bool = False,
    ) -> Json:
        """
        :param missing: 404 is an empty answer
        """
        status, answer = self._call(method, url, body, wait)
        if status == 404 and missing:
            return {}
        if status >= 300:
            raise NotTaken(f"{method} {url} answered {status}: {answer.get('message', '')}")
        return answer


def _said(body: Json) -> str:
    """A reply, short, for the log."""
    actions = body.get("instance_actions") or {}
    chosen = [f"{server} {action}" for server, action in actions.items()]
    if body.get("instance_action"):
        chosen.append(body["instance_action"])
    return ", ".join([body["state"], *chosen])


def _part(name: str) -> str:
    return urllib.parse.quote(name, safe="")
