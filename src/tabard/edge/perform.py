"""Perform authorized calls, here or at an upstream."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, assert_never

import msgspec

from tabard.access.authorize import Permit
from tabard.access.mint import Mint
from tabard.credentials.identity_certificate import IdentityKey
from tabard.credentials.keyring import Keyring
from tabard.edge.caller_endpoint import caller_endpoint
from tabard.edge.object_body import ObjectBody
from tabard.edge.record import record_of
from tabard.edge.request_metrics import RequestMetrics
from tabard.edge.stages import Authorized
from tabard.edge.table_keys import TableKeys
from tabard.edge.upstream import AllowedCall, Upstream
from tabard.errors import InternalFailure, ServiceUnavailable
from tabard.http1.answer import Answer
from tabard.services.operation import (
    Forward,
    Minting,
    Opening,
    Output,
    Read,
    Signing,
    SnapshotSource,
    StoreRead,
    Watch,
    Write,
)
from tabard.store.ports import AlreadyStored, Store, StoreUnavailable
from tabard.store.snapshot import Snapshot
from tabard.wire.render import render_output
from tabard.wire.request import ServiceName, Value
from tabard.wire.service_model import service_model

WRITE_QUEUE_SECONDS = 4.0
"""A write that cannot begin in time is answered with 503. The store itself waits 5 seconds for a lock."""


class RefreshingSource(SnapshotSource, Protocol):
    """A source of snapshots that follows every write, and can be refreshed at once."""

    async def newest(self) -> Snapshot:
        """Return a snapshot with every write that was acknowledged before this call.

        Raises ServiceUnavailable if there is none, or the store was away for longer than the bound.
        """

    async def refresh(self) -> None:
        """Bring the snapshot up to the store's newest version."""


class Keyrings(Protocol):
    """Opens the keyring that a snapshot holds."""

    def of(self, snapshot: Snapshot) -> Keyring:
        """Return the opened keyring of this snapshot."""


