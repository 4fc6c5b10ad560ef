"""AWS errors as exceptions: the class carries the code, the HTTP status, the fault and the sentence.

Errors of one service alone live beside that service (`services/iam/errors.py`, …). What every service
shares, and the base class, is here.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

Fault = Literal["Sender", "Receiver"]


class AwsError(Exception):
    """An answer in the caller's protocol. Raise a subclass with the details its sentence names.

    `not_offered`: Tabard does not have what was asked for, so the error says nothing about permissions.
    `members` are further modeled members of the error's shape (DynamoDB's `CancellationReasons`, S3's
    `BucketName`, …); the renderer of the protocol decides where they go.
    """

    code: ClassVar[str] = "InternalFailure"
    status: ClassVar[int] = 500
    fault: ClassVar[Fault] = "Sender"
    sentence: ClassVar[str] = "{message}"
    not_offered: ClassVar[bool] = False

    def __init__(self, *, members: Mapping[str, object] | None = None, **details: object) -> None:
        self.details = details
        self.members: Mapping[str, object] = members or {}
        self.message = self.sentence.format(**details)
        super().__init__(self.message)

    @property
    def error_code(self) -> str:
        """The code on the wire."""
        return self.code

    @property
    def http_status(self) -> int:
        """The HTTP status on the wire."""
        return self.status


class CodedError(AwsError):
    """An error whose code and status are each instance's own, and not its class's."""

    def __init__(
        self, *, code: str, status: int, message: str, members: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(members=members, message=message)
        self._code = code
        self._status = status

    @property
    def error_code(self) -> str:
        return self._code

    @property
    def http_status(self) -> int:
        return self._status


class RelayedError(CodedError):
    """An error that an upstream answered, passed on with its own code, status and message."""

    @property
    def relayed_fault(self) -> Fault:
        """Return whose fault it was, by the status of the upstream's answer."""
        return "Sender" if self.http_status < 500 else "Receiver"


class UnreadableAnswer(RelayedError):
    """An upstream's answer is unreadable. A retry may help."""

    def __init__(self) -> None:
        super().__init__(
            code="ServiceUnavailable",
            status=503,
            message="The upstream's answer could not be read; please try again.",
        )


class InternalFailure(AwsError):
    """An internal error of Tabard. The message has no details: the log has them, under the request id."""

    code = "InternalFailure"
    status = 500
    fault = "Receiver"
    sentence = "The request processing has failed because of an unknown error, exception or failure."


class ServiceUnavailable(AwsError):
    """The store or an upstream cannot be reached just now."""

    code = "ServiceUnavailable"
    status = 503
    fault = "Receiver"
    sentence = "{reason}"


class MalformedRequest(AwsError):
    """The HTTP request itself is not acceptable, whatever the service."""

    code = "MalformedRequest"
    status = 400
    sentence = "{reason}"


class RequestTooLarge(AwsError):
    """A body, a header or a line is longer than its stated bound."""

    code = "RequestEntityTooLarge"
    status = 413
    sentence = "The {part} exceeds the maximum of {limit_bytes} bytes."


class InvalidAction(AwsError):
    """AWS: "The action or operation requested is invalid." """

    code = "InvalidAction"
    status = 400
    sentence = "Could not find operation {operation} for version {version}"


class ValidationError(AwsError):
    """AWS (IAM, STS): "The input fails to satisfy the constraints specified by an AWS service." """

    code = "ValidationError"
    status = 400
    sentence = "{reason}"
