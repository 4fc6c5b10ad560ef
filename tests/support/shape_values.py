"""Values for every shape of a model: what the round-trip tests send through the wire."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.serialize import create_serializer

from tabard.wire.java_patterns import matches
from tabard.wire.request import RawRequest

RECEIVED_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ODD_TEXT = "a&b <c> \"d\" 'e' é漢 +%2F=;,"


def raw_request(
    method: str = "POST",
    path: str = "/",
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
) -> RawRequest:
    return RawRequest(
        method=method,
        raw_path=path,
        raw_query=query,
        headers=headers,
        peer_ip="127.0.0.1",
        secure=False,
        request_id="3f2b8f3a-0000-4000-a000-000000000000",
        received_at=RECEIVED_AT,
    )


class NoValue(Exception):
    """No candidate satisfies the shape's pattern."""


class ShapeValues:
    """Typed values of any shape, from a seed."""

    def __init__(self, seed: int, *, full: bool = False) -> None:
        self.random = random.Random(seed)
        self.full = full

    def of(self, shape: Shape, depth: int = 0) -> Any:  # noqa: ANN401
        if isinstance(shape, StructureShape):
            return self._structure(shape, depth)
        if isinstance(shape, ListShape):
            count = self._count(shape)
            return [self.of(shape.member, depth + 1) for _ in range(count)]
        if isinstance(shape, MapShape):
            keys = {str(self.of(shape.key, depth + 1)) for _ in range(self._count(shape))}
            return {key: self.of(shape.value, depth + 1) for key in sorted(keys)}
        return self._scalar(shape)

    def _count(self, shape: Shape) -> int:
        wanted = max(1, int(shape.metadata.get("min", 1)), 2 if self.full else 1)
        return min(wanted, int(shape.metadata.get("max", wanted)))

    def _structure(self, shape: StructureShape, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for member, inner in shape.members.items():
            required = member in shape.required_members
            if not required and (depth > 4 or (not self.full and self.random.random() < 0.5)):
                continue
            if inner.serialization.get("streaming") or inner.serialization.get("eventstream"):
                continue
            try:
                found[member] = self.of(inner, depth + 1)
            except NoValue:
                if required:
                    raise
        if not found and depth > 0:
            return self._one_member(shape)
        return found

    def _one_member(self, shape: StructureShape) -> dict[str, Any]:
        """Query and XML cannot tell an empty structure from none."""
        for member, inner in shape.members.items():
            if not isinstance(inner, StructureShape | ListShape | MapShape):
                return {member: self.of(inner)}
        for member, inner in shape.members.items():
            if isinstance(inner, StructureShape) and inner.name != shape.name:
                return {member: self._one_member(inner)}
        raise NoValue(shape.name)

    def _scalar(self, shape: Shape) -> Any:  # noqa: ANN401
        kind = shape.type_name
        low = int(shape.metadata.get("min", 0) or 0)
        if kind in ("integer", "long"):
            return max(low, 1) + self.random.randrange(2)
        if kind in ("float", "double"):
            return 1.5
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            return RECEIVED_AT + timedelta(seconds=self.random.randrange(10**6))
        if kind == "blob":
            return bytes(self.random.randrange(256) for _ in range(max(low, 7)))
        return self._text(shape, low)

    def _text(self, shape: Shape, low: int) -> str:
        if shape.metadata.get("enum"):
            return str(self.random.choice(shape.metadata["enum"]))
        high = int(shape.metadata.get("max", 10**6))
        pattern = shape.metadata.get("pattern")
        in_header = shape.serialization.get("location") in ("header", "headers")
        numbered = f"a{self.random.randrange(1000)}"
        for candidate in (
            "plain text" if in_header else ODD_TEXT + numbered,
            numbered,
            "/path/",
            "123456789012",
            "123456",
            "v1",
            "A",
            "https://example.com/a",
            "arn:aws:kms:eu-west-1:123456789012:key/k",
        ):
            text = (candidate * (low // len(candidate) + 1)) if len(candidate) < low else candidate
            if len(text) <= high and (pattern is None or matches(pattern, text)):
                return text
        raise NoValue(shape.name)


def botocore_request(operation: OperationModel, params: dict[str, Any]) -> tuple[RawRequest, bytes]:
    """The request that botocore would send."""
    protocol = operation.service_model.protocol
    request = create_serializer(protocol, include_validation=False).serialize_to_request(params, operation)
    request["context"] = {}
    prepare_request_dict(request, "http://127.0.0.1:4566")
    prepared = create_request_object(request).prepare()
    target = prepared.url.removeprefix("http://127.0.0.1:4566")
    path, _, query = target.partition("?")
    body = prepared.body or b""
    headers = tuple(
        (name.lower(), value.decode() if isinstance(value, bytes) else str(value))
        for name, value in prepared.headers.items()
        if name.lower() != "content-length"
    )
    return raw_request(prepared.method, path, query, headers), body.encode() if isinstance(
        body, str
    ) else body
