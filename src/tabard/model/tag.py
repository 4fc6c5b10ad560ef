"""Tags: pairs of key and value on resources."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: key of 1 to 128 characters, value of 0 to 256."""

    key: str
    value: str
