"""Streaming digests under S3's names.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from awscrt import checksums as crt


class Checksum(Protocol):
    """A digest of the data so far."""

    def update(self, data: bytes) -> None:
        """Add the next piece."""

    def base64(self) -> str:
        """Return the digest, big-endian, in base64: the form in headers."""


class _Crc:
    __slots__ = ("_advance", "_size_bytes", "_value")

    def __init__(self, advance: Callable[[bytes, int], int], size_bytes: int) -> None:
        self._advance = advance
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = self._advance(data, self._value)

    def base64(self) -> str:
        return base64.b64encode(self._value.to_bytes(self._size_bytes, "big")).decode("ascii")


class _Hash:
    __slots__ = ("_hash",)

    def __init__(self, algorithm: str) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=algorithm == "sha256")

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    def base64(self) -> str:
        return base64.b64encode(self._hash.digest()).decode("ascii")


_MAKERS: Final[Mapping[str, Callable[[], Checksum]]] = MappingProxyType(
    {
        "crc32": lambda: _Crc(zlib.crc32, 4),
        "crc32c": lambda: _Crc(crt.crc32c, 4),
        "crc64nvme": lambda: _Crc(crt.crc64nvme, 8),
        "sha1": lambda: _Hash("sha1"),
        "sha256": lambda: _Hash("sha256"),
        "md5": lambda: _Hash("md5"),
    }
)

CHECKSUM_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "x-amz-checksum-crc32": "crc32",
        "x-amz-checksum-crc32c": "crc32c",
        "x-amz-checksum-crc64nvme": "crc64nvme",
        "x-amz-checksum-sha1": "sha1",
        "x-amz-checksum-sha256": "sha256",
        "content-md5": "md5",
    }
)
"""Header or trailer name → algorithm."""


_SIZES_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32, "md5": 16}
)


def is_digest(algorithm: str, value: str) -> bool:
    """Return whether `value` is base64 of a digest with the algorithm's length."""
    try:
        return len(base64.b64decode(value, validate=True)) == _SIZES_BYTES[algorithm]
    except ValueError:
        return False


def checksum(algorithm: str) -> Checksum:
    """Make a new digest by its lower-case name. Raises KeyError for an unknown name."""
    return _MAKERS[algorithm]()
