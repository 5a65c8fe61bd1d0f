"""stub"""
from craton_maintenance.simcloud.errors import ApiError


def perform(*a, **k): raise ApiError(501, "not yet")
create = perform
