"""Sphinx's configuration."""

import importlib.metadata
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

project = "craton-maintenance"
release = importlib.metadata.version(project)
copyright = "2026, the authors of craton-maintenance"
extensions = [
    "sphinx.ext.autodoc",
    "oslo_config.sphinxext",
    "oslo_policy.sphinxext",
    "render",
]
html_theme = "alabaster"
html_theme_options = {
    "description": "Planned maintenance for OpenStack clouds",
    "page_width": "1180px",
}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = False
exclude_patterns = ["_*"]
