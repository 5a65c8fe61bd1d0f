"""Packages: what is found under ``craton_maintenance`` and two mapped folders.

``migrations/`` and ``schemas/`` live at the top of the tree, where operators
look for them, and are installed inside the package (see ``setup.cfg``).
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["craton_maintenance", "craton_maintenance.*"]),
        "craton_maintenance.migrations",
        "craton_maintenance.migrations.versions",
        "craton_maintenance.schemas",
        # runs inside nova-api, without the rest
        "craton_maintenance_nova_links",
        # runs inside vitrage-graph, without the rest
        "craton_maintenance_vitrage",
        "craton_maintenance_vitrage.maintenance",
    ]
)
