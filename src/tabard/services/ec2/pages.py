"""Pagination by MaxResults and NextToken: a page continues after the last key, despite any changes.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

import msgspec

from tabard.services.ec2.errors import InvalidNextToken, InvalidParameterValue
from tabard.store.listings import Key

MAX_PAGE = 1000
MIN_PAGE = 5

T = TypeVar("T")


def page(
    items: Iterable[T],
    *,
    key: Callable[[T], Key],
    max_results: int | None,
    next_token: str | None,
    least: int = MIN_PAGE,
    most: int = MAX_PAGE,
) -> tuple[list[T], str | None]:
    """Return one page of `items` in the order of `key`, and the token of the next page, if any.

    Raises:
        InvalidParameterValue: max_results is not within `least` to `most`. InvalidNextToken.
    """
    limit = _limit(max_results, least, most)
    ordered = sorted(items, key=key)
    last_seen = _opened(next_token) if next_token else ()
    return _cut((item for item in ordered if key(item) > last_seen), key, limit)


def page_in_order(
    following: Callable[[Key | None], Iterable[T]],
    *,
    key: Callable[[T], Key],
    max_results: int | None,
    next_token: str | None,
) -> tuple[list[T], str | None]:
    """Return one page of sorted items; `following` yields those after a key, in order.

    It reads only the items of this page.
    """
    limit = _limit(max_results, MIN_PAGE, MAX_PAGE)
    return _cut(following(_opened(next_token) if next_token else None), key, limit)


def _cut(rest: Iterable[T], key: Callable[[T], Key], limit: int) -> tuple[list[T], str | None]:
    shown = list(islice(rest, limit + 1))
    if len(shown) <= limit:
        return shown, None
    return shown[:limit], _token(key(shown[limit - 1]))


def _limit(max_results: int | None, least: int, most: int) -> int:
    if max_results is None:
        return most
    if max_results < least:
        raise InvalidParameterValue(
            reason=f"Value ( {max_results} ) for parameter maxResults is invalid. "
            f"Expecting a value greater than or equal to {least}."
        )
    if max_results > most:
        raise InvalidParameterValue(
            reason=f"Value ( {max_results} ) for parameter maxResults is invalid. "
            f"Expecting a value smaller than or equal to {most}."
        )
    return max_results


def _token(last_seen: Key) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(last_seen)).decode("ascii")


def _opened(token: str) -> Key:
    try:
        return msgspec.json.decode(base64.b64decode(token, altchars=b"-_", validate=True), type=Key)
    except (binascii.Error, ValueError):  # msgspec's DecodeError is a ValueError
        raise InvalidNextToken from None
