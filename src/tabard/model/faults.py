"""Injected faults of one instance, to test how its application handles them."""

from dataclasses import dataclass

LONGEST_DELAY_MILLISECONDS = 60_000
LARGEST_SKEW_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of one instance's metadata service; zero or empty fields inject nothing.

    `metadata_status` is 500 to 599, answered to every request. `credentials_code` replaces the keys.
    `clock_skew_seconds` is added to every time in the metadata. `rotations` counts the requested rotations:
    the host gets new keys when it grows.
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
