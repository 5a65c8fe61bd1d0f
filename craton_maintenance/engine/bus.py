"""The message bus: one hand-over at a time, and certainty about each.

oslo.messaging's Notifier can't give that: with a dead broker it returns as if all
were well, it makes a new message id at each call, and a context given as a dict
arrives empty.  So messages go through the transport as oslo.messaging's own
``messagingv2`` driver sends them, with ``retry=0``; publisher confirms are on in
its RabbitMQ driver, so a call that returns was taken by the broker.  A test pins
the call that is made here.
"""

import logging
from collections.abc import Mapping
from typing import Any

import oslo_messaging
from oslo_config import cfg

from craton_maintenance.domain import times

LOG = logging.getLogger(__name__)

_VERSION = 2.0
_PRIORITY = "info"


class NotTaken(Exception):
    """The broker did not take a message; the message of this is the broker's words."""


class Bus:
    """Notifications of ours on the bus."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """
        :param conf: with ``transport_url`` or that of oslo_messaging_notifications set
        """
        self._conf = conf
        self._transport = oslo_messaging.get_notification_transport(conf)
        self._publisher_id = conf.events.publisher_id
        self._targets = [
            oslo_messaging.Target(exchange=conf.events.exchange, topic=f"{topic}.{_PRIORITY}")
            for topic in conf.oslo_messaging_notifications.topics
        ]

    def send(self, event: Any, user_id: str) -> None:
        """Hand over one stored event, to every topic.

        :param event: a row of ``maintenance_events``
        :param user_id: the service's user; Mistral's event engine ends without one
        :raises NotTaken: one of the topics may lack it; send it again, the id is the same
        """
        context = self.context(event, user_id)
        for target in self._targets:
            # the driver writes into what it is given
            message = self.message(event)
            try:
                self._transport._send_notification(
                    target, dict(context), message, version=_VERSION, retry=0
                )
            except Exception as error:
                # the driver's own, but also what it lets through of kombu and amqp
                # when the broker is away at the first connection
                self._begin_anew()
                raise NotTaken(f"{type(error).__name__}: {error}") from error

    def message(self, event: Any) -> dict[str, Any]:
        """The notification, the same on every repeat."""
        return {
            "message_id": event.id,
            "publisher_id": self._publisher_id,
            "timestamp": str(event.created_at.replace(tzinfo=None)),
            "priority": _PRIORITY.upper(),
            "event_type": event.event_type,
            "payload": event.payload | {"seq": event.seq, "time": times.text(event.created_at)},
        }

    @staticmethod
    def context(event: Any, user_id: str) -> Mapping[str, Any]:
        """Aodh looks up alarms by the project here, Mistral fires only that project's triggers."""
        return {
            "project_id": event.project_id,
            "tenant_id": event.project_id,
            "user_id": user_id,
            "request_id": f"req-{event.id}",
        }

    def close(self) -> None:
        self._transport.cleanup()

    def _begin_anew(self) -> None:
        """Throw connections away.

        With ``retry=0`` oslo.messaging never mends one whose channel was closed by a
        refusal (a nack, or a queue that was declared otherwise): every later message
        would fail on it, whatever the operator has set right meanwhile.
        """
        try:
            self._transport.cleanup()
        except Exception as error:  # of a connection that is of no use any more
            LOG.debug("a connection did not close: %s", error)
        self._transport = oslo_messaging.get_notification_transport(self._conf)


def configured(conf: cfg.ConfigOpts) -> bool:
    """Whether somebody named a broker; without one the history over HTTP serves.

    oslo.messaging's own default, RabbitMQ on this host, is nobody's word.
    """
    if not conf.events.bus:
        return False
    notifications = conf.oslo_messaging_notifications.transport_url
    return bool(notifications) or _is_set(conf, "transport_url")


def _is_set(conf: cfg.ConfigOpts, name: str) -> bool:
    location = conf.get_location(name)
    return location is not None and location.location is not cfg.Locations.opt_default
