"""The agent's client of the edge's `hosts` service: json 1.1, signed with the host's own key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from tabard.clock import Clock, ClockReading, read_clocks
from tabard.model.message_json import (
    CONTENT_TYPE,
    HOSTS_TARGET_PREFIX,
    MessageUnreadable,
    decode_error,
    decode_message,
    encode_message,
)
from tabard.model.messages import (
    DescribeHostInstancesRequest,
    DescribeHostInstancesResult,
    EnrollHostRequest,
    EnrollHostResult,
    GetInstanceIdentityRequest,
    GetInstanceIdentityResult,
    GetInstanceSessionRequest,
    GetInstanceSessionResult,
    InstanceReport,
    Message,
    PutConsoleOutputRequest,
    RenewHostCertificateRequest,
    RenewHostCertificateResult,
    ReportInstancesRequest,
)
from tabard.model.session import RoleDelivery

SERVICE = "hosts"
_CALL_TIMEOUT_SECONDS = 5.0

REFUSAL_CODES = frozenset({"AssumeRoleUnauthorizedAccess", "InstanceProfileNotFound"})
"""The edge's error codes when EC2 may not assume a role. The metadata service shows them unchanged."""


class EdgeError(Exception):
    """A call to the edge failed. `code` is AWS's error code, or `Unreachable`."""

    def __init__(self, *, operation: str, code: str, message: str, status: int = 0) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status


class EdgeUnreachable(EdgeError):
    """No answer: the edge is unreachable, too slow, or does not speak HTTP."""


class EdgeRefused(EdgeError):
    """The edge answered with an error."""


class MintRefused(EdgeRefused):
    """EC2 may not assume the instance's role. A retry fails until somebody repairs the role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MintAnswer:
    """A session, and its lifetime counted from `requested_at` on this host's clocks."""

    credentials: GetInstanceSessionResult
    requested_at: ClockReading
    lifetime_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Exchange(Protocol):
    """Sends one signed request to the edge and reads the whole answer. Raises OSError without an answer."""

    async def __call__(
        self, *, operation: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float
    ) -> HttpAnswer: ...


class Edge(Protocol):
    """The calls that an agent makes to the edge. Each raises EdgeError when it fails."""

    async def describe_host_instances(
        self, *, known_version: int, wait_seconds: int
    ) -> DescribeHostInstancesResult:
        """Return the desired state: at once if it is not `known_version`, else after a change or the wait."""

    async def get_instance_session(self, instance_id: str, role_delivery: RoleDelivery) -> MintAnswer:
        """Get a new session. Raises MintRefused if EC2 may not assume the role."""

    async def get_instance_identity(self, instance_id: str) -> GetInstanceIdentityResult:
        """Get the signed identity document of an instance."""

    async def put_console_output(self, instance_id: str, output: bytes) -> None:
        """Send the end of an instance's console output, at most 64 KiB."""

    async def report_instances(self, reports: tuple[InstanceReport, ...]) -> None:
        """Send reports; an empty tuple says only that the host is alive."""


M = TypeVar("M", bound=Message)


