"""Patterns as AWS's models write them, for Java, in the terms of Python's `re`.

Java's `\\w` and `\\d` are ASCII; `\\p{L}` and its kind are Unicode categories, which `re` does not know.
"""

import re
import sys
import unicodedata
from functools import cache
from typing import Final

_CATEGORY: Final = re.compile(r"\\p\{([A-Z][A-Za-z]*)\}")
_SUPPLEMENTARY: Final = re.compile(r"\\u(10[0-9A-F]{4}|[1-9A-F][0-9A-F]{4})(?=[-\]])")
_PRINTABLE: Final = r"\x20-\x7E"
# Surrogate pairs as Java's UTF-16 spells the characters beyond the BMP; Python has them as characters.
_SURROGATES: Final = r"\uD800\uDC00-\uDBFF\uDFFF"


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern for `fullmatch`, as Java's `matches()`."""
    text = pattern.replace(_SURROGATES, r"\U00010000-\U0010FFFF")
    text = _SUPPLEMENTARY.sub(lambda match: f"\\U{int(match[1], 16):08X}", text)
    text = _CATEGORY.sub(lambda match: _ranges(match[1]), text)
    return re.compile(text, re.ASCII)


@cache
def _ranges(name: str) -> str:
    """The inside of a character class that holds a Unicode general category such as `L` or `Nd`."""
    if name == "Print":
        return _PRINTABLE
    parts: list[str] = []
    start: int | None = None
    category = unicodedata.category
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and category(chr(code)).startswith(name)
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            parts.append(f"\\U{start:08X}" if start == code - 1 else f"\\U{start:08X}-\\U{code - 1:08X}")
            start = None
    return "".join(parts)
