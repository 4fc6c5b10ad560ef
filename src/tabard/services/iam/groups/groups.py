"""Groups: making, reading, changing and deleting them.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_groups.html
"""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.group import Group
from tabard.names import new_unique_id
from tabard.services.iam.checks import arn_to_be, on_everything, on_group
from tabard.services.iam.entities import group_seen, group_to_change
from tabard.services.iam.errors import GroupAlreadyExists, InlinePoliciesLeft, PoliciesAttached, UsersInGroup
from tabard.services.iam.pages import PagedRequest, page_in_order
from tabard.services.iam.shapes import group_shape, user_shape
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.listings import by_name
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class CreateGroupRequest(Request, frozen=True, kw_only=True):
    """Makes a group that nobody is in yet."""

    group_name: str
    path: str = "/"


class GetGroupRequest(PagedRequest, frozen=True, kw_only=True):
    """Names the group; the pages are of its users."""

    group_name: str


class ListGroupsRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the groups whose path begins with `path_prefix`."""

    path_prefix: str = "/"


class UpdateGroupRequest(Request, frozen=True, kw_only=True):
    """Gives a group another path, another name, or both."""

    group_name: str
    new_path: str | None = None
    new_group_name: str | None = None


class DeleteGroupRequest(Request, frozen=True, kw_only=True):
    """Names the group."""

    group_name: str


def create_group_checks(request: CreateGroupRequest, facts: Facts) -> Sequence[Check]:
    """iam:CreateGroup, on the ARN that the group will have."""
    arn = arn_to_be("group", request.group_name, facts, path=request.path)
    return (Check(action="iam:CreateGroup", resource=arn),)


def update_group_checks(request: UpdateGroupRequest, facts: Facts) -> Sequence[Check]:
    """iam:UpdateGroup on the group, and on the group that it will be.

    AWS: "To change an IAM group name, the requester must have appropriate permissions on both the source
    object and the target object."
    """
    group = facts.snapshot.group_named(request.group_name)
    if group is None:
        return (Check(action="iam:UpdateGroup", resource=arn_to_be("group", request.group_name, facts)),)
    arns = dict.fromkeys((group.arn, _renamed(group, request).arn))
    return tuple(Check(action="iam:UpdateGroup", resource=arn) for arn in arns)


def create_group(permit: Permit, request: CreateGroupRequest, tx: Transaction) -> Output:
    """Make a group.

    Raises:
        GroupAlreadyExists.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html
    """
    if tx.groups.named(request.group_name) is not None:
        raise GroupAlreadyExists(group_name=request.group_name)
    group = Group(
        group_id=new_unique_id("AGPA"),
        name=request.group_name,
        path=request.path,
        partition=permit.partition,
        account_id=permit.account_id,
        created_at=permit.now.replace(microsecond=0),
    )
    permit.require("iam:CreateGroup", group.arn)
    tx.groups.insert(group)
    return {"Group": group_shape(group)}


def get_group(_permit: Permit, request: GetGroupRequest, snapshot: Snapshot) -> Output:
    """Return one group, with a page of the users who are in it, by name.

    Raises:
        NoSuchGroup; ValidationError: the marker is not this list's.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetGroup.html
    """
    group = group_seen(snapshot, request.group_name)
    users, truncation = page_in_order(
        lambda after: snapshot.users_in(group.group_id, after=after), by_name, request, listing="group-users"
    )
    return {"Group": group_shape(group), "Users": [user_shape(user) for user in users], **truncation}


def list_groups(_permit: Permit, request: ListGroupsRequest, snapshot: Snapshot) -> Output:
    """Return a page of the groups under a path, by name.

    Raises:
        ValidationError: the marker is not this list's.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroups.html
    """
    every = snapshot.indexes.listings.groups
    groups, truncation = page_in_order(
        lambda after: every.under(request.path_prefix, key=after), by_name, request, listing="groups"
    )
    return {"Groups": [group_shape(group) for group in groups], **truncation}


def update_group(permit: Permit, request: UpdateGroupRequest, tx: Transaction) -> Output:
    """Give a group another name or path, and so another ARN; its id, users and policies stay.

    Raises:
        NoSuchGroup, GroupAlreadyExists.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateGroup.html
    """
    group = group_to_change(permit, tx, request.group_name, "iam:UpdateGroup")
    changed = _renamed(group, request)
    permit.require("iam:UpdateGroup", changed.arn)
    namesake = tx.groups.named(changed.name)
    if namesake is not None and namesake.group_id != group.group_id:
        raise GroupAlreadyExists(group_name=changed.name)
    tx.groups.update(changed)
    return {}


def delete_group(permit: Permit, request: DeleteGroupRequest, tx: Transaction) -> Output:
    """Delete a group that nobody is in and that has no policies.

    Raises:
        NoSuchGroup, UsersInGroup, PoliciesAttached, InlinePoliciesLeft.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteGroup.html
    """
    group = group_to_change(permit, tx, request.group_name, "iam:DeleteGroup")
    if tx.groups.members(group.group_id):
        raise UsersInGroup
    if group.attached_policy_arns:
        raise PoliciesAttached
    if group.inline_policies:
        raise InlinePoliciesLeft
    tx.groups.delete(group.group_id)
    return {}


def _renamed(group: Group, request: UpdateGroupRequest) -> Group:
    return replace(group, name=request.new_group_name or group.name, path=request.new_path or group.path)


OPERATIONS: tuple[Operation, ...] = (
    Write(CreateGroupRequest, create_group_checks, create_group),
    Read(GetGroupRequest, on_group("iam:GetGroup"), get_group),
    Read(ListGroupsRequest, on_everything("iam:ListGroups"), list_groups),
    Write(UpdateGroupRequest, update_group_checks, update_group),
    Write(DeleteGroupRequest, on_group("iam:DeleteGroup"), delete_group),
)
