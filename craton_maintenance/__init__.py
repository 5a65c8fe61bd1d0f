"""Planned maintenance for OpenStack clouds, as a plugin extension of Craton.

oslo.messaging and taskflow import eventlet where it is installed.  It must
never patch the standard library here: the service runs on native threads, so
oslo.service's threading backend is chosen before anything else is imported.
"""

import warnings as _warnings

with _warnings.catch_warnings():
    # It is imported by libraries and not used; whoever runs us can't change that.
    _warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")
    from oslo_service import backend as _backend

    if _backend.get_backend_type() is None:
        _backend.init_backend(_backend.BackendType.THREADING)
