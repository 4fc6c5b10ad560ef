"""The values of condition keys, single-valued and multivalued.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from collections.abc import Mapping


class Multivalued(tuple[str, ...]):
    """The values of a multivalued condition key. A plain tuple holds the one value of a single-valued key.

    It says what kind of key this is, not how many values this request happens to have: a request with one tag
    has one value of `aws:TagKeys`, which stays multivalued.
    AWS: "Multivalued condition context keys can have multiple values in the request context."
    """

    __slots__ = ()


Values = Mapping[str, tuple[str, ...]]
"""The values by condition key in lower case."""


def is_multivalued(found: tuple[str, ...]) -> bool:
    """Return whether only ForAllValues and ForAnyValue can compare these values.

    INVARIANT: fails closed. Several values are never taken for the one value of a single-valued key.
    AWS: "Multivalued context keys require a condition set operator."
    """
    return found.__class__ is Multivalued or len(found) > 1
