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
from tabard.edge.authenticate import Authentication
from tabard.edge.body import Body
from tabard.edge.forward_json import JsonUpstream
from tabard.edge.forward_s3 import S3Upstream
from tabard.edge.perform import Performer
from tabard.edge.pipeline import Pipeline, identify, parse
from tabard.edge.stages import Authenticated, Authorized, Claimed, Parsed, Resolved
from tabard.edge.table_keys import TableKeys
from tabard.http1.answer import Answer
from tabard.http1.body_stream import BodyStream
from tabard.http1.pool import Http1Pool, UnixTarget
from tabard.processes.shared_mark import SharedMark
from tabard.sigv4.sign import Credentials
from tabard.store.snapshot import Snapshot
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
    claimed = [identify(raw) for raw in raws]
    bodies = [
        Body(BodyStream(_NoConnection()), length=0, invite=None, idle_seconds=60, whole_seconds=60)
        for _ in raws
    ]

    def authenticate(one: Claimed, body: Body) -> Authenticated:
        return _finished(pipeline.authentication.authenticate(one, body))

    def resolve(parsed: Parsed) -> Resolved:
        return _finished(pipeline.resolve(parsed))

    authenticated = [authenticate(*those) for those in zip(claimed, bodies, strict=True)]
    parsed = [parse(one) for one in authenticated]
    resolved = [resolve(one) for one in parsed]
    authorized = [pipeline.authorize(one) for one in resolved]
    answer = Answer(status=200, headers=(), body=b"")

    def record(raw: RawRequest, stage: Authorized) -> None:
        pipeline.record(raw, stage, answer, None)

    stages: dict[str, list[Callable[[], object]]] = {
        "identify": [partial(identify, raw) for raw in raws],
        "authenticate": [partial(authenticate, *those) for those in zip(claimed, bodies, strict=True)],
        "parse": [partial(parse, one) for one in authenticated],
        "resolve": [partial(resolve, one) for one in parsed],
        "authorize": [partial(pipeline.authorize, one) for one in resolved],
        "record": [partial(record, *those) for those in zip(raws, authorized, strict=True)],
    }
    rounds: list[dict[str, float]] = [
        {name: each(calls) for name, calls in stages.items()} for _ in range(ROUNDS + 1)
    ]
    return {name: median([found[name] for found in rounds[1:]]) * 1e6 for name in stages}


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
    s3 = S3Upstream(pool=pool, credentials=credentials, clock=clock, region=REGION, endpoint=ENDPOINT)
    return Pipeline(
        snapshots=snapshots,
        keyrings=keyrings,
        authentication=Authentication(
            snapshots=snapshots,
            keyrings=keyrings,
            authenticator=house.authenticator(),
            clock=clock,
            home_region=REGION,
        ),
        performer=Performer(
            store=house.store,
            snapshots=snapshots,
            keyrings=keyrings,
            identity_keys=OpenedIdentityKeys(house.vault),
            upstreams={"dynamodb": dynamodb, "sqs": sqs, "s3": s3},
            table_keys=TableKeys(dynamodb, clock, SharedMark.private()),
            instance_session_lifetime=timedelta(hours=6),
        ),
        audit=AuditQueue(_nowhere, capacity=10**7),
        clock=clock,
    )


def _nowhere(events: Sequence[object]) -> None:
    del events
