"""What came over the wire, what was asked, and what goes back: the values between the rooms."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias, Union

ServiceName: TypeAlias = Literal["iam", "sts", "ec2", "s3", "dynamodb", "sqs", "hosts"]
Protocol: TypeAlias = Literal["query", "ec2", "json", "rest-xml"]

# Recursive, and usable at run time.
Value: TypeAlias = Union[str, int, float, bool, bytes, datetime, "list[Value]", "dict[str, Value]"]
"""One typed input value, named and typed as botocore's model has it."""

Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """One HTTP request as it arrived, without its body.

    `raw_path` and `raw_query` (without the question mark) are as on the wire; header names are in lower case,
    in the order of arrival. The repr leaves out what may hold a signature or a session token.
    """

    method: str
    raw_path: str
    raw_query: str = field(repr=False)
    headers: Headers = field(repr=False)
    peer_ip: str
    secure: bool
    request_id: str
    received_at: datetime
    _by_name: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = dict(self.headers)
        if len(by_name) != len(self.headers):
            by_name = {}
            for name, value in self.headers:
                by_name[name] = f"{by_name[name]},{value}" if name in by_name else value
        object.__setattr__(self, "_by_name", by_name)

    @property
    def values(self) -> Mapping[str, str]:
        """The headers' values by name; repeated ones joined by commas, as they are signed."""
        return self._by_name

    def header(self, name: str) -> str | None:
        """The value of the header `name` (lower case); repeated ones joined by commas, as they are signed."""
        return self._by_name.get(name)

    def header_values(self, name: str) -> tuple[str, ...]:
        """Every value of the header `name` (lower case), in order."""
        return tuple([value for candidate, value in self.headers if candidate == name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One API operation that a caller asks for, with typed input under botocore's member names."""

    service: ServiceName
    operation: str
    input: Mapping[str, Value] = field(repr=False)
    protocol: Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer; a streamed body is read once."""

    status: int
    headers: Headers
    body: bytes | AsyncIterator[bytes] = field(repr=False)
