"""Unreadable answers of an upstream: one log event, and one retryable error for the caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from tabard.errors import AwsError, UnreadableAnswer
from tabard.wire.request import ServiceName

UPSTREAM_ANSWER_UNREADABLE = "upstream_answer_unreadable"

_log = structlog.get_logger()


@contextmanager
def readable_answer(service: ServiceName, operation: str) -> Iterator[None]:
    """Treat every failure to parse an answer as the upstream's failure, not as Tabard's.

    Raises:
        UnreadableAnswer (503), logged once. Any other AwsError within goes through.
    """
    try:
        yield
    except UnreadableAnswer as failure:
        reason = type(failure.__cause__ or failure).__name__
        _log.error(UPSTREAM_ANSWER_UNREADABLE, service=service, operation=operation, failure=reason)
        raise
    except AwsError:
        raise
    except Exception as failure:
        reason = type(failure).__name__
        _log.error(UPSTREAM_ANSWER_UNREADABLE, service=service, operation=operation, failure=reason)
        raise UnreadableAnswer from failure
