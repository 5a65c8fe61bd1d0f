"""A filter for nova-api: links with rel ``maintenance`` on services and servers.

It runs inside nova-api, with the libraries that Nova has there: so this package
stands beside ``craton_maintenance``, imports the standard library and nothing
else, and is of use alone, installed by ``pip install --no-deps`` or copied.
What the options of its section in ``api-paste.ini`` mean is said in
:class:`craton_maintenance_nova_links.options.Options`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from craton_maintenance_nova_links.active import Active
from craton_maintenance_nova_links.links import Links
from craton_maintenance_nova_links.options import Options
from craton_maintenance_nova_links.source import Source

__all__ = ["Active", "Links", "Options", "Source", "filter_factory"]


def filter_factory(global_conf: dict[str, str], **local_conf: str) -> Callable[[Any], Links]:
    """Make the filter, as paste asks for it.

    :param local_conf: the options of its section
    :raises ValueError: an option that can't be used; nova-api does not start then
    """
    options = Options.read(local_conf)

    def make(app: Any) -> Links:
        # one for each pipeline it is in, with a thread that starts at the first request
        return Links(app, Active(Source(options), options), options.max_body)

    return make
