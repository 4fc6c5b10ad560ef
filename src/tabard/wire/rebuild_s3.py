"""Path-style S3 requests for an upstream, from typed input; compiled once for each operation."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from tabard.wire.request import Value
from tabard.wire.rest_xml_output import S3_NAMESPACE
from tabard.wire.scalars import text_writer
from tabard.wire.xml_output import XmlWriters, escape_or_refuse

_TextWriter: TypeAlias = Callable[[Any], str]
_SAFE: Final = "-._~"
_SAFE_IN_PATH: Final = "-._~/"
_PLAIN: Final = {safe: re.compile(f"[A-Za-z0-9{re.escape(safe)}]*") for safe in (_SAFE, _SAFE_IN_PATH)}


class RestXmlRequest:
    """The builder of requests for one S3 operation."""

    __slots__ = (
        "_has_bucket",
        "_has_key",
        "_headers",
        "_literals",
        "_needs_md5",
        "_payload",
        "_prefixes",
        "_query",
        "_write_payload",
        "method",
    )

    def __init__(self, operation: OperationModel) -> None:
        self.method: str = operation.http["method"]
        path, _, query = operation.http["requestUri"].partition("?")
        self._has_bucket = "{Bucket}" in path
        self._has_key = "{Key+}" in path
        self._literals = [part if "=" in part else f"{part}=" for part in query.split("&") if part]
        self._query: dict[str, tuple[str, _TextWriter]] = {}
        self._headers: dict[str, tuple[str, _TextWriter]] = {}
        self._prefixes: dict[str, str] = {}
        self._payload: str | None = None
        self._write_payload: Callable[[Any], bytes] | None = None
        checksum = operation.http_checksum or {}
        self._needs_md5 = bool(checksum.get("requestChecksumRequired"))
        shape = operation.input_shape
        if shape is None:
            return
        for member, inner in shape.members.items():
            location = inner.serialization.get("location")
            name = str(inner.serialization.get("name", member))
            if location == "querystring":
                self._query[member] = (quote(name, safe=_SAFE), _writer(inner, "iso8601"))
            elif location == "header":
                writer = copy_source if member == "CopySource" else _writer(inner, "rfc822")
                self._headers[member] = (name.lower(), writer)
            elif location == "headers":
                self._prefixes[member] = name.lower()
        self._payload = shape.serialization.get("payload")
        if self._payload is not None:
            self._write_payload = _payload_writer(shape.members[self._payload])

    def build(self, members: Mapping[str, Value]) -> tuple[str, str, list[tuple[str, str]], bytes]:
        """Return raw path, raw query, headers and body. Raises KeyError without bucket or key."""
        raw_path = "/"
        if self._has_bucket:
            raw_path = f"/{_quoted(str(members['Bucket']), _SAFE)}"
            if self._has_key:
                raw_path = f"{raw_path}/{_quoted(str(members['Key']), _SAFE_IN_PATH)}"
        query: list[str] = []
        headers: list[tuple[str, str]] = []
        for member, value in members.items():
            entry = self._headers.get(member)
            if entry is not None:
                headers.append((entry[0], entry[1](value)))
                continue
            entry = self._query.get(member)
            if entry is not None:
                query.append(f"{entry[0]}={quote(entry[1](value), safe=_SAFE)}")
                continue
            prefix = self._prefixes.get(member)
            if prefix is not None and isinstance(value, Mapping):
                headers.extend((f"{prefix}{name}", str(text)) for name, text in value.items())
        body = b""
        payload = members.get(self._payload) if self._payload is not None else None
        if self._write_payload is not None and payload is not None:
            body = self._write_payload(payload)
            headers.append(("content-type", "application/xml"))
            if self._needs_md5:
                digest = hashlib.md5(body, usedforsecurity=False).digest()
                headers = [header for header in headers if header[0] != "content-md5"]
                headers.append(("content-md5", base64.b64encode(digest).decode("ascii")))
        if self._literals or len(query) > 1:
            query = sorted([*self._literals, *query])
        return raw_path, "&".join(query), headers, body


def _writer(shape: Shape, time_format: str) -> _TextWriter:
    if isinstance(shape, ListShape):
        write_item = _writer(shape.member, time_format)
        return lambda value: ",".join(write_item(item) for item in value)
    return text_writer(shape, "rfc822" if time_format == "rfc822" else "iso8601")


def _payload_writer(shape: Shape) -> Callable[[Any], bytes] | None:
    if not isinstance(shape, StructureShape):
        return (lambda value: str(value).encode()) if shape.type_name == "string" else None
    name = str(shape.serialization.get("name", shape.name))
    write = XmlWriters("s3", write_text=escape_or_refuse).compile(shape)

    def document(value: Any) -> bytes:  # noqa: ANN401  any structure
        out = [f'<{name} xmlns="{S3_NAMESPACE}">']
        write(value, out)
        out.append(f"</{name}>")
        return "".join(out).encode()

    return document


def _quoted(text: str, safe: str) -> str:
    """Percent-encode the text if necessary."""
    return text if _PLAIN[safe].fullmatch(text) is not None else quote(text, safe=safe)


def copy_source(value: object) -> str:
    """Decode and re-encode `bucket/key?versionId=…`, so that an upstream has only one reading."""
    path, mark, version = str(value).partition("?versionId=")
    name = unquote_to_bytes(path).decode("utf-8").removeprefix("/")
    encoded = quote(name, safe=_SAFE_IN_PATH)
    return f"{encoded}?versionId={quote(version, safe=_SAFE)}" if mark else encoded
