"""Every path that is served, in one place."""

from typing import Any

from werkzeug.routing import BaseConverter

from craton_maintenance.api.resources import (
    constraints,
    events,
    flows,
    health,
    inventory,
    links,
    listeners,
    news,
    objects,
    openapi,
    replies,
    sessions,
    windows,
)
from craton_maintenance.api.resources.craton import objects as craton
from craton_maintenance.api.resources.craton import projects, users, variables


class Project(BaseConverter):
    """A project's id: anything but the words that stand in its place."""

    regex = r"(?!(?:detail|listeners)$)[^/]+"
    part_isolating = True


#: Kinds of variables in paths, beside those that are always there.
CONVERTERS = {"project": Project}

#: Under ``/v1``: path to resource.
V1: dict[str, type[Any]] = {
    "/": health.Version,
    "/maintenance-windows": windows.Windows,
    "/maintenance-windows/<string:window_id>": windows.Window,
    "/maintenance-windows/<string:window_id>/start": windows.WindowStart,
    "/maintenance-windows/<string:window_id>/finish": windows.WindowFinish,
    "/maintenance-windows/<string:window_id>/listeners": listeners.WindowListeners,
    "/maintenance": sessions.Sessions,
    "/maintenance/<string:session_id>": sessions.Session,
    "/maintenance/<string:session_id>/detail": sessions.SessionDetail,
    "/maintenance/<string:session_id>/listeners": listeners.SessionListeners,
    "/maintenance/<string:session_id>/<project:project_id>": replies.Part,
    "/maintenance/<string:session_id>/<project:project_id>/<string:instance_id>": (
        replies.InstancePart
    ),
    "/maintenance-flows": flows.Flows,
    "/instance/<string:instance_id>": constraints.Instance,
    "/instance_group/<string:group_id>": constraints.Group,
    "/hosts/<string:ref>/maintenance": objects.HostMaintenance,
    "/cells/<string:ref>/maintenance": objects.CellMaintenance,
    "/regions/<string:ref>/maintenance": objects.RegionMaintenance,
    "/clouds/<string:ref>/maintenance": objects.CloudMaintenance,
    "/events": events.Events,
    "/events/pending": events.Pending,
    "/links": links.Links,
    "/links/active": links.ActiveLinks,
    "/links/<string:host>": links.HostLink,
    "/links/project/<string:host_id>": links.ProjectLink,
    "/listeners": listeners.Listeners,
    "/nova-hosts": inventory.NovaHosts,
    "/step-news/<string:step_id>/<string:token>": news.StepNews,
    "/openapi.json": openapi.OpenApi,
    "/projects/<string:object_id>/binding": projects.Binding,
}

#: Craton's own, under ``/v1`` where no Craton serves them.
CRATON_V1: dict[str, type[Any]] = {
    "/clouds": craton.Clouds,
    "/clouds/<string:object_id>": craton.Cloud,
    "/clouds/<string:object_id>/variables": variables.CloudVariables,
    "/regions": craton.Regions,
    "/regions/<string:object_id>": craton.Region,
    "/regions/<string:object_id>/variables": variables.RegionVariables,
    "/cells": craton.Cells,
    "/cells/<string:object_id>": craton.Cell,
    "/cells/<string:object_id>/variables": variables.CellVariables,
    "/hosts": craton.Hosts,
    "/hosts/<string:object_id>": craton.Host,
    "/hosts/<string:object_id>/variables": variables.HostVariables,
    "/hosts/<string:object_id>/labels": variables.HostLabels,
    "/projects": projects.Projects,
    "/projects/<string:object_id>": projects.Project,
    "/projects/<string:object_id>/variables": variables.ProjectVariables,
    "/users": users.Users,
    "/users/<string:object_id>": users.User,
}

#: Beside the versions.
UNVERSIONED = {
    "/": health.Versions,
    "/health": health.Health,
    "/ready": health.Ready,
}
