"""The retry loop, and the only error that ends it."""

import random
from collections.abc import Sequence

import pytest

from tabard.agent import retry_loop as steps
from tabard.agent.edge_client import EdgeError, EdgeRefused, EdgeUnreachable
from tabard.agent.retry_loop import HostRevoked, RetryLoop


class Enough(Exception):
    """Ends the loop of a test."""


def refused(code: str) -> EdgeRefused:
    return EdgeRefused(operation="ReportInstances", code=code, message="no", status=403)


AWAY = EdgeUnreachable(operation="ReportInstances", code="Unreachable", message="away")
GONE, GONE_MEANWHILE = refused("HostRemoved"), refused("HostNotFound")
ANOTHER_KEY = refused("InvalidClientTokenId")


async def repeated(answers: Sequence[EdgeError | None], *, ends: bool = True) -> None:
    """Take a step for each answer, until Enough or HostRevoked."""
    taken = 0

    async def step() -> None:
        nonlocal taken
        if taken == len(answers):
            raise Enough
        taken += 1
        failure = answers[taken - 1]
        if failure is not None:
            raise failure

    repeating = RetryLoop(
        host_id="h-0123456789abcdef0",
        ends_when_revoked=ends,
        on_failure=lambda: None,
        random_source=random.Random(0),
        first_retry_seconds=0.0,
    )
    await repeating.repeat("ReportInstances", step)


@pytest.mark.parametrize(
    "answers", [[GONE] * 3, [AWAY, GONE, GONE, GONE], [GONE_MEANWHILE], [None, None, GONE_MEANWHILE]]
)
async def test_an_agent_ends_once_its_host_is_certainly_removed(answers: list[EdgeError | None]) -> None:
    with pytest.raises(HostRevoked, match="h-0123456789abcdef0 was revoked"):
        await repeated(answers)


@pytest.mark.parametrize(
    "answers",
    [
        [GONE, GONE, None, GONE, GONE, AWAY, GONE, GONE],
        [AWAY] * 20,
        [ANOTHER_KEY] * 20,
        [refused("ExpiredToken")] * 20,
        [refused("ServiceUnavailable")] * 20,
    ],
)
async def test_no_other_error_ends_the_loop(answers: list[EdgeError | None]) -> None:
    """An edge may lag, be unreachable, or know another key: a later answer may differ."""
    with pytest.raises(Enough):
        await repeated(answers)


async def test_an_installations_own_agent_retries_without_end() -> None:
    with pytest.raises(Enough):
        await repeated([GONE, GONE, GONE, GONE_MEANWHILE], ends=False)


def test_the_message_tells_the_operator_the_consequence() -> None:
    assert str(HostRevoked("h-1")).endswith("no longer an instance, and its role has ended")
    assert steps.HOST_REVOKED == "host_revoked"
