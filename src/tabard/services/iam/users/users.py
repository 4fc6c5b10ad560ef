"""Users: making, reading, changing and deleting them.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users.html
"""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.caller import CallerKind
from tabard.access.check import Check
from tabard.model.user import User
from tabard.names import new_unique_id
from tabard.services.iam.checks import (
    arn_to_be,
    on_everything,
    on_own_or_named_user,
    on_user,
    to_make,
    user_check,
)
from tabard.services.iam.entities import user_seen, user_to_change
from tabard.services.iam.errors import (
    AccessKeysLeft,
    InlinePoliciesLeft,
    NoSuchUser,
    PoliciesAttached,
    UserAlreadyExists,
    UsersInGroup,
)
from tabard.services.iam.pages import PagedRequest, page_in_order
from tabard.services.iam.policies.boundaries import boundary_key, refuse_bad_boundary
from tabard.services.iam.shapes import bounded, user_shape, whole_user_shape
from tabard.services.iam.tags import TagInput, ignoring_case, requested_tags, tag_shapes, with_tags
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.listings import by_name
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class CreateUserRequest(Request, frozen=True, kw_only=True):
    """Makes a user without a key; `permissions_boundary` is the ARN of a managed policy."""

    user_name: str
    path: str = "/"
    permissions_boundary: str | None = None
    tags: tuple[TagInput, ...] = ()


class GetUserRequest(Request, frozen=True, kw_only=True):
    """Without a name: the user who calls."""

    user_name: str | None = None


class ListUsersRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the users whose path begins with `path_prefix`."""

    path_prefix: str = "/"


class UpdateUserRequest(Request, frozen=True, kw_only=True):
    """Gives a user another path, another name, or both."""

    user_name: str
    new_path: str | None = None
    new_user_name: str | None = None


class DeleteUserRequest(Request, frozen=True, kw_only=True):
    """Names the user."""

    user_name: str


def create_user_checks(request: CreateUserRequest, facts: Facts) -> Sequence[Check]:
    """iam:CreateUser, and iam:TagUser if the request tags it, on the ARN that the user will have."""
    arn = arn_to_be("user", request.user_name, facts, path=request.path)
    boundary = boundary_key(request.permissions_boundary)
    return to_make(("iam:CreateUser", "iam:TagUser"), arn, request.tags, boundary)


def update_user_checks(request: UpdateUserRequest, facts: Facts) -> Sequence[Check]:
    """iam:UpdateUser on the user, and on the user that it will be.

    AWS: "To change a user name, the requester must have appropriate permissions on both the source object and
    the target object."
    """
    now = user_check("iam:UpdateUser", request.user_name, facts)
    user = facts.snapshot.user_named(request.user_name)
    if user is None:
        return (now,)
    target = _renamed(user, request).arn
    return (
        (now, Check(action=now.action, resource=target, context=now.context))
        if target != user.arn
        else (now,)
    )


def create_user(permit: Permit, request: CreateUserRequest, tx: Transaction) -> Output:
    """Make a user, who may do nothing yet.

    Raises:
        UserAlreadyExists, InvalidInput, LimitExceeded, BoundaryDoesNotExist.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html
    """
    tags = with_tags((), requested_tags(request.tags, ignoring_case), ignoring_case)
    if tx.users.named(request.user_name) is not None:
        raise UserAlreadyExists(user_name=request.user_name)
    refuse_bad_boundary(request.permissions_boundary, tx)
    user = User(
        user_id=new_unique_id("AIDA"),
        name=request.user_name,
        path=request.path,
        partition=permit.partition,
        account_id=permit.account_id,
        created_at=permit.now.replace(microsecond=0),
        permissions_boundary_arn=request.permissions_boundary,
        tags=tags,
    )
    permit.require("iam:CreateUser", user.arn)
    tx.users.insert(user)
    return {"User": {**user_shape(user), **bounded(user), **({"Tags": tag_shapes(tags)} if tags else {})}}


def get_user(permit: Permit, request: GetUserRequest, snapshot: Snapshot) -> Output:
    """Return one user, the caller if none is named; the root is answered as AWS answers it.

    Raises:
        NoSuchUser; ValidationError: no name, and the caller is neither a user nor the root.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html
    """
    if request.user_name is not None:
        return {"User": whole_user_shape(user_seen(snapshot, request.user_name))}
    caller = permit.caller
    if caller.kind is CallerKind.ROOT:
        made = min((key.created_at for key in snapshot.access_keys_of(caller.owner_id)), default=permit.now)
        return {"User": {"UserId": caller.account_id, "Arn": caller.arn, "CreateDate": made}}
    user = snapshot.users.get(caller.owner_id)
    if user is None:
        raise NoSuchUser(user_name=caller.owner_id)
    return {"User": whole_user_shape(user)}


def list_users(_permit: Permit, request: ListUsersRequest, snapshot: Snapshot) -> Output:
    """Return a page of the users under a path, by name.

    Raises:
        ValidationError: the marker is not this list's.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
    """
    every = snapshot.indexes.listings.users
    users, truncation = page_in_order(
        lambda after: every.under(request.path_prefix, key=after), by_name, request, listing="users"
    )
    return {"Users": [user_shape(user) for user in users], **truncation}


def update_user(permit: Permit, request: UpdateUserRequest, tx: Transaction) -> Output:
    """Give a user another name or path, and so another ARN; its id, keys, groups and policies stay.

    Raises:
        NoSuchUser, UserAlreadyExists.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html
    """
    user = user_to_change(permit, tx, request.user_name, "iam:UpdateUser")
    changed = _renamed(user, request)
    permit.require("iam:UpdateUser", changed.arn)
    namesake = tx.users.named(changed.name)
    if namesake is not None and namesake.user_id != user.user_id:
        raise UserAlreadyExists(user_name=changed.name)
    tx.users.update(changed)
    return {}


def delete_user(permit: Permit, request: DeleteUserRequest, tx: Transaction) -> Output:
    """Delete a user who has no keys and no policies and is in no group.

    Raises:
        NoSuchUser, AccessKeysLeft, UsersInGroup, PoliciesAttached, InlinePoliciesLeft.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
    """
    user = user_to_change(permit, tx, request.user_name, "iam:DeleteUser")
    if tx.access_keys.of_owner(user.user_id):
        raise AccessKeysLeft
    if user.group_ids:
        raise UsersInGroup
    if user.attached_policy_arns:
        raise PoliciesAttached
    if user.inline_policies:
        raise InlinePoliciesLeft
    tx.users.delete(user.user_id)
    return {}


def _renamed(user: User, request: UpdateUserRequest) -> User:
    return replace(user, name=request.new_user_name or user.name, path=request.new_path or user.path)


OPERATIONS: tuple[Operation, ...] = (
    Write(CreateUserRequest, create_user_checks, create_user, actions=("iam:CreateUser", "iam:TagUser")),
    Read(GetUserRequest, on_own_or_named_user("iam:GetUser"), get_user),
    Read(ListUsersRequest, on_everything("iam:ListUsers"), list_users),
    Write(UpdateUserRequest, update_user_checks, update_user),
    Write(DeleteUserRequest, on_user("iam:DeleteUser"), delete_user),
)
