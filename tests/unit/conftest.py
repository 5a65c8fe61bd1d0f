"""The deployment of the functional tests, for units that need a cloud or a database."""

from tests.functional.conftest import deploy, deployment, operator

__all__ = ["deploy", "deployment", "operator"]
