"""Whether a resource that a policy names can be one of those that an action is about.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import re
from collections.abc import Sequence
from enum import Enum, auto

from tabard.policy.pattern import Variable, Wildcard, tokens

_PLACE = re.compile(r"\$\{([^}]+)\}")
# Places of an ARN's format that hold slashes; a place of another name ends at one.
_WITH_SLASHES = ("WithPath", "ObjectName", "KeyName", "EntityPath")


class _Piece(Enum):
    """A wildcard for several characters: anything, or anything within one part of an ARN."""

    ANYTHING = auto()
    WITHIN_PART = auto()
    ONE = auto()


_Pattern = Sequence[str | _Piece]


def can_be(resource: str, arn_format: str, *, variables: bool) -> bool:
    """Return whether any ARN of a format (`arn:${Partition}:s3:::${BucketName}`) fits a policy's resource.

    Args:
        variables: whether `${…}` in the resource means something; it may then stand for anything.
    """
    wanted, given = _resource(resource, variables=variables), _format(arn_format)
    # row[j]: whether what is left of the resource, and of the format from j on, have a text in common.
    below: list[bool] = []
    for place in range(len(wanted), -1, -1):
        row = [False] * (len(given) + 1)
        for other in range(len(given), -1, -1):
            row[other] = _meet(wanted, given, place, other, row, below)
        below = row
    return below[0]


def _meet(
    wanted: _Pattern, given: _Pattern, place: int, other: int, row: list[bool], below: list[bool]
) -> bool:
    ours = wanted[place] if place < len(wanted) else None
    theirs = given[other] if other < len(given) else None
    if ours is _Piece.ANYTHING:
        return below[other] or (theirs is not None and row[other + 1])
    if theirs is _Piece.ANYTHING:
        return row[other + 1] or (ours is not None and below[other])
    if theirs is _Piece.WITHIN_PART:
        return row[other + 1] or (ours is not None and ours not in ("/", ":") and below[other])
    if ours is None or theirs is None:
        return ours is theirs
    return (ours is _Piece.ONE or ours == theirs) and below[other + 1]


def _resource(text: str, *, variables: bool) -> _Pattern:
    pieces: list[str | _Piece] = []
    for token in tokens(text, variables=variables):
        if isinstance(token, str):
            pieces.extend(token)
        elif token is Wildcard.MANY or isinstance(token, Variable):
            pieces.append(_Piece.ANYTHING)
        else:
            pieces.append(_Piece.ONE)
    return pieces


def _format(text: str) -> _Pattern:
    pieces: list[str | _Piece] = []
    for number, part in enumerate(_PLACE.split(text)):
        if number % 2 == 0:
            pieces.extend(part)
        else:
            pieces.append(_Piece.ANYTHING if part.endswith(_WITH_SLASHES) else _Piece.WITHIN_PART)
    return pieces
