"""Every path that is served, in one place."""

from craton_maintenance.api.resources import (
    events,
    health,
    inventory,
    links,
    objects,
    openapi,
    windows,
)

#: Under ``/v1``: path to resource.
V1 = {
    "/": health.Version,
    "/maintenance-windows": windows.Windows,
    "/maintenance-windows/<string:window_id>": windows.Window,
    "/maintenance-windows/<string:window_id>/start": windows.WindowStart,
    "/maintenance-windows/<string:window_id>/finish": windows.WindowFinish,
    "/hosts/<string:ref>/maintenance": objects.HostMaintenance,
    "/cells/<string:ref>/maintenance": objects.CellMaintenance,
    "/regions/<string:ref>/maintenance": objects.RegionMaintenance,
    "/clouds/<string:ref>/maintenance": objects.CloudMaintenance,
    "/events": events.Events,
    "/events/pending": events.Pending,
    "/links": links.Links,
    "/links/<string:host>": links.HostLink,
    "/links/project/<string:host_id>": links.ProjectLink,
    "/nova-hosts": inventory.NovaHosts,
    "/openapi.json": openapi.OpenApi,
}

#: Beside the versions.
UNVERSIONED = {
    "/": health.Versions,
    "/health": health.Health,
    "/ready": health.Ready,
}
