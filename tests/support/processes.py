"""The project's own commands, as processes of their own."""

import pathlib
import subprocess
import sys


def command(name: str) -> str:
    """Path of a console script of the environment that the tests run in."""
    return str(pathlib.Path(sys.executable).parent / name)


def run(name: str, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [command(name), *arguments], capture_output=True, text=True, timeout=seconds
    )
