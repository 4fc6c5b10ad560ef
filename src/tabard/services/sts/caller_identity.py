"""Who the caller is, and whose a key is.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.names import account_of_access_key_id
from tabard.services.operation import Facts, Operation, Output, Read, Request
from tabard.services.sts.errors import InvalidAccessKeyId
from tabard.store.snapshot import Snapshot


class GetCallerIdentityRequest(Request, frozen=True, kw_only=True):
    """Takes nothing."""


class GetAccessKeyInfoRequest(Request, frozen=True, kw_only=True):
    """`access_key_id` may be anybody's, long-term or temporary."""

    access_key_id: str


def get_access_key_info_checks(_request: GetAccessKeyInfoRequest, _facts: Facts) -> Sequence[Check]:
    """`sts:GetAccessKeyInfo`, which has no resource."""
    return (Check(action="sts:GetAccessKeyInfo", resource="*"),)


def no_permission_needed(_request: object, _facts: Facts) -> Sequence[Check]:
    """No check at all: every authenticated caller may, even one whom a policy denies it.

    The one answer of "no checks" that the pipeline accepts; it recognizes this very function.

    AWS: "No permissions are required to perform this operation. If an administrator attaches a policy to your
    identity that explicitly denies access to the sts:GetCallerIdentity action, you can still perform this
    operation."
    """
    return ()


def get_caller_identity(permit: Permit, _request: GetCallerIdentityRequest, _snapshot: Snapshot) -> Output:
    """Answer the caller's ARN, account and unique id."""
    caller = permit.caller
    return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}


def get_access_key_info(_permit: Permit, request: GetAccessKeyInfoRequest, _snapshot: Snapshot) -> Output:
    """Answer the account that an access key id encodes, whether the key is there or not.

    Raises:
        InvalidAccessKeyId: it encodes none.
    AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
    """
    try:
        return {"Account": account_of_access_key_id(request.access_key_id)}
    except ValueError:
        raise InvalidAccessKeyId(access_key_id=request.access_key_id) from None


OPERATIONS: tuple[Operation, ...] = (
    Read(GetAccessKeyInfoRequest, get_access_key_info_checks, get_access_key_info),
    Read(GetCallerIdentityRequest, no_permission_needed, get_caller_identity, actions=()),
)
