"""The rules for tags, and the tags of a launch.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

import re
from collections.abc import Sequence

from tabard.model.tag import Tag
from tabard.policy import Multivalued
from tabard.services.ec2.errors import InvalidParameterValue, TagLimitExceeded, UnsupportedOperation
from tabard.services.operation import Request

MAX_TAGS = 50
MAX_KEY_CHARACTERS = 128
MAX_VALUE_CHARACTERS = 256

_METADATA_KEY = re.compile(r"[0-9a-zA-Z\-_+=,.@:]{1,255}")
_METADATA_RESERVED = frozenset((".", "..", "_index"))


class RequestTag(Request, frozen=True, kw_only=True):
    """One requested tag."""

    key: str = ""
    value: str = ""


class TagSpecification(Request, frozen=True, kw_only=True):
    """The tags of one kind of resource in a launch."""

    resource_type: str = ""
    tags: tuple[RequestTag, ...] = ()


def requested_tags(specifications: Sequence[TagSpecification]) -> tuple[Tag, ...]:
    """Return every requested tag, unchecked, for the decision."""
    return tuple(Tag(tag.key, tag.value) for each in specifications for tag in each.tags)


def tag_context(tags: Sequence[Tag]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys of the tags in a request."""
    context: dict[str, tuple[str, ...]] = {f"aws:requesttag/{tag.key.lower()}": (tag.value,) for tag in tags}
    if tags:
        context["aws:tagkeys"] = Multivalued(tag.key for tag in tags)
    return context


def instance_tags(specifications: Sequence[TagSpecification], *, shown_in_metadata: bool) -> tuple[Tag, ...]:
    """Return the tags of the launched instances.

    Args:
        shown_in_metadata: whether InstanceMetadataTags is enabled, which narrows the keys.
    Raises:
        InvalidParameterValue, TagLimitExceeded; UnsupportedOperation: tags of anything but instances.
    Differs: two keys that differ by case alone are refused, since policies cannot tell them apart.
    """
    tags = tags_of_kind("instance", specifications)
    if shown_in_metadata:
        for tag in tags:
            guard_metadata_key(tag.key)
    return tags


def tags_of_kind(kind: str, specifications: Sequence[TagSpecification]) -> tuple[Tag, ...]:
    """Return the tags of what a request makes, which is of one kind alone.

    Raises:
        InvalidParameterValue, TagLimitExceeded; UnsupportedOperation: tags of any other kind.
    """
    for each in specifications:
        if each.resource_type != kind:
            raise UnsupportedOperation(
                parameter=f"TagSpecification.ResourceType={each.resource_type or '(none)'}",
                reason=f"this request makes nothing of the kind; give ResourceType={kind}",
            )
    return guard_tags(requested_tags(specifications))


def guard_tags(tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
    """Insist on tags that one resource may have. Raises InvalidParameterValue, TagLimitExceeded."""
    if len(tags) > MAX_TAGS:
        raise TagLimitExceeded(limit=MAX_TAGS)
    seen: set[str] = set()
    for tag in tags:
        _guard_tag(tag)
        if tag.key.lower() in seen:
            raise InvalidParameterValue(reason=f"Duplicate tag key '{tag.key}' specified.")
        seen.add(tag.key.lower())
    return tags


def _guard_tag(tag: Tag) -> None:
    if not 1 <= len(tag.key) <= MAX_KEY_CHARACTERS:
        raise InvalidParameterValue(
            reason=f"Tag key '{tag.key[:MAX_KEY_CHARACTERS]}' must have 1 to {MAX_KEY_CHARACTERS} characters."
        )
    if len(tag.value) > MAX_VALUE_CHARACTERS:
        raise InvalidParameterValue(
            reason=f"Tag value exceeds the maximum length of {MAX_VALUE_CHARACTERS} characters "
            f"(key '{tag.key}')."
        )
    if tag.key.lower().startswith("aws:"):
        raise InvalidParameterValue(reason="Tag keys starting with 'aws:' are reserved for internal use")


def guard_metadata_key(key: str) -> None:
    """Insist on a key that instance metadata can show. Raises InvalidParameterValue.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
    """
    if key in _METADATA_RESERVED or not _METADATA_KEY.fullmatch(key):
        raise InvalidParameterValue(
            reason=f"'{key}' is not a valid tag key. Tag keys must match pattern "
            "([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')"
        )
