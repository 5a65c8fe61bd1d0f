"""One line of JSON for each figure."""

import dataclasses
import json
import statistics
import sys
from typing import Any, Self

from bench import measure


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """A figure, what it is held against, and whether it is good enough.

    A baseline is code that ran in the same run.  What others have measured elsewhere
    is ``quoted``, and never makes a figure good.
    """

    name: str
    value: float
    unit: str
    #: in the same unit
    baseline: float | None = None
    #: how near to the baseline it comes, 1.0 being as good
    ratio: float | None = None
    #: the least ratio that is good enough
    ratio_at_least: float | None = None
    #: the greatest value that is good enough
    at_most: float | None = None
    #: whatever helps to read the figure
    more: dict[str, Any] = dataclasses.field(default_factory=dict)
    quoted: str | None = None

    @classmethod
    def of_times(cls, name: str, ours: list[float], baseline: list[float], **more: Any) -> Self:
        """The median time, in ms, of measurements in seconds that were taken in turns."""
        return cls(
            f"{name}: median time",
            statistics.median(ours) * 1000,
            "ms",
            baseline=statistics.median(baseline) * 1000,
            ratio=measure.median_ratio(baseline, ours),
            **more,
        )

    @property
    def target(self) -> str | None:
        """What is wanted, in words; None: the figure is for information."""
        if self.ratio_at_least is not None:
            return f"ratio >= {self.ratio_at_least:g}"
        return None if self.at_most is None else f"value <= {self.at_most:g}"

    @property
    def ok(self) -> bool | None:
        if self.ratio_at_least is not None:
            return self.ratio is not None and self.ratio >= self.ratio_at_least
        return None if self.at_most is None else self.value <= self.at_most

    def line(self) -> str:
        shown: dict[str, Any] = {
            "name": self.name,
            "value": _short(self.value),
            "unit": self.unit,
            "baseline": _short(self.baseline),
            "ratio": _short(self.ratio),
            "target": self.target,
            "ok": self.ok,
        }
        if self.quoted is not None:
            shown["quoted"] = self.quoted
        return json.dumps(shown | {key: _short(value) for key, value in self.more.items()})


def _short(value: Any) -> Any:
    """Four digits: there are never more in a measurement."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def say(words: str) -> None:
    """For people who watch; never part of the results."""
    print(words, file=sys.stderr, flush=True)
