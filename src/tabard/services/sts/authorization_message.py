"""Decoding of EC2's sealed denials, for callers with permission.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
"""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.credentials.keyring import Keyring
from tabard.credentials.sealed_message import MessageNotOurs, open_message
from tabard.services.operation import Facts, Opening, Operation, Output, Request
from tabard.services.sts.errors import InvalidAuthorizationMessageException


class DecodeAuthorizationMessageRequest(Request, frozen=True, kw_only=True):
    """`encoded_message`: the message of an UnauthorizedOperation."""

    encoded_message: str


def decode_authorization_message_checks(
    _request: DecodeAuthorizationMessageRequest, _facts: Facts
) -> Sequence[Check]:
    """Require `sts:DecodeAuthorizationMessage`, which has no resource."""
    return (Check(action="sts:DecodeAuthorizationMessage", resource="*"),)


def decode_authorization_message(
    _permit: Permit, request: DecodeAuthorizationMessageRequest, keyring: Keyring
) -> Output:
    """Open the message.

    Raises:
        InvalidAuthorizationMessageException (400): this installation did not seal it.
    """
    try:
        return {"DecodedMessage": open_message(request.encoded_message, keyring)}
    except MessageNotOurs:
        raise InvalidAuthorizationMessageException from None


OPERATIONS: tuple[Operation, ...] = (
    Opening(
        DecodeAuthorizationMessageRequest, decode_authorization_message_checks, decode_authorization_message
    ),
)
