"""A reference application manager: what an application does about maintenance of its hosts.

Start from :class:`ApplicationManager`: a subclass with the hooks that the application needs is
all that it takes. Besides ``main`` nothing here needs more than the standard library and
keystoneauth.
"""

from craton_maintenance.appmanager.caller import Call, Caller, Unreachable
from craton_maintenance.appmanager.manager import ApplicationManager, NotTaken, Refused
from craton_maintenance.appmanager.memory import Memory, Reply
from craton_maintenance.appmanager.notice import Notice
from craton_maintenance.appmanager.webhook import Webhook

__all__ = [
    "ApplicationManager",
    "Call",
    "Caller",
    "Memory",
    "NotTaken",
    "Notice",
    "Refused",
    "Reply",
    "Unreachable",
    "Webhook",
]
