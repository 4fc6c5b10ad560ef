"""Tags of IAM entities.

Keys of roles' and users' tags are one key whatever their case, and the case last given is kept; those of
policies and instance profiles differ by case.
AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_naming-limits
"""

from collections.abc import Callable, Iterable, Sequence

from tabard.model.tag import Tag
from tabard.services.iam.errors import InvalidInput, LimitExceeded
from tabard.services.iam.quotas import TAGS_PER_ENTITY
from tabard.services.operation import Request

SameKey = Callable[[str], str]

RESERVED_PREFIX = "aws:"


class TagInput(Request, frozen=True, kw_only=True):
    """One tag of a request: key of 1 to 128 characters, value of 0 to 256."""

    key: str
    value: str


def ignoring_case(key: str) -> str:
    """Compare tag keys of roles and users, without regard to case."""
    return key.lower()


def minding_case(key: str) -> str:
    """Compare tag keys of policies and instance profiles, with regard to case."""
    return key


def requested_tags(inputs: Sequence[TagInput], same: SameKey) -> tuple[Tag, ...]:
    """Return the tags a request gives.

    Raises:
        InvalidInput: a key comes twice, or a key or value begins with the reserved `aws:`.
    """
    if len({same(tag.key) for tag in inputs}) != len(inputs):
        raise InvalidInput(reason="Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    for tag in inputs:
        if tag.key.lower().startswith(RESERVED_PREFIX) or tag.value.lower().startswith(RESERVED_PREFIX):
            raise InvalidInput(
                reason=f"The tag {tag.key!r} uses the prefix aws:, which is reserved for system tags in keys "
                "and values."
            )
    return tuple(Tag(tag.key, tag.value) for tag in inputs)


def with_tags(present: Sequence[Tag], added: Sequence[Tag], same: SameKey) -> tuple[Tag, ...]:
    """Return the tags `present`, with `added` in place of those of the same key.

    Raises:
        LimitExceeded: more than 50 tags would result.
    """
    replaced = {same(tag.key) for tag in added}
    result = (*(tag for tag in present if same(tag.key) not in replaced), *added)
    if len(result) > TAGS_PER_ENTITY:
        raise LimitExceeded(quota="TagsPerEntity", limit=TAGS_PER_ENTITY)
    return result


def without_tags(present: Sequence[Tag], keys: Iterable[str], same: SameKey) -> tuple[Tag, ...]:
    """Return the tags `present` without those of these keys; an unknown key is no error."""
    removed = {same(key) for key in keys}
    return tuple(tag for tag in present if same(tag.key) not in removed)


def tag_shapes(tags: Iterable[Tag]) -> list[dict[str, str]]:
    """Tags as AWS answers them."""
    return [{"Key": tag.key, "Value": tag.value} for tag in tags]
