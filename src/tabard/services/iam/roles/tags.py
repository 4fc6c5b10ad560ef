"""Tags of roles.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_roles.html
"""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.services.iam.checks import on_role, role_check, tag_keys_of_request, tags_of_request
from tabard.services.iam.entities import role_seen, role_to_change
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


class TagRoleRequest(Request, frozen=True, kw_only=True):
    """Adds tags, and replaces those of the same key."""

    role_name: str
    tags: tuple[TagInput, ...]


class UntagRoleRequest(Request, frozen=True, kw_only=True):
    """Removes tags by key."""

    role_name: str
    tag_keys: tuple[str, ...]


class ListRoleTagsRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists a role's tags by key."""

    role_name: str


def tag_role_checks(request: TagRoleRequest, facts: Facts) -> Sequence[Check]:
    """iam:TagRole, with the tags of the request and of the role."""
    return (role_check("iam:TagRole", request.role_name, facts, tags_of_request(request.tags)),)


def untag_role_checks(request: UntagRoleRequest, facts: Facts) -> Sequence[Check]:
    """iam:UntagRole, with the tag keys of the request."""
    return (role_check("iam:UntagRole", request.role_name, facts, tag_keys_of_request(request.tag_keys)),)


def tag_role(permit: Permit, request: TagRoleRequest, tx: Transaction) -> Output:
    """Put tags on a role.

    Raises:
        NoSuchRole, InvalidInput, LimitExceeded.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:TagRole")
    added = requested_tags(request.tags, ignoring_case)
    tx.roles.update(replace(role, tags=with_tags(role.tags, added, ignoring_case)))
    return {}


def untag_role(permit: Permit, request: UntagRoleRequest, tx: Transaction) -> Output:
    """Take tags off a role.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagRole.html
    """
    role = role_to_change(permit, tx, request.role_name, "iam:UntagRole")
    tx.roles.update(replace(role, tags=without_tags(role.tags, request.tag_keys, ignoring_case)))
    return {}


def list_role_tags(_permit: Permit, request: ListRoleTagsRequest, snapshot: Snapshot) -> Output:
    """Return a page of a role's tags, by key.

    Raises:
        NoSuchRole.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html
    """
    role = role_seen(snapshot, request.role_name)
    tags, truncation = page(role.tags, lambda tag: tag.key, request, listing="role-tags")
    return {"Tags": tag_shapes(tags), **truncation}


OPERATIONS: tuple[Operation, ...] = (
    Write(TagRoleRequest, tag_role_checks, tag_role),
    Write(UntagRoleRequest, untag_role_checks, untag_role),
    Read(ListRoleTagsRequest, on_role("iam:ListRoleTags"), list_role_tags),
)
