"""Typed values → XML text: compiled writers for each shape, and escaping that always gives valid XML."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from botocore.model import ListShape, MapShape, Shape, StructureShape

from tabard.wire.scalars import text_writer, timestamp_format, write_iso8601, write_iso8601_millis
from tabard.wire.sqs_query_names import LIST_NAMES, MAP_NAMES

Writer: TypeAlias = Callable[[Any, list[str]], None]
"""Appends the content of an element for a value."""

DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'

# XML 1.0, 2.2: a code point that is no character may not occur in a document, not even as a reference.
_NO_CHARACTER: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL: Final = re.compile('[&<>"\r]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
_SECONDS_SERVICES: Final = frozenset({"iam"})


def escape(text: str) -> str:
    """Escape `text` for an element or an attribute.

    Differs: control characters become U+FFFD. AWS writes them as references, which no parser accepts.
    """
    if not _SPECIAL.search(text):
        return text
    escaped = (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("\r", "&#13;")
    )
    return _NO_CHARACTER.sub("\ufffd", escaped)


def escape_or_refuse(text: str) -> str:
    """Escape `text` for a request, which must arrive unchanged. ValueError if XML cannot express it."""
    if _NO_CHARACTER.search(text):
        raise ValueError("a value holds a character that XML cannot")
    return escape(text)


class XmlWriters:
    """Writers by shape, for one service; `ec2` uses the EC2 variant."""

    def __init__(self, service: str, *, write_text: Callable[[str], str] = escape) -> None:
        self._write_text = write_text
        self._writers: dict[str, Writer] = {}
        self._is_ec2 = service == "ec2"
        self._is_sqs = service == "sqs"
        self._write_time = write_iso8601 if service in _SECONDS_SERVICES else write_iso8601_millis

    def compile(self, shape: Shape) -> Writer:
        if not isinstance(shape, StructureShape):
            return self._compile(shape)
        name = shape.name
        if name not in self._writers:
            self._writers[name] = lambda value, out: self._writers[name](value, out)
            self._writers[name] = self.structure(shape, shape.members)
        return self._writers[name]

    def structure(self, shape: StructureShape, members: Mapping[str, Shape]) -> Writer:
        """Make a writer of the given members; it omits unknown ones and those that are None."""
        writers = {
            member: self._member(member, inner)
            for member, inner in members.items()
            if not inner.serialization.get("xmlAttribute")
        }

        def write(value: Any, out: list[str]) -> None:  # noqa: ANN401  any value of the shape
            for member, writer in writers.items():
                inner = value.get(member)
                if inner is not None:
                    writer(inner, out)

        del shape
        return write

    def element(self, name: str, shape: Shape) -> Writer:
        """Make a writer of a whole element."""
        inner = self.compile(shape)
        start, end, empty = self._tags(name, shape)
        attributes = _attributes(shape)

        def write(value: Any, out: list[str]) -> None:  # noqa: ANN401  any value of the shape
            position = len(out)
            out.append(start if attributes is None else attributes(start, value))
            inner(value, out)
            if len(out) == position + 1 and attributes is None:
                out[position] = empty
            else:
                out.append(end)

        return write

    def _member(self, member: str, shape: Shape) -> Writer:
        name = str(shape.serialization.get("name", member))
        if shape.serialization.get("flattened") or (self._is_sqs and shape.name in LIST_NAMES):
            if isinstance(shape, ListShape):
                if self._is_sqs:
                    name = LIST_NAMES[shape.name]
                elif "name" not in shape.serialization:
                    name = str(shape.member.serialization.get("name", name))
                return self._repeated(self.element(name, shape.member))
            if isinstance(shape, MapShape):
                return self._entries(MAP_NAMES[shape.name][0] if self._is_sqs else name, shape)
        return self.element(name, shape)

    def _compile(self, shape: Shape) -> Writer:
        if isinstance(shape, ListShape):
            name = str(shape.member.serialization.get("name", "item" if self._is_ec2 else "member"))
            return self._repeated(self.element(name, shape.member))
        if isinstance(shape, MapShape):
            return self._entries("entry", shape)
        if shape.type_name == "timestamp" and timestamp_format(shape, "iso8601") == "iso8601":
            to_text: Callable[[Any], str] = self._write_time
            return lambda value, out: out.append(to_text(value))
        to_text = text_writer(shape, "iso8601")
        if shape.type_name in ("string", "character"):
            write_text = self._write_text
            return lambda value, out: out.append(write_text(str(value)))
        return lambda value, out: out.append(to_text(value))

    def _repeated(self, write_item: Writer) -> Writer:
        def write(value: Any, out: list[str]) -> None:  # noqa: ANN401  any list
            for item in value:
                write_item(item, out)

        return write

    def _entries(self, name: str, shape: MapShape) -> Writer:
        key_name = str(shape.key.serialization.get("name", "key"))
        value_name = str(shape.value.serialization.get("name", "value"))
        if self._is_sqs:
            _, key_name, value_name = MAP_NAMES[shape.name]
        write_key = self.element(key_name, shape.key)
        write_value = self.element(value_name, shape.value)

        def write(value: Any, out: list[str]) -> None:  # noqa: ANN401  any map
            for key, inner in value.items():
                out.append(f"<{name}>")
                write_key(key, out)
                write_value(inner, out)
                out.append(f"</{name}>")

        return write

    def _tags(self, name: str, shape: Shape) -> tuple[str, str, str]:
        namespace = shape.serialization.get("xmlNamespace")
        if isinstance(namespace, dict) and "uri" in namespace:
            prefix = f":{namespace['prefix']}" if "prefix" in namespace else ""
            attributes = f' xmlns{prefix}="{namespace["uri"]}"'
        else:
            attributes = ""
        return f"<{name}{attributes}>", f"</{name}>", f"<{name}{attributes}/>"


def _attributes(shape: Shape) -> Callable[[str, Any], str] | None:
    """Make the start tag with members that are attributes (S3's `xsi:type`)."""
    if not isinstance(shape, StructureShape):
        return None
    names = {
        member: str(inner.serialization.get("name", member))
        for member, inner in shape.members.items()
        if inner.serialization.get("xmlAttribute")
    }
    if not names:
        return None

    def start_tag(start: str, value: Any) -> str:  # noqa: ANN401  any structure
        present = [
            f' {name}="{escape(str(value[member]))}"' for member, name in names.items() if member in value
        ]
        return f"{start[:-1]}{''.join(present)}>"

    return start_tag
