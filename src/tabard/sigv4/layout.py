"""Layout of the headers that a client signs, compiled once per client rather than once per request."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from tabard.sigv4.errors import IncompleteSignature
from tabard.sigv4.verified_memory import VerifiedMemory

SIGNED_HEADERS_LIMIT = 128

_NAME = re.compile(r"[a-z0-9!#$&'*+.^_`|~-]{1,256}")
"""A header name of RFC 9110 in lower case, without `%`, which is special in the template."""


@dataclass(frozen=True, slots=True)
class HeaderLayout:
    """The signed headers of a client, as a template for one request's values.

    `template % pick(values)` is the part of the canonical request from the headers to the line that lists
    them. `pick` raises KeyError if the request lacks a header that it lists as signed.
    """

    text: str
    names: tuple[str, ...]
    name_set: frozenset[str] = field(repr=False, compare=False)
    template: str = field(repr=False, compare=False)
    pick: Callable[[Mapping[str, str]], tuple[str, ...]] = field(repr=False, compare=False)


LAYOUTS = VerifiedMemory[str, HeaderLayout](capacity=1024)
"""Layouts by their text."""

COVERING = VerifiedMemory[tuple[str, ...], str](capacity=1024)
"""Verified pairs: the names of all headers of a request, and the signed headers, which covered enough."""


def layout_of_text(text: str) -> HeaderLayout:
    """Parse a `SignedHeaders` list: names in lower case, sorted, unique, separated by semicolons.

    Raises:
        IncompleteSignature (400)
    """
    return LAYOUTS.get(text) or _compiled(text, tuple(text.split(";")))


def layout_of_names(names: tuple[str, ...]) -> HeaderLayout:
    """Return the layout of header names that are already split.

    Raises:
        IncompleteSignature (400)
    """
    return _compiled(";".join(names), names)


def is_known_to_cover(layout: HeaderLayout, header_names: tuple[str, ...]) -> bool:
    """Return whether a verified request had exactly these headers and this layout, and so signed enough.

    False means only that the caller must check the headers.
    """
    return COVERING.get(header_names) == layout.text


def remember_layout(layout: HeaderLayout, header_names: tuple[str, ...]) -> None:
    """Cache a layout, and the fact that it covered a request with these headers.

    INVARIANT: called only after a signature was verified, so that a stranger can neither fill nor flush it.
    """
    LAYOUTS.remember(layout.text, layout)
    COVERING.remember(header_names, layout.text)


def _compiled(text: str, names: tuple[str, ...]) -> HeaderLayout:
    if len(names) > SIGNED_HEADERS_LIMIT:
        raise IncompleteSignature(reason=f"SignedHeaders lists more than {SIGNED_HEADERS_LIMIT} headers.")
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise IncompleteSignature(reason="SignedHeaders must be header names in lower case.")
    name_set = frozenset(names)
    if len(name_set) != len(names) or sorted(names) != list(names):
        raise IncompleteSignature(reason="SignedHeaders must be sorted, each header once.")
    lines = "".join([f"{name}:%s\n" for name in names])
    return HeaderLayout(text, names, name_set, f"{lines}\n{text}\n", _picker(names))


def _picker(names: tuple[str, ...]) -> Callable[[Mapping[str, str]], tuple[str, ...]]:
    if len(names) == 1:
        only = names[0]
        return lambda values: (values[only],)  # for one name, itemgetter returns no tuple
    return itemgetter(*names)
