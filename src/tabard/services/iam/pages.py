"""Pages of a list. `Marker` names the entry before the next page, so a page stays right while entries come
and go.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html ("Marker", "MaxItems")
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from itertools import islice
from operator import itemgetter
from typing import TypeVar

from tabard.errors import ValidationError
from tabard.services.operation import Request
from tabard.store.listings import Key

DEFAULT_PAGE_ENTRIES = 100
_PLAIN_KEY_CHARACTERS = 32

T = TypeVar("T")


class PagedRequest(Request, frozen=True, kw_only=True):
    """The members of every list request. `max_items` is 1 to 1,000, by default 100."""

    marker: str | None = None
    max_items: int | None = None


def page(
    entries: Iterable[T], key: Callable[[T], str], request: PagedRequest, *, listing: str
) -> tuple[list[T], dict[str, object]]:
    """Return the entries of one page in the order of `key`, and the members `IsTruncated` and `Marker`.

    Args:
        key: unique among the entries.
        listing: names the list; a marker of another list is refused.
    Raises:
        ValidationError: the marker is not one that this list gave out.
    """
    after = None if request.marker is None else _opened(request.marker, listing)
    keyed = sorted(((_sortable(key(entry)), entry) for entry in entries), key=itemgetter(0))
    return _cut((each for each in keyed if after is None or each[0] > after), request, listing)


def page_in_order(
    following: Callable[[Key | None], Iterable[T]],
    key: Callable[[T], Key],
    request: PagedRequest,
    *,
    listing: str,
) -> tuple[list[T], dict[str, object]]:
    """Return the same of entries that are sorted already: only those of this page are touched.

    Args:
        following: the entries after a key, in order.
    """
    after = None if request.marker is None else (_opened(request.marker, listing),)
    return _cut(((key(entry)[0], entry) for entry in following(after)), request, listing)


def _cut(
    rest: Iterable[tuple[str, T]], request: PagedRequest, listing: str
) -> tuple[list[T], dict[str, object]]:
    limit = request.max_items or DEFAULT_PAGE_ENTRIES
    shown = list(islice(rest, limit + 1))
    chosen = [entry for _, entry in shown[:limit]]
    if len(shown) <= limit:
        return chosen, {"IsTruncated": False}
    return chosen, {"IsTruncated": True, "Marker": _marker(listing, shown[limit - 1][0])}


def _sortable(key: str) -> str:
    """Return a key of bounded length in nearly the same order: a marker has 320 characters at most."""
    if len(key) <= _PLAIN_KEY_CHARACTERS:
        return key
    return key[:_PLAIN_KEY_CHARACTERS] + hashlib.sha256(key.encode()).hexdigest()[:16]


def _marker(listing: str, last: str) -> str:
    return base64.urlsafe_b64encode(f"{listing}\0{last}".encode()).decode("ascii")


def _opened(marker: str, listing: str) -> str:
    try:
        text = base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValidationError(reason="Invalid Marker.") from None
    named, separator, last = text.partition("\0")
    if not separator or named != listing:
        raise ValidationError(reason="Invalid Marker.")
    return last
