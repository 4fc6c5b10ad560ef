"""Waiting until the audit holds every event of what was answered before.

Theory of operation. Each edge writes its events within a second, at a time of its own. A reader that must not
miss any asks for a flush: the installation's setting `audit-flush` counts these. Every edge follows the
store. So it sees the new number at once, writes the events that wait in its queue, and then notes the number
as a setting of its own. The reader waits until each edge has noted it. No clock and no pause is involved, and
this holds for any number of edges.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.tabard_messages import (
    FlushEventsRequest,
    FlushEventsResult,
    WaitForEventsRequest,
    WaitForEventsResult,
)
from tabard.services.hosts.answers import answer
from tabard.services.operation import Facts, Operation, Output, SnapshotSource, Watch, Write
from tabard.services.tabard.audit_events import audit_arn
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

FLUSH = "audit-flush"
"""The installation setting with the number of the last requested flush."""

EDGES = "audit-edges"
"""The names of the edges that this start has, separated by spaces."""


def flush_wanted(snapshot: Snapshot) -> int:
    """Return the number of the last flush that was asked for."""
    return int(snapshot.installation.get(FLUSH, "0"))


def flushed_setting(edge: str) -> str:
    """Return the name of the installation setting with the last flush of an edge."""
    return f"audit-flushed/{edge}"


def is_flushed(snapshot: Snapshot, number: int) -> bool:
    """Return whether every edge has written what it had when flush `number` was asked for."""
    edges = snapshot.installation.get(EDGES, "").split()
    return all(int(snapshot.installation.get(flushed_setting(edge), "0")) >= number for edge in edges)


def flush_events_checks(_: FlushEventsRequest, facts: Facts) -> Sequence[Check]:
    """tabard:FlushEvents on the audit."""
    return [Check(action="tabard:FlushEvents", resource=audit_arn(facts))]


def wait_for_events_checks(_: WaitForEventsRequest, facts: Facts) -> Sequence[Check]:
    """tabard:WaitForEvents on the audit."""
    return [Check(action="tabard:WaitForEvents", resource=audit_arn(facts))]


def flush_events(permit: Permit, _: FlushEventsRequest, tx: Transaction) -> Output:
    """Ask every edge to write the events that wait in its queue."""
    permit.require("tabard:FlushEvents", audit_arn(permit))
    number = int(tx.installation.get(FLUSH) or "0") + 1
    tx.installation.put(FLUSH, str(number))
    return answer(FlushEventsResult(flush_number=number))


async def wait_for_events(permit: Permit, request: WaitForEventsRequest, source: SnapshotSource) -> Output:
    """Answer once every edge has done a flush, or after some seconds: whether they have."""
    permit.require("tabard:WaitForEvents", audit_arn(permit))
    snapshot = source.current()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(request.wait_seconds):
            while not is_flushed(snapshot, request.flush_number):
                newer = await source.wait_beyond(snapshot.version, request.wait_seconds)
                if newer.version == snapshot.version:  # the time is up, or this edge is about to stop
                    break
                snapshot = newer
    return answer(WaitForEventsResult(is_complete=is_flushed(snapshot, request.flush_number)))


OPERATIONS: tuple[Operation, ...] = (
    Write(FlushEventsRequest, flush_events_checks, flush_events),
    Watch(WaitForEventsRequest, wait_for_events_checks, wait_for_events),
)
