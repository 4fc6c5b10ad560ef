"""Who the caller is.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.services.operation import Facts, Output, Request
from tabard.store.snapshot import Snapshot


class GetCallerIdentityRequest(Request, frozen=True, kw_only=True):
    """Takes nothing."""


def no_permission_needed(_request: object, _facts: Facts) -> Sequence[Check]:
    """No check at all: every authenticated caller may, even one whom a policy denies it.

    The one answer of "no checks" that the pipeline accepts; it recognises this very function.

    AWS: "No permissions are required to perform this operation. If an administrator attaches a policy to your
    identity that explicitly denies access to the sts:GetCallerIdentity action, you can still perform this
    operation."
    """
    return ()


def get_caller_identity(permit: Permit, _request: GetCallerIdentityRequest, _snapshot: Snapshot) -> Output:
    """Answer the caller's ARN, account and unique id."""
    caller = permit.caller
    return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}
