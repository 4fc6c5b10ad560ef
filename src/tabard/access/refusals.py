"""Authentication and authorization errors of each service.

The errors depend on the service, not on the protocol. AWS: the "Common Errors" page of each service's API
reference, S3's https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and EC2's
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Literal

from tabard.errors import CodedError

Service = Literal["iam", "sts", "ec2", "s3", "dynamodb", "sqs", "hosts", "tabard"]


class Refusal(Enum):
    """Reason why authentication failed."""

    NO_AUTHENTICATION = auto()
    UNKNOWN_KEY = auto()
    BAD_SIGNATURE = auto()
    BODY_MISMATCH = auto()
    CLOCK_SKEW = auto()
    EXPIRED_SESSION = auto()
    BAD_SESSION_TOKEN = auto()
    WRONG_SCOPE = auto()
    WRONG_DATE = auto()
    UNSIGNED_HEADERS = auto()
    INCOMPLETE = auto()


_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - AWS's sentence
_EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105 - AWS's sentence
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
_NOT_VALIDATED = "AWS was not able to validate the provided access credentials"
_NO_TOKEN = "Request is missing Authentication Token"  # noqa: S105 - AWS's sentence

_WRONG_DATE = (
    "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: {detail}"
)

_Row = tuple[str, int, str]

_QUERY: dict[Refusal, _Row] = {
    Refusal.NO_AUTHENTICATION: ("MissingAuthenticationToken", 403, _NO_TOKEN),
    Refusal.UNKNOWN_KEY: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
    Refusal.BAD_SIGNATURE: ("SignatureDoesNotMatch", 403, _MISMATCH),
    Refusal.BODY_MISMATCH: ("SignatureDoesNotMatch", 403, _MISMATCH),
    Refusal.CLOCK_SKEW: ("SignatureDoesNotMatch", 403, "Signature expired: {detail}"),
    Refusal.EXPIRED_SESSION: ("ExpiredToken", 403, _EXPIRED_TOKEN),
    Refusal.BAD_SESSION_TOKEN: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
    Refusal.WRONG_SCOPE: ("SignatureDoesNotMatch", 403, "Credential should be scoped to {detail}."),
    Refusal.WRONG_DATE: ("SignatureDoesNotMatch", 403, _WRONG_DATE),
    Refusal.UNSIGNED_HEADERS: ("SignatureDoesNotMatch", 403, "{detail}"),
    Refusal.INCOMPLETE: ("IncompleteSignature", 400, "{detail}"),
}

_TABLE: dict[Service, dict[Refusal, _Row]] = {
    "iam": _QUERY,
    "sts": _QUERY,
    "hosts": _QUERY,
    "tabard": _QUERY,
    "sqs": _QUERY,
    "ec2": {
        Refusal.NO_AUTHENTICATION: ("MissingAuthenticationToken", 403, _NO_TOKEN),
        Refusal.UNKNOWN_KEY: ("AuthFailure", 401, _NOT_VALIDATED),
        Refusal.BAD_SIGNATURE: ("AuthFailure", 401, _NOT_VALIDATED),
        Refusal.BODY_MISMATCH: ("AuthFailure", 401, _NOT_VALIDATED),
        Refusal.CLOCK_SKEW: ("RequestExpired", 400, "Request has expired."),
        Refusal.EXPIRED_SESSION: ("RequestExpired", 400, "Request has expired."),
        Refusal.BAD_SESSION_TOKEN: ("AuthFailure", 401, _NOT_VALIDATED),
        Refusal.WRONG_SCOPE: ("AuthFailure", 401, "Credential should be scoped to {detail}."),
        Refusal.WRONG_DATE: ("AuthFailure", 401, _WRONG_DATE),
        Refusal.UNSIGNED_HEADERS: ("AuthFailure", 401, "{detail}"),
        Refusal.INCOMPLETE: ("IncompleteSignature", 400, "{detail}"),
    },
    "s3": {
        Refusal.NO_AUTHENTICATION: ("AccessDenied", 403, "Access Denied"),
        Refusal.UNKNOWN_KEY: (
            "InvalidAccessKeyId",
            403,
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        Refusal.BAD_SIGNATURE: (
            "SignatureDoesNotMatch",
            403,
            (
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method."
            ),
        ),
        Refusal.BODY_MISMATCH: (
            "XAmzContentSHA256Mismatch",
            400,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        Refusal.CLOCK_SKEW: (
            "RequestTimeTooSkewed",
            403,
            "The difference between the request time and the current time is too large.",
        ),
        Refusal.EXPIRED_SESSION: ("ExpiredToken", 400, "The provided token has expired."),
        Refusal.BAD_SESSION_TOKEN: (
            "InvalidToken",
            400,
            "The provided token is malformed or otherwise invalid.",
        ),
        Refusal.WRONG_SCOPE: (
            "AuthorizationHeaderMalformed",
            400,
            "The authorization header is malformed; the credential scope must name {detail}.",
        ),
        Refusal.WRONG_DATE: (
            "AuthorizationHeaderMalformed",
            400,
            (
                "The authorization header is malformed; Invalid credential date. "
                "Date is not the same as X-Amz-Date."
            ),
        ),
        Refusal.UNSIGNED_HEADERS: ("SignatureDoesNotMatch", 403, "{detail}"),
        Refusal.INCOMPLETE: (
            "AuthorizationHeaderMalformed",
            400,
            "The authorization header is malformed; {detail}",
        ),
    },
    "dynamodb": {
        Refusal.NO_AUTHENTICATION: ("MissingAuthenticationTokenException", 400, _NO_TOKEN),
        Refusal.UNKNOWN_KEY: ("UnrecognizedClientException", 400, _INVALID_TOKEN),
        Refusal.BAD_SIGNATURE: ("InvalidSignatureException", 400, _MISMATCH),
        Refusal.BODY_MISMATCH: ("InvalidSignatureException", 400, _MISMATCH),
        Refusal.CLOCK_SKEW: ("InvalidSignatureException", 400, "Signature expired: {detail}"),
        Refusal.EXPIRED_SESSION: ("ExpiredTokenException", 400, _EXPIRED_TOKEN),
        Refusal.BAD_SESSION_TOKEN: ("UnrecognizedClientException", 400, _INVALID_TOKEN),
        Refusal.WRONG_SCOPE: (
            "InvalidSignatureException",
            400,
            "Credential should be scoped to {detail}.",
        ),
        Refusal.WRONG_DATE: ("InvalidSignatureException", 400, _WRONG_DATE),
        Refusal.UNSIGNED_HEADERS: ("InvalidSignatureException", 400, "{detail}"),
        Refusal.INCOMPLETE: ("IncompleteSignatureException", 400, "{detail}"),
    },
}

REFUSALS = MappingProxyType(_TABLE)


class NotAuthenticated(CodedError):
    """Authentication failed. The code, the status and the message are those of the service."""

    def __init__(
        self,
        service: Service,
        refusal: Refusal,
        *,
        detail: str = "",
        members: Mapping[str, object] | None = None,
    ) -> None:
        self.refusal = refusal
        code, status, sentence = REFUSALS[service][refusal]
        super().__init__(code=code, status=status, message=sentence.format(detail=detail), members=members)


_DENIALS: dict[Service, tuple[str, int]] = {
    "iam": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
    "hosts": ("AccessDenied", 403),
    "tabard": ("AccessDenied", 403),
    "sqs": ("AccessDenied", 403),
    "ec2": ("UnauthorizedOperation", 403),
    "s3": ("AccessDenied", 403),
    "dynamodb": ("AccessDeniedException", 400),
}


class AccessDenied(CodedError):
    """The caller is authenticated but not allowed. `message` is AWS's message."""

    def __init__(self, service: Service, sentence: str) -> None:
        code, status = _DENIALS[service]
        super().__init__(code=code, status=status, message=sentence)


