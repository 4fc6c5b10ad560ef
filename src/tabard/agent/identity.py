"""Fetches the signed identity document of an instance, with retries."""

import asyncio
import random

import structlog

from tabard.agent import rotation
from tabard.agent.edge_client import Edge, EdgeError
from tabard.agent.instances import HostedInstance

IDENTITY_NOT_SIGNED = "identity_not_signed"

_LONGEST_BACKOFF_SECONDS = 60.0

_log = structlog.get_logger(__name__)


async def fetch_identity(instance: HostedInstance, edge: Edge, *, random_source: random.Random) -> None:
    """Fetch the document. Return once the instance has it, or has other credentials.

    The first failure also counts as settled: an instance does not wait for an unreachable edge.
    """
    credentials = instance.credentials
    failures = 0
    while credentials is not None and instance.credentials is credentials and credentials.identity() is None:
        try:
            credentials.set_identity(await edge.get_instance_identity(instance.instance_id))
        except EdgeError as error:
            credentials.identity_settled.set()
            _log.warning(
                IDENTITY_NOT_SIGNED, instance_id=instance.instance_id, code=error.code, reason=error.message
            )
            delay_seconds = rotation.retry_seconds(
                failures, longest_seconds=_LONGEST_BACKOFF_SECONDS, jitter=random_source.random()
            )
            failures += 1
            await asyncio.sleep(delay_seconds)
        else:
            return