class EdgeClient:
    """Calls the `hosts` service for one host."""

    def __init__(self, host_id: str, exchange: Exchange, *, clock: Clock) -> None:
        self._host_id = host_id
        self._exchange = exchange
        self._clock = clock

    async def describe_host_instances(
        self, *, known_version: int, wait_seconds: int
    ) -> DescribeHostInstancesResult:
        """Return the desired state: at once if it is not `known_version`, else after a change or the wait."""
        request = DescribeHostInstancesRequest(
            host_id=self._host_id, known_version=known_version, wait_seconds=wait_seconds
        )
        answer = await self.call(
            "DescribeHostInstances", request, timeout_seconds=wait_seconds + _CALL_TIMEOUT_SECONDS
        )
        return _decode("DescribeHostInstances", answer, DescribeHostInstancesResult)

    async def get_instance_session(self, instance_id: str, role_delivery: RoleDelivery) -> MintAnswer:
        """Get a new session of the instance's role. Raises MintRefused if EC2 may not assume the role."""
        requested_at = read_clocks(self._clock)
        request = GetInstanceSessionRequest(instance_id=instance_id, role_delivery=role_delivery)
        answer = await self.call("GetInstanceSession", request)
        credentials = _decode("GetInstanceSession", answer, GetInstanceSessionResult)
        return MintAnswer(
            credentials=credentials,
            requested_at=requested_at,
            lifetime_seconds=_lifetime_seconds(credentials, answer.headers.get("date")),
        )

    async def get_instance_identity(self, instance_id: str) -> GetInstanceIdentityResult:
        """Get the signed identity document of an instance."""
        answer = await self.call("GetInstanceIdentity", GetInstanceIdentityRequest(instance_id=instance_id))
        return _decode("GetInstanceIdentity", answer, GetInstanceIdentityResult)

    async def put_console_output(self, instance_id: str, output: bytes) -> None:
        """Send the end of an instance's console output, at most 64 KiB."""
        await self.call("PutConsoleOutput", PutConsoleOutputRequest(instance_id=instance_id, output=output))

    async def report_instances(self, reports: tuple[InstanceReport, ...]) -> None:
        """Send reports; an empty tuple says only that the host is alive."""
        await self.call("ReportInstances", ReportInstancesRequest(host_id=self._host_id, reports=reports))

    async def enroll_host(self, request: EnrollHostRequest) -> EnrollHostResult:
        """Enroll this machine as a host, with a join token."""
        return _decode("EnrollHost", await self.call("EnrollHost", request), EnrollHostResult)

    async def renew_host_certificate(self, certificate_request: str) -> RenewHostCertificateResult:
        """Get a certificate of another key for this host."""
        request = RenewHostCertificateRequest(host_id=self._host_id, certificate_request=certificate_request)
        answer = await self.call("RenewHostCertificate", request)
        return _decode("RenewHostCertificate", answer, RenewHostCertificateResult)

    async def call(
        self, operation: str, request: Message, *, timeout_seconds: float = _CALL_TIMEOUT_SECONDS
    ) -> HttpAnswer:
        """Call any operation of the `hosts` service."""
        headers = {
            "content-type": CONTENT_TYPE,
            "x-amz-target": f"{HOSTS_TARGET_PREFIX}.{operation}",
        }
        try:
            answer = await self._exchange(
                operation=operation,
                headers=headers,
                body=encode_message(request),
                timeout_seconds=timeout_seconds,
            )
        except (OSError, TimeoutError) as error:
            raise EdgeUnreachable(
                operation=operation, code="Unreachable", message=str(error) or type(error).__name__
            ) from error
        if answer.status != 200:
            raise _error(operation, answer)
        return answer


def _decode(operation: str, answer: HttpAnswer, kind: type[M]) -> M:
    try:
        return decode_message(answer.body, kind)
    except MessageUnreadable as error:
        raise EdgeUnreachable(operation=operation, code="Unreachable", message=str(error)) from error


def _error(operation: str, answer: HttpAnswer) -> EdgeError:
    code, message = decode_error(answer.body)
    if not code:
        return EdgeUnreachable(
            operation=operation,
            code="Unreachable",
            message=f"HTTP {answer.status} without an AWS error",
            status=answer.status,
        )
    kind = MintRefused if operation == "GetInstanceSession" and code in REFUSAL_CODES else EdgeRefused
    return kind(operation=operation, code=code, message=message, status=answer.status)


def _lifetime_seconds(credentials: GetInstanceSessionResult, date: str | None) -> float:
    """Return the stated lifetime, or the rest by the edge's own clock (the Date header), if that is less."""
    stated = float(credentials.lifetime_seconds)
    try:
        answered_at = None if date is None else parsedate_to_datetime(date)
    except ValueError:
        answered_at = None
    if answered_at is None:
        return stated
    if answered_at.tzinfo is None:
        answered_at = answered_at.replace(tzinfo=UTC)
    left = (credentials.expiration - _aware(answered_at)).total_seconds()
    return max(0.0, min(stated, left))


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
