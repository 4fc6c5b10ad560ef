"""What is to go wrong with one instance, on purpose: so that its application can be seen to bear it."""

from dataclasses import dataclass

LONGEST_DELAY_MILLISECONDS = 60_000
LARGEST_SKEW_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of one instance's metadata service; all are zero or empty where nothing goes wrong.

    `metadata_status` is 500 to 599, answered in place of everything. `credentials_code` is shown in place of
    keys. `clock_skew_seconds` is added to every time that is told. `rotations` counts the rotations that were
    asked for: its host makes new keys when it grows.
    """

    metadata_delay_milliseconds: int = 0
    metadata_status: int = 0
    credentials_code: str = ""
    clock_skew_seconds: int = 0
    rotations: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.metadata_delay_milliseconds <= LONGEST_DELAY_MILLISECONDS:
            raise ValueError("an answer is delayed by 0 to 60,000 milliseconds")
        if self.metadata_status and not 500 <= self.metadata_status <= 599:
            raise ValueError("a faulty answer has a status from 500 to 599")
        if abs(self.clock_skew_seconds) > LARGEST_SKEW_SECONDS:
            raise ValueError("a clock is wrong by a day at most")


NO_FAULTS = Faults()
