"""Run by Vitrage's own Python: our driver and transformer in Vitrage's own processor.

Needs its libraries, and none of its processes. Asserts, and says so at its end.
"""

import datetime as dt
import sys

from oslo_config import cfg
from vitrage import datasources
from vitrage.common.constants import DatasourceAction as Action
from vitrage.datasources.nova.host import NOVA_HOST_DATASOURCE
from vitrage.entity_graph.driver_exec import DriverExec
from vitrage.entity_graph.mappings.datasource_info_mapper import DatasourceInfoMapper
from vitrage.entity_graph.processor.processor import Processor
from vitrage.graph.driver.networkx_graph import NXGraph
from vitrage.opts import register_opts

CONF = cfg.CONF
SESSION = "0b2f9d9a-8c2f-4c3f-9d4f-5a1c6a1b7e01"


class NoDatabase:
    """What a snapshot stores, and where nothing is."""

    def store_graph(self) -> None:
        pass


def payload(state, host="compute-01"):
    return {
        "service": "craton-maintenance",
        "project_id": "operators",
        "host": host,
        "region": "RegionOne",
        "state": state,
        "session_id": SESSION,
        "time": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
    }


class Graph:
    """Vitrage's graph with our datasource."""

    def __init__(self) -> None:
        self.graph = NXGraph("test")
        self.processor = Processor(self.graph)
        self.execution = DriverExec(self._take, NoDatabase(), self.graph)
        self.driver = datasources.utils.get_drivers_by_name(["maintenance"])[0]

    def _take(self, events):
        """As Vitrage's listener does."""
        events = list(events)
        for event in events:
            self.processor.process_event(event)
        return len(events)

    def tell(self, state, host="compute-01"):
        event = self.driver.enrich_event(payload(state, host), "maintenance.host")
        return self._take([] if event is None else [event])

    def snapshot(self, action=Action.SNAPSHOT):
        return self.execution.get_all("maintenance", action)

    def vertices(self):
        query = {
            "and": [
                {"==": {"vitrage_type": "maintenance"}},
                {"==": {"vitrage_is_deleted": False}},
            ]
        }
        return self.graph.get_vertices(query_dict=query)

    def marked(self):
        """Hosts with a mark and an edge that is alive."""
        found = []
        for vertex in self.vertices():
            (edge,) = self.graph.get_edges(vertex.vertex_id)
            assert edge.label == "on"
            assert not edge["vitrage_is_deleted"]
            host = self.graph.get_vertex(edge.target_id)
            assert (host["vitrage_type"], host["id"]) == (NOVA_HOST_DATASOURCE, vertex["host"])
            found.append(vertex["host"])
        return sorted(found)


def main(values_dir: str) -> None:
    CONF([], project="vitrage", default_config_files=[])
    for group, options in (("datasources", datasources.OPTS),):
        CONF.register_opts(options, group=group)
    register_opts("entity_graph", ["vitrage"])
    CONF.set_override("types", [NOVA_HOST_DATASOURCE, "maintenance"], "datasources")
    CONF.set_override("path", ["vitrage.datasources", "craton_maintenance_vitrage"], "datasources")
    CONF.set_override("datasources_values_dir", values_dir, "entity_graph")
    for name in CONF.datasources.types:
        register_opts(name, CONF.datasources.path)
    CONF.set_override("snapshot", False, "maintenance")
    test()
    print("all well")


def test() -> None:
    graph = Graph()
    assert graph.driver.get_event_types() == ["maintenance.host"]
    assert graph.tell("DRAINED") == 0
    assert graph.marked() == []
    graph.tell("IN_MAINTENANCE")
    assert graph.marked() == ["compute-01"]
    (vertex,) = graph.vertices()
    assert vertex["vitrage_category"] == "RESOURCE"
    # what state it is in is in the file of values
    assert vertex["vitrage_aggregated_state"] == "IN_MAINTENANCE"
    assert vertex["vitrage_operational_state"] == "TRANSIENT"
    # other projects don't see it
    assert vertex["project_id"] == "operators"
    # once more, and by a snapshot, it is the same one
    graph.tell("IN_MAINTENANCE")
    graph.snapshot()
    assert [one.vertex_id for one in graph.vertices()] == [vertex.vertex_id]
    # a snapshot that is on its way while the end is heard marks nothing
    late = graph.driver.get_all(Action.SNAPSHOT)
    assert len(late) == 1
    graph.tell("VERIFYING")
    graph.tell("MAINTENANCE_COMPLETE")
    assert graph.marked() == []
    graph._take(late)
    graph.tell("IN_MAINTENANCE")
    assert graph.marked() == []
    # what a snapshot does not name is taken away, in a graph of before as well
    graph.tell("IN_MAINTENANCE", "compute-02")
    assert graph.marked() == ["compute-02"]
    module = sys.modules["craton_maintenance_vitrage.maintenance.driver"]
    vertices = graph.vertices()
    for one in vertices:
        one["vitrage_sample_timestamp"] = "2026-01-01T00:00:00Z"
        graph.graph.update_vertex(one)
    module.BOOK.read([], asked=float("inf"), now=float("inf"))
    graph.snapshot()
    assert graph.marked() == []
    assert "maintenance" in DatasourceInfoMapper().datasources_value_confs


if __name__ == "__main__":
    main(sys.argv[1])