class IdentityKeys(Protocol):
    """Opens the key of the installation's own certificate."""

    def of(self, snapshot: Snapshot) -> IdentityKey:
        """Return the opened key of this snapshot's installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """Performs authorized calls, with the store, the keyring and the upstreams."""

    store: Store = field(repr=False)
    snapshots: RefreshingSource = field(repr=False)
    keyrings: Keyrings = field(repr=False)
    identity_keys: IdentityKeys = field(repr=False)
    upstreams: Mapping[ServiceName, Upstream]
    table_keys: TableKeys
    instance_session_lifetime: timedelta
    metrics: RequestMetrics = field(default_factory=RequestMetrics, repr=False)
    # One writer: the store serializes transactions anyway, and the event loop never waits for a disk.
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

    async def perform(self, authorized: Authorized, reach: Callable[[Authorized], Authorized]) -> Answer:
        """Perform it and render the answer.

        Args:
            reach: notes the decisions that a new session rests on.

        Raises:
            AwsError: the operation's own errors. ServiceUnavailable (503): the store or an upstream is away.
        """
        parsed = authorized.resolved.parsed
        operation, request, snapshot = parsed.operation, parsed.request, parsed.authenticated.snapshot
        output: Output
        match operation:
            case Forward():
                # By now the caller may learn what is wrong with the input.
                operation.validate(parsed.call.input, authorized.permit)
                if operation.check_keys is not None:
                    await self._check_keys(operation, parsed.call.input, authorized.permit)
                return await self._forward(authorized, operation)
            case Read():
                # INVARIANT: a read sees the version that decided it, and no resource that was made later.
                output = operation.perform(authorized.permit, request, snapshot)
            case StoreRead():
                output = await self._read_store(authorized, operation)
            case Write():
                output = await self._write(authorized, operation)
            case Minting():
                minted = operation.perform(
                    authorized.permit,
                    request,
                    Mint(
                        snapshot=snapshot,
                        keyring=self.keyrings.of(snapshot),
                        instance_session_lifetime=self.instance_session_lifetime,
                    ),
                )
                reach(msgspec.structs.replace(authorized, minted_by=minted.decided))
                output = minted.output
            case Opening():
                output = operation.perform(authorized.permit, request, self.keyrings.of(snapshot))
            case Signing():
                key = self.identity_keys.of(snapshot)
                output = operation.perform(authorized.permit, request, snapshot, key)
            case Watch():
                output = await operation.perform(authorized.permit, request, self.snapshots)
            case _:
                assert_never(operation)
        call = parsed.call
        return render_output(
            service_model(call.service), call.operation, output, authorized.permit.request_id, call.protocol
        )

    async def _read_store(self, authorized: Authorized, operation: StoreRead[object]) -> Output:  # type: ignore[type-var]
        """Read the store in a thread, so that the event loop never waits for a disk."""

        def read() -> Output:
            with self.store.reading() as tx:
                return operation.perform(authorized.permit, authorized.resolved.parsed.request, tx)

        try:
            return await asyncio.get_running_loop().run_in_executor(self.reader, read)
        except StoreUnavailable as error:
            raise ServiceUnavailable(reason="The store cannot be read just now. Please try again.") from error

    async def _write(self, authorized: Authorized, operation: Write[object]) -> Output:  # type: ignore[type-var]
        """Commit the change with its audit event in one transaction, then refresh this edge's snapshot."""
        loop = asyncio.get_running_loop()
        latest_start = loop.time() + WRITE_QUEUE_SECONDS
        try:
            output = await loop.run_in_executor(
                self.writer, self._commit, authorized, operation, lambda: loop.time() <= latest_start
            )
        except StoreUnavailable as error:
            raise ServiceUnavailable(
                reason="The store cannot be written to just now; nothing was done. Please try again."
            ) from error
        except AlreadyStored as error:
            # A handler checks before it inserts, inside a serial transaction: so this is a mistake of Tabard.
            raise InternalFailure from error
        await self.snapshots.refresh()
        return output

    def _commit(
        self,
        authorized: Authorized,
        operation: Write[object],  # type: ignore[type-var]
        may_still_start: Callable[[], bool],
    ) -> Output:
        if not may_still_start():
            # A write may wait for a locked store. The writes behind it must not wait as long again.
            raise StoreUnavailable("the writes before this one took too long")
        parsed = authorized.resolved.parsed
        with self.store.transaction() as tx:
            output = operation.perform(authorized.permit, parsed.request, tx)
            record = record_of(
                parsed.authenticated.claimed.raw,
                authorized,
                service=parsed.call.service,
                status=200,
                error=None,
            )
            tx.audit.append([record.event()])
        return output

    async def _check_keys(self, operation: Forward, arguments: Mapping[str, Value], permit: Permit) -> None:
        """Refuse items and keys that do not match the key schemas of their tables."""
        if operation.check_keys is not None and operation.tables is not None:
            tables = operation.tables(arguments, permit)
            schemas = await self.table_keys.schemas(tables, region=permit.region)
            operation.check_keys(arguments, permit, schemas)

    async def _forward(self, authorized: Authorized, operation: Forward) -> Answer:
        """Forward a call, and count the latency of the upstream."""
        parsed = authorized.resolved.parsed
        call, content = parsed.call, parsed.authenticated.content
        upstream = self.upstreams[call.service]
        allowed = AllowedCall(
            permit=authorized.permit,
            call=call,
            body=content if isinstance(content, ObjectBody) else None,
            refused=authorized.refused,
            caller_endpoint=caller_endpoint(parsed.authenticated.claimed.raw, endpoint=upstream.endpoint),
        )
        loop = asyncio.get_running_loop()
        began_seconds, failed = loop.time(), False
        try:
            answer = await upstream.forward(allowed)
        except ServiceUnavailable:
            failed = True
            raise
        finally:
            seconds = loop.time() - began_seconds
            self.metrics.count_forwarded(call.service, seconds=seconds, failed=failed)
        operation.after_success(self.table_keys)
        return answer
