"""The list of differences is true: see differences.py."""

import importlib
import pathlib

from .differences import DIFFERENCES


def _checks() -> set[str]:
    modules = [
        importlib.import_module(f".{path.stem}", __package__)
        for path in pathlib.Path(__file__).parent.glob("test_*.py")
    ]
    return {name for module in modules for name in dir(module) if name.startswith("test_")}


def test_differences_are_of_checks_that_exist() -> None:
    assert set(DIFFERENCES) <= _checks()


def test_differences_have_reasons() -> None:
    assert all(reason.endswith(".") for reason in DIFFERENCES.values())
