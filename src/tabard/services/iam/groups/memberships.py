"""The membership of users in groups.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_groups_manage_add-remove-users.html
"""

from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.services.iam.checks import on_group, on_user
from tabard.services.iam.entities import group_to_change, user_seen
from tabard.services.iam.errors import LimitExceeded, NoSuchUser, UserNotInGroup
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.quotas import GROUPS_PER_USER
from tabard.services.iam.shapes import group_shape
from tabard.services.operation import Operation, Output, Read, Request, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class GroupUserRequest(Request, frozen=True, kw_only=True):
    """AddUserToGroup, RemoveUserFromGroup."""

    group_name: str
    user_name: str


class ListGroupsForUserRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the groups that a user is in."""

    user_name: str


def add_user_to_group(permit: Permit, request: GroupUserRequest, tx: Transaction) -> Output:
    """Put a user into a group, whose policies are granted to it at once; doing it again changes nothing.

    Raises:
        NoSuchGroup, NoSuchUser; LimitExceeded: the user is in ten groups.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddUserToGroup.html
    """
    group = group_to_change(permit, tx, request.group_name, "iam:AddUserToGroup")
    user = tx.users.named(request.user_name)
    if user is None:
        raise NoSuchUser(user_name=request.user_name)
    if group.group_id in user.group_ids:
        return {}
    if len(user.group_ids) >= GROUPS_PER_USER:
        raise LimitExceeded(quota="GroupsPerUser", limit=GROUPS_PER_USER)
    tx.users.update(replace(user, group_ids=(*user.group_ids, group.group_id)))
    return {}


def remove_user_from_group(permit: Permit, request: GroupUserRequest, tx: Transaction) -> Output:
    """Take a user out of a group.

    Raises:
        NoSuchGroup, NoSuchUser, UserNotInGroup.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveUserFromGroup.html
    """
    group = group_to_change(permit, tx, request.group_name, "iam:RemoveUserFromGroup")
    user = tx.users.named(request.user_name)
    if user is None:
        raise NoSuchUser(user_name=request.user_name)
    if group.group_id not in user.group_ids:
        raise UserNotInGroup(user_name=user.name, group_name=group.name)
    kept = tuple(group_id for group_id in user.group_ids if group_id != group.group_id)
    tx.users.update(replace(user, group_ids=kept))
    return {}


def list_groups_for_user(_permit: Permit, request: ListGroupsForUserRequest, snapshot: Snapshot) -> Output:
    """Return a page of the groups that a user is in, by name.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroupsForUser.html
    """
    user = user_seen(snapshot, request.user_name)
    groups, truncation = page(
        [snapshot.groups[group_id] for group_id in user.group_ids],
        lambda group: group.name.lower(),
        request,
        listing="groups-for-user",
    )
    return {"Groups": [group_shape(group) for group in groups], **truncation}


OPERATIONS: tuple[Operation, ...] = (
    Write(GroupUserRequest, on_group("iam:AddUserToGroup"), add_user_to_group),
    Write(GroupUserRequest, on_group("iam:RemoveUserFromGroup"), remove_user_from_group),
    Read(ListGroupsForUserRequest, on_user("iam:ListGroupsForUser"), list_groups_for_user),
)
