"""Which project is touched by which window, through which of its servers."""

import dataclasses
from collections.abc import Mapping

#: Server ids per project id, sorted.
Parts = Mapping[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """What has to be told after the servers on a window's hosts changed."""

    #: projects that were not concerned before
    entered: tuple[str, ...]
    #: projects with another set of servers than before
    changed: tuple[str, ...]
    #: projects without a server there now
    left: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.entered or self.changed or self.left)


def difference(before: Parts, after: Parts) -> Difference:
    """Compare two moments, projects in a fixed order."""
    return Difference(
        entered=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(
            sorted(
                project
                for project in before.keys() & after.keys()
                if before[project] != after[project]
            )
        ),
        left=tuple(sorted(before.keys() - after.keys())),
    )
