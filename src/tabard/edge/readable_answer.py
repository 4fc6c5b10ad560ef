"""Unreadable answers of an upstream: one log event, and one retryable error for the caller."""

from types import TracebackType

import structlog

from tabard.errors import AwsError, UnreadableAnswer
from tabard.wire.request import ServiceName

UPSTREAM_ANSWER_UNREADABLE = "upstream_answer_unreadable"

_log = structlog.get_logger()


class readable_answer:  # noqa: N801 - a context manager, and cheaper than a generator: every answer has one
    """Treat every failure to parse an answer as the upstream's failure, not as Tabard's.

    Raises:
        UnreadableAnswer (503), logged once. Any other AwsError within goes through.
    """

    __slots__ = ("_operation", "_service")

    def __init__(self, service: ServiceName, operation: str) -> None:
        self._service = service
        self._operation = operation

    def __enter__(self) -> None:
        """Begin to parse."""

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not isinstance(failure, Exception):
            return
        if isinstance(failure, AwsError) and not isinstance(failure, UnreadableAnswer):
            return
        cause = failure.__cause__ if isinstance(failure, UnreadableAnswer) else None
        reason = type(cause or failure).__name__
        _log.error(
            UPSTREAM_ANSWER_UNREADABLE, service=self._service, operation=self._operation, failure=reason
        )
        if not isinstance(failure, UnreadableAnswer):
            raise UnreadableAnswer from failure
