"""Vitrage's transformer of the datasource: a vertex ``maintenance`` on the nova.host.

It is a resource, not an alarm: Vitrage's notifiers report every alarm, and maintenance is
none.
"""

from __future__ import annotations

from typing import Any

from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import EdgeLabel, EntityCategory, GraphAction
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources import transformer_base
from vitrage.datasources.nova.host import NOVA_HOST_DATASOURCE
from vitrage.datasources.resource_transformer_base import ResourceTransformerBase
from vitrage.graph import utils as graph_utils

from craton_maintenance_vitrage.maintenance import properties as names
from craton_maintenance_vitrage.maintenance.driver import BOOK


class MaintenanceTransformer(ResourceTransformerBase):
    """Makes vertices of the driver's events."""

    def get_vitrage_type(self) -> str:
        return names.DATASOURCE

    def _create_snapshot_entity_vertex(self, entity_event: dict[str, Any]) -> Any:
        return self._vertex(entity_event)

    def _create_update_entity_vertex(self, entity_event: dict[str, Any]) -> Any:
        return self._vertex(entity_event)

    def _vertex(self, event: dict[str, Any]) -> Any:
        sampled = event[DSProps.SAMPLE_DATE]
        return graph_utils.create_vertex(
            self._create_entity_key(event),
            vitrage_category=EntityCategory.RESOURCE,
            vitrage_type=names.DATASOURCE,
            vitrage_sample_timestamp=sampled,
            entity_id=event[names.SESSION],
            entity_state=names.BEGINS,
            update_timestamp=event[names.SINCE] or sampled,
            # without a project every project would see it
            project_id=event[names.PROJECT] or names.DATASOURCE,
            metadata={
                VProps.NAME: f"maintenance of {event[names.HOST]}",
                names.HOST: event[names.HOST],
                names.SESSION: event[names.SESSION],
            },
        )

    def _create_snapshot_neighbors(self, entity_event: dict[str, Any]) -> list[Any]:
        return self._host(entity_event)

    def _create_update_neighbors(self, entity_event: dict[str, Any]) -> list[Any]:
        return self._host(entity_event)

    def _host(self, event: dict[str, Any]) -> list[Any]:
        return [
            self._create_neighbor(event, event[names.HOST], NOVA_HOST_DATASOURCE, EdgeLabel.ON)
        ]

    def _create_entity_key(self, entity_event: dict[str, Any]) -> str:
        return transformer_base.build_key(
            self._key_values(
                names.DATASOURCE,
                entity_event[names.REGION],
                entity_event[names.HOST],
                entity_event[names.SESSION],
            )
        )

    def _extract_graph_action(self, entity_event: dict[str, Any]) -> Any:
        """What to do to the graph.

        Vitrage does one event after the other, but a snapshot's may have waited while a
        notification has ended the work: looked at here, it can't mark the host again.
        """
        key = (entity_event[names.REGION], entity_event[names.HOST], entity_event[names.SESSION])
        if BOOK.is_over(key):
            return GraphAction.DELETE_ENTITY
        return super()._extract_graph_action(entity_event)
