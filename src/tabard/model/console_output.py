"""What an instance has written to its console, as its host last told."""

from dataclasses import dataclass, field
from datetime import datetime

MAX_CONSOLE_BYTES = 64 * 1024
"""AWS: "the most recent 64 KB of console output"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOutput:
    """The end of it, at most 64 KiB."""

    instance_id: str
    output: bytes = field(repr=False)
    told_at: datetime

    def __post_init__(self) -> None:
        if len(self.output) > MAX_CONSOLE_BYTES:
            raise ValueError(f"console output is kept to {MAX_CONSOLE_BYTES} bytes")
