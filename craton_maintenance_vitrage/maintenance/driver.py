"""Vitrage's driver of the datasource: hears notifications, and asks for snapshots.

At the end of each snapshot Vitrage takes away what the snapshot did not name. So after
a restart, when it has its graph of before from its database, nothing stays marked that
nobody says is worked on now.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from keystoneauth1 import exceptions
from oslo_config import cfg
from oslo_log import log
from vitrage import keystone_client
from vitrage.common.constants import DatasourceAction, GraphAction
from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.datasources.driver_base import DriverBase

from craton_maintenance_vitrage.maintenance import book, snapshot
from craton_maintenance_vitrage.maintenance import properties as names

CONF = cfg.CONF
LOG = log.getLogger(__name__)

#: What is known, for the driver and the transformer: Vitrage makes one of each.
BOOK = book.Book()


class MaintenanceDriver(DriverBase):
    """Marks hosts from IN_MAINTENANCE until their work has ended."""

    _datasource_name = names.DATASOURCE

    def __init__(self) -> None:
        super().__init__()
        self._well = True

    @staticmethod
    def get_event_types() -> list[str]:
        """What Vitrage hands to :meth:`enrich_event`."""
        return [names.EVENT_TYPE]

    @staticmethod
    def should_delete_outdated_entities() -> bool:
        """What :meth:`get_all` did not name is not worked on."""
        return True

    def enrich_event(self, event: Any, event_type: str) -> Any:
        """The driver's event for a notification; None where it changes nothing.

        :param event: payload of the notification
        """
        told = book.change(event, CONF.maintenance.region)
        if told is None or not BOOK.hear(told, time.monotonic()):
            return None
        made = _event(told.stay)
        if told.over:
            made[DSProps.EVENT_TYPE] = GraphAction.DELETE_ENTITY
        return self._for_vitrage([made], DatasourceAction.UPDATE)[0]

    def get_all(self, datasource_action: str) -> Any:
        """Every host that is worked on: from the API, else from what was heard."""
        if CONF.maintenance.snapshot:
            self._ask()
        current = BOOK.current(time.monotonic(), CONF.maintenance.max_age)
        return self._for_vitrage(map(_event, current), datasource_action)

    def _ask(self) -> None:
        asked = time.monotonic()
        try:
            api = _Api()
            found = snapshot.read(api.get, BOOK.sessions(), CONF.maintenance.region)
        except Exception as error:
            # what was heard is still known; whatever this process has not heard is not
            if self._well:
                LOG.warning(
                    "craton-maintenance does not say which hosts are worked on; those that "
                    "it was heard of are known: %s",
                    error,
                )
            self._well = False
            return
        if not self._well:
            LOG.info("craton-maintenance says again which hosts are worked on")
        self._well = True
        BOOK.read(found, asked, time.monotonic())

    def _for_vitrage(self, events: Iterable[dict[str, Any]], action: str) -> Any:
        return self.make_pickleable(list(events), names.DATASOURCE, action)


def _event(stay: book.Stay) -> dict[str, Any]:
    return {
        names.HOST: stay.host,
        names.REGION: stay.region,
        names.SESSION: stay.session_id,
        names.PROJECT: stay.project_id,
        names.SINCE: stay.since,
    }


class _Api:
    """craton-maintenance's API, as the user of ``[service_credentials]``."""

    def __init__(self) -> None:
        # anew each time, with a token and a catalogue of now: it is seldom asked
        self._session = keystone_client.get_session()
        self._where: dict[str, Any]
        if CONF.maintenance.endpoint:
            self._where = {"endpoint_override": CONF.maintenance.endpoint.rstrip("/")}
        else:
            credentials = CONF.service_credentials
            self._where = {
                "endpoint_filter": {
                    "service_type": CONF.maintenance.service_type,
                    "interface": credentials.interface,
                    "region_name": credentials.region_name,
                }
            }

    def get(self, path: str) -> Any:
        """The answer at a path below ``/v1``; None: there is no such thing.

        :raises Exception: no answer, or another one
        """
        try:
            answer = self._session.get(
                path,
                authenticated=True,
                redirect=False,
                timeout=CONF.maintenance.timeout,
                **self._where,
            )
        except exceptions.NotFound:
            return None
        return answer.json()
