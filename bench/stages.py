"""Where the edge spends a GET's time: each stage of the pipeline by itself, in this process."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from statistics import median
from typing import TypeVar

from bench.authorizing import signed_gets
from bench.figures import ROUNDS, each
from bench.house import ENDPOINT, REGION, House, as_arrived
from tabard.audit.queue import AuditQueue
from tabard.clock import SystemClock
from tabard.credentials.identity_certificate import OpenedIdentityKeys
from tabard.credentials.keyrings import OpenedKeyrings
from tabard.edge.body import Body
from tabard.edge.forward_json import JsonUpstream
from tabard.edge.forward_s3 import S3Upstream
from tabard.edge.perform import Performer
from tabard.edge.pipeline import Pipeline, claimed_authorization, parse
from tabard.edge.stages import Allowed, Asked, Believed, Resolved
from tabard.edge.table_keys import TableKeys
from tabard.http1.answer import Answer
from tabard.http1.body_stream import BodyStream
from tabard.http1.pool import Http1Pool, UnixTarget
from tabard.sigv4.sign import Credentials
from tabard.store.snapshot import Snapshot
from tabard.wire.identify import Identified, identify
from tabard.wire.request import RawRequest

REQUESTS = 400
T = TypeVar("T")


class _NoConnection:
    def resume_reading(self) -> None:
        """There is nothing to read."""


@dataclass(frozen=True, slots=True)
class _Unchanging:
    """A snapshot source of one snapshot."""

    snapshot: Snapshot = field(repr=False)

    def current(self) -> Snapshot:
        return self.snapshot

    async def newest(self) -> Snapshot:
        return self.snapshot

    async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
        del version, timeout_seconds
        return self.snapshot

    async def refresh(self) -> None:
        return


def stage_microseconds(house: House) -> dict[str, float]:
    """CPU µs of each stage of a GetObject by a known caller, medians."""
    pipeline = _pipeline(house)
    raws = [as_arrived(request) for request in signed_gets(house, REQUESTS)]
    identified = [_identified(raw) for raw in raws]
    bodies = [
        Body(BodyStream(_NoConnection()), length=0, invite=None, idle_seconds=60, whole_seconds=60)
        for _ in raws
    ]

    def believe(raw: RawRequest, named: Identified, body: Body) -> Believed:
        return _finished(pipeline.authenticate(raw, named, claimed_authorization(raw), body))

    def resolve(asked: Asked) -> Resolved:
        return _finished(pipeline.resolve(asked))

    believed = [believe(*those) for those in zip(raws, identified, bodies, strict=True)]
    asked = [parse(one) for one in believed]
    resolved = [resolve(one) for one in asked]
    allowed = [pipeline.authorize(one) for one in resolved]
    answer = Answer(status=200, headers=(), body=b"")

    def record(raw: RawRequest, reached: Allowed, named: Identified) -> None:
        pipeline.record(raw, reached, named, answer, None)

    stages: dict[str, list[Callable[[], object]]] = {
        "identify": [partial(_identified, raw) for raw in raws],
        "authenticate": [partial(believe, *those) for those in zip(raws, identified, bodies, strict=True)],
        "parse": [partial(parse, one) for one in believed],
        "resolve": [partial(resolve, one) for one in asked],
        "authorize": [partial(pipeline.authorize, one) for one in resolved],
        "record": [partial(record, *those) for those in zip(raws, allowed, identified, strict=True)],
    }
    rounds: list[dict[str, float]] = [
        {name: each(calls) for name, calls in stages.items()} for _ in range(ROUNDS + 1)
    ]
    return {name: median([found[name] for found in rounds[1:]]) * 1e6 for name in stages}


def _identified(raw: RawRequest) -> Identified:
    claim = claimed_authorization(raw)
    return identify(raw, claim.scope.service if claim is not None else None)


def _finished(work: Coroutine[object, None, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("the stage waits for something")


def _pipeline(house: House) -> Pipeline:
    clock = SystemClock()
    pool = Http1Pool(UnixTarget(path="/nowhere"))
    dynamodb, sqs = (
        JsonUpstream(service=service, pool=pool, secret_header=("x-secret", ""), endpoint=ENDPOINT)
        for service in ("dynamodb", "sqs")
    )
    snapshots, keyrings = _Unchanging(house.snapshot), OpenedKeyrings(house.vault)
    credentials = Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="")
    return Pipeline(
        snapshots=snapshots,
        keyrings=keyrings,
        authenticator=house.authenticator(),
        performer=Performer(
            store=house.store,
            snapshots=snapshots,
            keyrings=keyrings,
            identity_keys=OpenedIdentityKeys(house.vault),
            s3=S3Upstream(pool=pool, credentials=credentials, clock=clock, region=REGION, endpoint=ENDPOINT),
            json={"dynamodb": dynamodb, "sqs": sqs},
            table_keys=TableKeys(dynamodb, clock),
            instance_session_lifetime=timedelta(hours=6),
        ),
        audit=AuditQueue(_nowhere, capacity=10**7),
        clock=clock,
    )


def _nowhere(events: Sequence[object]) -> None:
    del events
