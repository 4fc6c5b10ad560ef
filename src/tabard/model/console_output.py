"""The console output of an instance, from its host's latest report."""

from dataclasses import dataclass, field
from datetime import datetime

MAX_CONSOLE_BYTES = 64 * 1024
"""AWS: "the most recent 64 KB of console output"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOutput:
    """The end of the output, at most 64 KiB."""

    instance_id: str
    output: bytes = field(repr=False)
    reported_at: datetime

    def __post_init__(self) -> None:
        if len(self.output) > MAX_CONSOLE_BYTES:
            raise ValueError(f"console output is kept to {MAX_CONSOLE_BYTES} bytes")
