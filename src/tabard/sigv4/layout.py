"""Which headers a client signs: compiled once per client, not once per request."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter

from tabard.sigv4.errors import IncompleteSignature

LAYOUT_CAPACITY = 1024
SIGNED_HEADERS_LIMIT = 128

_NAME = re.compile(r"[a-z0-9!#$&'*+.^_`|~-]{1,256}")
"""A header name of RFC 9110 in lower case, without `%`, which would speak to the template."""


@dataclass(frozen=True, slots=True)
class HeaderLayout:
    """The signed headers of a client, ready to be filled with one request's values.

    `template % pick(values)` is the part of the canonical request from the headers to the line that lists
    them; `pick` raises KeyError where the request lacks a header that it claims to have signed.
    """

    text: str
    names: tuple[str, ...]
    name_set: frozenset[str]
    template: str
    pick: Callable[[Mapping[str, str]], tuple[str, ...]]


_BY_TEXT: dict[str, HeaderLayout] = {}
_BY_NAMES: dict[tuple[str, ...], HeaderLayout] = {}


def layout_of_text(text: str) -> HeaderLayout:
    """Read a `SignedHeaders` list: names in lower case, sorted, unique, separated by semicolons.

    Raises:
        IncompleteSignature (400)
    """
    return _BY_TEXT.get(text) or _compiled(text, tuple(text.split(";")))


def layout_of_names(names: tuple[str, ...]) -> HeaderLayout:
    """The layout of header names that are already apart.

    Raises:
        IncompleteSignature (400)
    """
    return _BY_NAMES.get(names) or _compiled(";".join(names), names)


def remember_layout(layout: HeaderLayout) -> None:
    """Keep a layout for the next request of its kind.

    INVARIANT: called only after a signature verified, so that a stranger can neither fill nor flush it.
    """
    if layout.names not in _BY_NAMES:
        if len(_BY_NAMES) >= LAYOUT_CAPACITY:
            _BY_NAMES.clear()
            _BY_TEXT.clear()
        _BY_NAMES[layout.names] = layout
        _BY_TEXT[layout.text] = layout


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
        return lambda values: (values[only],)  # of one name, itemgetter gives no tuple
    return itemgetter(*names)
