"""Performing what was allowed: here, or at an upstream."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, assert_never

from tabard.access.mint import Mint
from tabard.credentials.identity_certificate import IdentityKey
from tabard.credentials.keyring import Keyring
from tabard.edge.forward_json import JsonUpstream
from tabard.edge.forward_s3 import S3Upstream
from tabard.edge.object_body import ObjectBody
from tabard.edge.reached_at import reached_at
from tabard.edge.record import audit_event
from tabard.edge.request_metrics import RequestMetrics
from tabard.edge.stages import Allowed
from tabard.edge.table_keys import TableKeys
from tabard.errors import InternalFailure, ServiceUnavailable
from tabard.http1.answer import Answer
from tabard.services.dynamodb.tables import table_name
from tabard.services.operation import (
    Forward,
    Minting,
    Output,
    Read,
    SnapshotSource,
    StoreRead,
    Vouching,
    Watch,
    Write,
)
from tabard.store.ports import AlreadyStored, Store, StoreUnavailable
from tabard.store.snapshot import Snapshot
from tabard.wire.render import render_output
from tabard.wire.request import ServiceName
from tabard.wire.service_model import service_model

WRITE_QUEUE_SECONDS = 4.0
"""A write that could not begin within this time is answered 503; the store itself waits for a lock for 5."""


class RefreshingSource(SnapshotSource, Protocol):
    """A source of snapshots that follows every write, and can be told to look now."""

    async def newest(self) -> Snapshot:
        """A snapshot no older than any write that was acknowledged before this call.

        Raises ServiceUnavailable where none can be had, or the store was away for longer than the bound.
        """

    async def refresh(self) -> None:
        """Bring the snapshot up to the store's newest version."""


class Keyrings(Protocol):
    """Opens the keyring that a snapshot holds."""

    def of(self, snapshot: Snapshot) -> Keyring:
        """The opened keyring of this snapshot."""


class IdentityKeys(Protocol):
    """Opens the key of the installation's own certificate."""

    def of(self, snapshot: Snapshot) -> IdentityKey:
        """The opened key of this snapshot's installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """Knows the store, the keyring and the upstreams; is only ever handed what was allowed."""

    store: Store = field(repr=False)
    snapshots: RefreshingSource = field(repr=False)
    keyrings: Keyrings = field(repr=False)
    identity_keys: IdentityKeys = field(repr=False)
    s3: S3Upstream
    json: Mapping[ServiceName, JsonUpstream]
    table_keys: TableKeys
    instance_session_lifetime: timedelta
    metrics: RequestMetrics = field(default_factory=RequestMetrics, repr=False)
    # One writer: transactions are serial in the store anyway, and the loop never waits for a disk.
    writer: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-writer"),
        repr=False,
    )

    reader: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader"),
        repr=False,
    )

    def close(self) -> None:
        """End its threads."""
        self.writer.shutdown()
        self.reader.shutdown()

    async def perform(self, allowed: Allowed) -> Answer:
        """Perform it and render the answer.

        Raises:
            AwsError: the operation's own errors. ServiceUnavailable (503): the store or an upstream is away.
        """
        asked = allowed.resolved.asked
        operation, request, snapshot = asked.operation, asked.request, asked.believed.snapshot
        output: Output
        match operation:
            case Forward():
                operation.validate(asked.call.input, allowed.permit)
                return await self._measured(allowed)
            case Read():
                output = operation.perform(allowed.permit, request, await self.snapshots.newest())
            case StoreRead():
                output = await self._read_store(allowed, operation)
            case Write():
                output = await self._write(allowed, operation)
            case Minting():
                output = operation.perform(
                    allowed.permit,
                    request,
                    Mint(
                        snapshot=snapshot,
                        keyring=self.keyrings.of(snapshot),
                        instance_session_lifetime=self.instance_session_lifetime,
                    ),
                )
            case Vouching():
                key = self.identity_keys.of(snapshot)
                output = operation.perform(allowed.permit, request, snapshot, key)
            case Watch():
                output = await operation.perform(allowed.permit, request, self.snapshots)
            case _:
                assert_never(operation)
        call = asked.call
        return render_output(
            service_model(call.service), call.operation, output, allowed.permit.request_id, call.protocol
        )

    async def _read_store(self, allowed: Allowed, operation: StoreRead[object]) -> Output:  # type: ignore[type-var]
        """In a thread: the loop never waits for a disk."""

        def read() -> Output:
            with self.store.reading() as tx:
                return operation.perform(allowed.permit, allowed.resolved.asked.request, tx)

        try:
            return await asyncio.get_running_loop().run_in_executor(self.reader, read)
        except StoreUnavailable as error:
            raise ServiceUnavailable(reason="The store cannot be read just now. Please try again.") from error

    async def _write(self, allowed: Allowed, operation: Write[object]) -> Output:  # type: ignore[type-var]
        """One transaction, its audit event in it; then this edge sees its own change at once."""
        loop = asyncio.get_running_loop()
        latest_start = loop.time() + WRITE_QUEUE_SECONDS
        try:
            output = await loop.run_in_executor(
                self.writer, self._commit, allowed, operation, lambda: loop.time() <= latest_start
            )
        except StoreUnavailable as error:
            raise ServiceUnavailable(
                reason="The store cannot be written to just now; nothing was done. Please try again."
            ) from error
        except AlreadyStored as error:
            # A handler looks before it inserts, inside a serial transaction: this is our mistake.
            raise InternalFailure from error
        await self.snapshots.refresh()
        return output

    def _commit(
        self,
        allowed: Allowed,
        operation: Write[object],  # type: ignore[type-var]
        may_still_start: Callable[[], bool],
    ) -> Output:
        if not may_still_start():
            # Each write waits for a locked store as long as it may: those behind it shall not wait in turn.
            raise StoreUnavailable("the writes before this one took too long")
        asked = allowed.resolved.asked
        with self.store.transaction() as tx:
            output = operation.perform(allowed.permit, asked.request, tx)
            tx.audit.append(
                [audit_event(asked.believed.raw, allowed, service=asked.call.service, status=200, error=None)]
            )
        return output

    async def _measured(self, allowed: Allowed) -> Answer:
        """Forward, and count how long the store behind the service took."""
        loop = asyncio.get_running_loop()
        began_seconds, failed = loop.time(), False
        try:
            return await self._forward(allowed)
        except ServiceUnavailable:
            failed = True
            raise
        finally:
            seconds = loop.time() - began_seconds
            self.metrics.count_forwarded(allowed.resolved.asked.call.service, seconds=seconds, failed=failed)

    async def _forward(self, allowed: Allowed) -> Answer:
        asked, permit = allowed.resolved.asked, allowed.permit
        call = asked.call
        if call.service == "s3":
            content = asked.believed.content
            body = content if isinstance(content, ObjectBody) else None
            return await self.s3.forward(permit, call, body, allowed.refused)
        upstream = self.json[call.service]
        answer = await upstream.forward(
            permit, call, reached_at=reached_at(asked.believed.raw, endpoint=upstream.endpoint)
        )
        if call.operation in ("CreateTable", "DeleteTable"):
            self.table_keys.forget(table_name(call.input["TableName"], permit), permit.region)
        return answer
