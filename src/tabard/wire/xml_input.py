"""XML bodies → typed values: a hardened parser, and compiled readers for each shape.

No document type, no entities, bounded depth and size. Elements that are not in the model are refused.
"""

from collections.abc import Callable
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from botocore.model import ListShape, MapShape, Shape, StructureShape
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from tabard.wire.input_errors import MalformedXML
from tabard.wire.request import Value
from tabard.wire.scalars import text_reader

MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 100_000

Reader: TypeAlias = Callable[[Element], Value]

_XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"


class _BoundedTreeBuilder(TreeBuilder):
    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._count = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise MalformedXML
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse_xml(body: bytes) -> Element:
    """Parse a body and return its root element. Raises MalformedXML (400)."""
    parser = DefusedXMLParser(
        target=_BoundedTreeBuilder(), forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    try:
        parser.feed(body)
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise MalformedXML from None
    if not isinstance(root, Element):
        raise MalformedXML
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


class XmlReaders:
    """Readers by shape."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}

    def compile(self, shape: Shape) -> Reader:
        # The reference to a shape contains its wire name, so that only shapes without names share readers.
        if not isinstance(shape, StructureShape):
            return self._compile(shape)
        name = shape.name
        if name not in self._readers:
            self._readers[name] = lambda element: self._readers[name](element)
            self._readers[name] = self._structure(shape)
        return self._readers[name]

    def _compile(self, shape: Shape) -> Reader:
        if isinstance(shape, ListShape):
            return self._list(shape)
        if isinstance(shape, MapShape):
            raise TypeError(f"{shape.name}: S3 has no maps in XML")
        read_text = text_reader(shape, "iso8601")

        def read(element: Element) -> Value:
            if len(element):
                raise MalformedXML
            try:
                return read_text(element.text or "")
            except ValueError:
                raise MalformedXML from None

        return read

    def _list(self, shape: ListShape) -> Reader:
        """Make a reader of a list in its own element; the structure's reader handles flattened lists."""
        read_member = self.compile(shape.member)
        item_name = str(shape.member.serialization.get("name", "member"))

        def read(element: Element) -> Value:
            if any(local_name(child) != item_name for child in element):
                raise MalformedXML
            return [read_member(child) for child in element]

        return read

    def _structure(self, shape: StructureShape) -> Reader:
        known: dict[str, tuple[str, Reader, bool]] = {}
        attributes: dict[str, str] = {}
        for member, inner in shape.members.items():
            if "location" in inner.serialization:
                continue
            name = str(inner.serialization.get("name", member))
            if inner.serialization.get("xmlAttribute"):
                attributes[_XSI_TYPE if name == "xsi:type" else name] = member
            elif isinstance(inner, ListShape) and inner.serialization.get("flattened"):
                item_name = str(inner.member.serialization.get("name", name))
                known[name if "name" in inner.serialization else item_name] = (
                    member,
                    self.compile(inner.member),
                    True,
                )
            else:
                known[name] = (member, self.compile(inner), False)

        def read(element: Element) -> Value:
            found: dict[str, Value] = {}
            for name, member in attributes.items():
                text = element.get(name)
                if text is not None:
                    found[member] = text
            for child in element:
                entry = known.get(local_name(child))
                if entry is None:
                    raise MalformedXML
                member, reader, is_repeated = entry
                if is_repeated:
                    items = found.setdefault(member, [])
                    if isinstance(items, list):
                        items.append(reader(child))
                elif member in found:
                    raise MalformedXML
                else:
                    found[member] = reader(child)
            return found

        return read
