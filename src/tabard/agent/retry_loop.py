"""Retry loop: repeats a step without end, with exponential backoff after failures of the edge."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from tabard.agent import rotation
from tabard.agent.edge_client import EdgeError, EdgeRefused

EDGE_CALL_FAILED = "edge_call_failed"
HOST_REVOKED = "host_revoked"

_LONGEST_BACKOFF_SECONDS = 30.0
_REMOVED = "HostRemoved"
_REMOVED_MEANWHILE = "HostNotFound"
_REFUSALS_BELIEVED = 3
"""An edge that has just started, or has just lost its store, may not know the newest hosts yet."""

_log = structlog.get_logger(__name__)


class HostRevoked(Exception):
    """The edge has said several times that the host does not exist. The message tells the operator."""

    def __init__(self, host_id: str) -> None:
        super().__init__(
            f"the host {host_id} was revoked: this machine is no longer an instance, and its role has ended"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLoop:
    """Repeats the steps of one host's agent. It calls `on_failure` after each failure of the edge."""

    host_id: str
    ends_when_revoked: bool
    on_failure: Callable[[], None]
    random_source: random.Random = field(repr=False)
    first_retry_seconds: float = rotation.FIRST_RETRY_SECONDS

    async def repeat(self, operation: str, step: Callable[[], Awaitable[None]]) -> NoReturn:
        """Repeat the step until cancelled. Raises HostRevoked if the agent must end with its host."""
        failures = refusals = 0
        while True:
            try:
                await step()
                failures = refusals = 0
            except EdgeError as error:
                _log.warning(EDGE_CALL_FAILED, operation=operation, code=error.code, reason=error.message)
                refusals = refusals + 1 if _says_removed(error) else 0
                if self.ends_when_revoked and self._is_over(error, refusals):
                    _log.warning(HOST_REVOKED, host_id=self.host_id)
                    raise HostRevoked(self.host_id) from error
                delay = rotation.retry_seconds(
                    failures,
                    longest_seconds=_LONGEST_BACKOFF_SECONDS,
                    jitter=self.random_source.random(),
                    first_seconds=self.first_retry_seconds,
                )
                failures += 1
                self.on_failure()
                await asyncio.sleep(delay)

    def _is_over(self, error: EdgeError, refusals: int) -> bool:
        # The edge knew this host before, and refuses it now: the host was removed.
        return refusals >= _REFUSALS_BELIEVED or (refusals > 0 and error.code == _REMOVED_MEANWHILE)


def _says_removed(error: EdgeError) -> bool:
    return isinstance(error, EdgeRefused) and error.code in (_REMOVED, _REMOVED_MEANWHILE)
