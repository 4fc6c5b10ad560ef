"""Tags of instance profiles.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_instance-profiles.html
"""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.services.iam.checks import (
    instance_profile_check,
    on_instance_profile,
    tag_keys_of_request,
    tags_of_request,
)
from tabard.services.iam.entities import instance_profile_seen, instance_profile_to_change
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.tags import (
    TagInput,
    minding_case,
    requested_tags,
    tag_shapes,
    with_tags,
    without_tags,
)
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class TagInstanceProfileRequest(Request, frozen=True, kw_only=True):
    """Adds tags, and replaces those of the same key."""

    instance_profile_name: str
    tags: tuple[TagInput, ...]


class UntagInstanceProfileRequest(Request, frozen=True, kw_only=True):
    """Removes tags by key."""

    instance_profile_name: str
    tag_keys: tuple[str, ...]


class ListInstanceProfileTagsRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists an instance profile's tags by key."""

    instance_profile_name: str


def tag_instance_profile_checks(request: TagInstanceProfileRequest, facts: Facts) -> Sequence[Check]:
    """iam:TagInstanceProfile, with the tags of the request and of the instance profile."""
    context = tags_of_request(request.tags)
    return (instance_profile_check("iam:TagInstanceProfile", request.instance_profile_name, facts, context),)


def untag_instance_profile_checks(request: UntagInstanceProfileRequest, facts: Facts) -> Sequence[Check]:
    """iam:UntagInstanceProfile, with the tag keys of the request."""
    context = tag_keys_of_request(request.tag_keys)
    return (
        instance_profile_check("iam:UntagInstanceProfile", request.instance_profile_name, facts, context),
    )


def tag_instance_profile(permit: Permit, request: TagInstanceProfileRequest, tx: Transaction) -> Output:
    """Put tags on an instance profile.

    Raises:
        NoSuchInstanceProfile, InvalidInput, LimitExceeded.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagInstanceProfile.html
    """
    found = instance_profile_to_change(permit, tx, request.instance_profile_name, "iam:TagInstanceProfile")
    added = requested_tags(request.tags, minding_case)
    tx.instance_profiles.update(replace(found, tags=with_tags(found.tags, added, minding_case)))
    return {}


def untag_instance_profile(permit: Permit, request: UntagInstanceProfileRequest, tx: Transaction) -> Output:
    """Take tags off an instance profile.

    Raises:
        NoSuchInstanceProfile.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagInstanceProfile.html
    """
    found = instance_profile_to_change(permit, tx, request.instance_profile_name, "iam:UntagInstanceProfile")
    kept = without_tags(found.tags, request.tag_keys, minding_case)
    tx.instance_profiles.update(replace(found, tags=kept))
    return {}


def list_instance_profile_tags(
    _permit: Permit, request: ListInstanceProfileTagsRequest, snapshot: Snapshot
) -> Output:
    """Return a page of an instance profile's tags, by key.

    Raises:
        NoSuchInstanceProfile.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfileTags.html
    """
    found = instance_profile_seen(snapshot, request.instance_profile_name)
    tags, truncation = page(found.tags, lambda tag: tag.key, request, listing="instance-profile-tags")
    return {"Tags": tag_shapes(tags), **truncation}


OPERATIONS: tuple[Operation, ...] = (
    Write(TagInstanceProfileRequest, tag_instance_profile_checks, tag_instance_profile),
    Write(UntagInstanceProfileRequest, untag_instance_profile_checks, untag_instance_profile),
    Read(
        ListInstanceProfileTagsRequest,
        on_instance_profile("iam:ListInstanceProfileTags"),
        list_instance_profile_tags,
    ),
)
