"""STS, operation by operation.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/
"""

from tabard.services.operation import Minting, Operation, Read
from tabard.services.sts.assume_role import AssumeRoleRequest, assume_role, assume_role_checks
from tabard.services.sts.authorization_message import (
    DecodeAuthorizationMessageRequest,
    decode_authorization_message,
    decode_authorization_message_checks,
)
from tabard.services.sts.caller_identity import (
    GetAccessKeyInfoRequest,
    GetCallerIdentityRequest,
    get_access_key_info,
    get_access_key_info_checks,
    get_caller_identity,
    no_permission_needed,
)

OPERATIONS: tuple[Operation, ...] = (
    Minting("AssumeRole", AssumeRoleRequest, assume_role_checks, assume_role),
    Minting(
        "DecodeAuthorizationMessage",
        DecodeAuthorizationMessageRequest,
        decode_authorization_message_checks,
        decode_authorization_message,
    ),
    Read("GetAccessKeyInfo", GetAccessKeyInfoRequest, get_access_key_info_checks, get_access_key_info),
    Read("GetCallerIdentity", GetCallerIdentityRequest, no_permission_needed, get_caller_identity),
)