_S3_MEMBER = "A header you provided implies functionality that is not implemented: {member}."
_MEMBER = "The parameter {member} is not supported here{advice}."
_OPERATION = (
    "The operation {operation} is not supported: this installation does not offer {action}, whatever the "
    "policies say."
)

_NOT_OFFERED: dict[Service, tuple[str, int]] = {
    "iam": ("InvalidAction", 400),
    "sts": ("InvalidAction", 400),
    "ec2": ("InvalidAction", 400),
    "hosts": ("UnknownOperationException", 400),
    "tabard": ("UnknownOperationException", 400),
    "s3": ("NotImplemented", 501),
    "dynamodb": ("UnknownOperationException", 400),
    "sqs": ("UnsupportedOperation", 400),
}

_MEMBERS_NOT_OFFERED: dict[Service, _Row] = {
    "s3": ("NotImplemented", 501, _S3_MEMBER),
    "dynamodb": ("ValidationException", 400, _MEMBER),
    "sqs": ("UnsupportedOperation", 400, _MEMBER),
}
"""The sentences of the forwarded services."""


class OperationNotOffered(CodedError):
    """An operation that Tabard does not have: no policy was asked, and the code is no denial's."""

    not_offered = True

    def __init__(self, service: Service, operation: str) -> None:
        self.operation = operation
        code, status = _NOT_OFFERED[service]
        message = _OPERATION.format(operation=operation, action=f"{service}:{operation}")
        super().__init__(code=code, status=status, message=message)


class MemberNotOffered(CodedError):
    """A parameter that an upstream would ignore. Tabard refuses it before the decision and never drops it."""

    not_offered = True

    def __init__(self, service: Service, operation: str, member: str, *, advice: str = "") -> None:
        self.operation = operation
        code, status, sentence = _MEMBERS_NOT_OFFERED[service]
        message = sentence.format(member=member, advice=f"; {advice}" if advice else "")
        super().__init__(code=code, status=status, message=message)
