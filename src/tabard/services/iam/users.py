"""Users, as far as they are read; their policies.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users.html
"""

from tabard.access.authorize import Permit
from tabard.access.caller import CallerKind
from tabard.services.iam.documents import encoded
from tabard.services.iam.entities import user_seen
from tabard.services.iam.errors import NoSuchInlinePolicy, NoSuchUser
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.shapes import user_shape, whole_user_shape
from tabard.services.operation import Output, Request
from tabard.store.snapshot import Snapshot


class GetUserRequest(Request, frozen=True, kw_only=True):
    """Without a name: the user who calls."""

    user_name: str | None = None


class ListUsersRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the users whose path begins with `path_prefix`."""

    path_prefix: str = "/"


class GetUserPolicyRequest(Request, frozen=True, kw_only=True):
    """Names one inline policy of a user."""

    user_name: str
    policy_name: str


class ListUserPoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the names of a user's inline policies."""

    user_name: str


def get_user(permit: Permit, request: GetUserRequest, snapshot: Snapshot) -> Output:
    """Answer one user, the caller where none is named; the root is answered as AWS answers it.

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
    """Answer a page of the users under a path, by name.

    Raises:
        ValidationError: the marker is not this list's.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
    """
    under_path = (user for user in snapshot.users.values() if user.path.startswith(request.path_prefix))
    users, truncation = page(under_path, lambda user: user.name.lower(), request, listing="users")
    return {"Users": [user_shape(user) for user in users], **truncation}


def get_user_policy(_permit: Permit, request: GetUserPolicyRequest, snapshot: Snapshot) -> Output:
    """Answer one inline policy of a user.

    Raises:
        NoSuchUser, NoSuchInlinePolicy.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html
    """
    user = user_seen(snapshot, request.user_name)
    for policy in user.inline_policies:
        if policy.name == request.policy_name:
            return {
                "UserName": user.name,
                "PolicyName": policy.name,
                "PolicyDocument": encoded(policy.document),
            }
    raise NoSuchInlinePolicy(owner="user", policy_name=request.policy_name)


def list_user_policies(_permit: Permit, request: ListUserPoliciesRequest, snapshot: Snapshot) -> Output:
    """Answer a page of the names of a user's inline policies.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserPolicies.html
    """
    user = user_seen(snapshot, request.user_name)
    names = [policy.name for policy in user.inline_policies]
    shown, truncation = page(names, lambda name: name, request, listing="user-policies")
    return {"PolicyNames": shown, **truncation}
