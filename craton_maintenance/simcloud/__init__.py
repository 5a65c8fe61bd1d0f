"""A simulated cloud: what Nova, Keystone and Placement say and do, without them."""

from craton_maintenance.simcloud.clock import RealClock, VirtualClock
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.faults import Fault
from craton_maintenance.simcloud.fleet import Fleet, FleetError, demo_fleet, large_fleet
from craton_maintenance.simcloud.hosts import add as add_host
from craton_maintenance.simcloud.hosts import power_off, start_compute, stop_compute
from craton_maintenance.simcloud.hosts import remove as remove_host
from craton_maintenance.simcloud.server import SimCloudServer
from craton_maintenance.simcloud.settings import Chances, Settings, Timing
from craton_maintenance.simcloud.transport import AUTH_URL, session
from craton_maintenance.simcloud.wsgi import create_app

__all__ = [
    "AUTH_URL",
    "Chances",
    "Cloud",
    "Fault",
    "Fleet",
    "FleetError",
    "RealClock",
    "Settings",
    "SimCloudServer",
    "Timing",
    "VirtualClock",
    "add_host",
    "create_app",
    "demo_fleet",
    "large_fleet",
    "power_off",
    "remove_host",
    "session",
    "start_compute",
    "stop_compute",
]
