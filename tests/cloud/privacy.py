"""Every byte that a project is sent is kept, and searched for what is not its own."""

import dataclasses
import re


@dataclasses.dataclass(slots=True)
class Ledger:
    """What one project received, and what must never be in it."""

    project: str
    received: list[tuple[str, bytes]] = dataclasses.field(default_factory=list)
    forbidden: dict[str, str] = dataclasses.field(default_factory=dict)
    """Text to what it is."""

    def add(self, where: str, data: bytes) -> None:
        self.received.append((where, data))

    def forbid(self, text: str, what: str) -> None:
        self.forbidden[text] = what

    def leaks(self) -> list[str]:
        """Where something of others was found."""
        if not self.forbidden:
            return []
        pattern = re.compile(
            b"|".join(re.escape(text.encode()) for text in self.forbidden), re.IGNORECASE
        )
        names = {text.lower(): what for text, what in self.forbidden.items()}
        return [
            f"{self.project} received {names[match.group().decode().lower()]} in {where}: "
            f"{data[max(0, match.start() - 80) : match.end() + 80]!r}"
            for where, data in self.received
            for match in pattern.finditer(data)
        ]

    @property
    def size(self) -> int:
        return sum(len(data) for _, data in self.received)
