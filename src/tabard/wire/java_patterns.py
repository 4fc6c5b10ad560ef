"""Java patterns of AWS's models, translated for Python's `re`.

Java's `\\w` and `\\d` are ASCII; `\\p{L}` and the like are Unicode categories, which `re` lacks.
"""

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby
from typing import Final

_CATEGORY: Final = re.compile(r"\\p\{([A-Z][A-Za-z]*)\}")
_SUPPLEMENTARY: Final = re.compile(r"\\u(10[0-9A-F]{4}|[1-9A-F][0-9A-F]{4})(?=[-\]])")
_ASCII_LIMIT: Final = 128
_UNICODE_LIMIT: Final = sys.maxunicode + 1
_PRINTABLE: Final = r"\x20-\x7E"
# Java's UTF-16 uses surrogate pairs for characters beyond the BMP; Python has them as characters.
_SURROGATES: Final = r"\uD800\uDC00-\uDBFF\uDFFF"


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole `text` matches `pattern`, like Java's `matches()`."""
    # Nearly every value is ASCII, and collecting the Unicode categories takes long.
    limit = _ASCII_LIMIT if text.isascii() else _UNICODE_LIMIT
    return _compile(pattern, limit).fullmatch(text) is not None


@cache
def _compile(pattern: str, limit: int) -> re.Pattern[str]:
    text = pattern.replace(_SURROGATES, r"\U00010000-\U0010FFFF")
    text = _SUPPLEMENTARY.sub(lambda match: f"\\U{int(match[1], 16):08X}", text)
    text = _CATEGORY.sub(lambda match: _ranges(match[1], limit), text)
    return re.compile(text, re.ASCII)


def _ranges(name: str, limit: int) -> str:
    """Return the inside of a character class for a Unicode general category such as `L` or `Nd`."""
    if name == "Print":
        return _PRINTABLE
    return "".join(
        f"\\U{first:08X}-\\U{last:08X}" for category, first, last in _runs(limit) if category.startswith(name)
    )


@cache
def _runs(limit: int) -> tuple[tuple[str, int, int], ...]:
    """Return runs of characters of one category below `limit`."""
    runs: list[tuple[str, int, int]] = []
    end = 0
    for category, run in groupby(map(unicodedata.category, map(chr, range(limit)))):
        first, end = end, end + sum(1 for _ in run)
        runs.append((category, first, end - 1))
    return tuple(runs)
