"""Tags of users.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_users.html
"""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.services.iam.checks import on_user, tag_keys_of_request, tags_of_request, user_check
from tabard.services.iam.entities import user_seen, user_to_change
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.tags import (
    TagInput,
    ignoring_case,
    requested_tags,
    tag_shapes,
    with_tags,
    without_tags,
)
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class TagUserRequest(Request, frozen=True, kw_only=True):
    """Adds tags, and replaces those of the same key."""

    user_name: str
    tags: tuple[TagInput, ...]


class UntagUserRequest(Request, frozen=True, kw_only=True):
    """Removes tags by key."""

    user_name: str
    tag_keys: tuple[str, ...]


class ListUserTagsRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists a user's tags by key."""

    user_name: str


def tag_user_checks(request: TagUserRequest, facts: Facts) -> Sequence[Check]:
    """iam:TagUser, with the tags of the request and of the user."""
    return (user_check("iam:TagUser", request.user_name, facts, tags_of_request(request.tags)),)


def untag_user_checks(request: UntagUserRequest, facts: Facts) -> Sequence[Check]:
    """iam:UntagUser, with the tag keys of the request."""
    return (user_check("iam:UntagUser", request.user_name, facts, tag_keys_of_request(request.tag_keys)),)


def tag_user(permit: Permit, request: TagUserRequest, tx: Transaction) -> Output:
    """Put tags on a user.

    Raises:
        NoSuchUser, InvalidInput, LimitExceeded.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html
    """
    user = user_to_change(permit, tx, request.user_name, "iam:TagUser")
    added = requested_tags(request.tags, ignoring_case)
    tx.users.update(replace(user, tags=with_tags(user.tags, added, ignoring_case)))
    return {}


def untag_user(permit: Permit, request: UntagUserRequest, tx: Transaction) -> Output:
    """Take tags off a user.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagUser.html
    """
    user = user_to_change(permit, tx, request.user_name, "iam:UntagUser")
    tx.users.update(replace(user, tags=without_tags(user.tags, request.tag_keys, ignoring_case)))
    return {}


def list_user_tags(_permit: Permit, request: ListUserTagsRequest, snapshot: Snapshot) -> Output:
    """Return a page of a user's tags, by key.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserTags.html
    """
    user = user_seen(snapshot, request.user_name)
    tags, truncation = page(user.tags, lambda tag: tag.key, request, listing="user-tags")
    return {"Tags": tag_shapes(tags), **truncation}


OPERATIONS: tuple[Operation, ...] = (
    Write(TagUserRequest, tag_user_checks, tag_user),
    Write(UntagUserRequest, untag_user_checks, untag_user),
    Read(ListUserTagsRequest, on_user("iam:ListUserTags"), list_user_tags),
)
