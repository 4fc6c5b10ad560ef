"""The identity of the caller, and the account of an access key.

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
    """A request without members."""


class GetAccessKeyInfoRequest(Request, frozen=True, kw_only=True):
    """`access_key_id` may belong to anybody, long-term or temporary."""

    access_key_id: str


def get_access_key_info_checks(_request: GetAccessKeyInfoRequest, _facts: Facts) -> Sequence[Check]:
    """Require `sts:GetAccessKeyInfo`, which has no resource."""
    return (Check(action="sts:GetAccessKeyInfo", resource="*"),)


def no_permission_needed(_request: object, _facts: Facts) -> Sequence[Check]:
    """Require no check: every authenticated caller may call, even if a policy denies it.

    The pipeline accepts "no checks" only from this function.

    AWS: "No permissions are required to perform this operation. If an administrator attaches a policy to your
    identity that explicitly denies access to the sts:GetCallerIdentity action, you can still perform this
    operation."
    """
    return ()


def get_caller_identity(permit: Permit, _request: GetCallerIdentityRequest, _snapshot: Snapshot) -> Output:
    """Return the caller's ARN, account and unique id."""
    caller = permit.caller
    return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}


def get_access_key_info(_permit: Permit, request: GetAccessKeyInfoRequest, _snapshot: Snapshot) -> Output:
    """Return the account that an access key id encodes, whether or not the key exists.

    Raises:
        InvalidAccessKeyId: it encodes no account.
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
