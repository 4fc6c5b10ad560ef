"""The whole pipeline over a store in memory and over upstreams that answer what a test tells them to."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tabard.access.authenticate import Authenticator
from tabard.audit.queue import AuditQueue
from tabard.clock import ManualClock
from tabard.credentials.identity_certificate import OpenedIdentityKeys
from tabard.credentials.keyring import new_sealing_key
from tabard.credentials.keyrings import OpenedKeyrings
from tabard.credentials.master_key import MasterKey
from tabard.edge.authenticate import Authentication
from tabard.edge.forward_json import JsonUpstream
from tabard.edge.forward_s3 import S3Upstream
from tabard.edge.perform import Performer
from tabard.edge.pipeline import Pipeline
from tabard.edge.request_metrics import RequestMetrics
from tabard.edge.table_keys import TableKeys
from tabard.http1.answer import Answer
from tabard.http1.pool import Http1Pool, UnixTarget
from tabard.metrics.page import MetricsPage
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.audit_event import AuditEvent
from tabard.model.policies import InlinePolicy
from tabard.model.role import Role
from tabard.model.user import User
from tabard.names import new_access_key_id, new_unique_id
from tabard.processes.shared_mark import SharedMark
from tabard.sigv4.sign import Credentials, sign_request
from tabard.store.ports import StoreUnavailable, Transaction
from tabard.store.snapshot import Snapshot
from tabard.wire.request import RawRequest
from tests.support.memory_store import MemoryStore
from tests.support.waiting import turns

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
HOST = "edge.test"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT_ID}, "Action": "sts:AssumeRole"}],
    }
)
FORM = ("content-type", "application/x-www-form-urlencoded")


def policy(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, on: str = "*") -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def deny(*actions: str, on: str = "*") -> dict[str, object]:
    return {"Effect": "Deny", "Action": list(actions), "Resource": on}


@dataclass
class StubUpstream:
    """Answers what it is told to; keeps what it was asked."""

    answers: list[bytes] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def say(self, status: int, body: bytes = b"", *headers: str) -> None:
        """Answer the next request so; the last answer is repeated."""
        lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}", *headers, "", ""]
        self.answers.append("\r\n".join(lines).encode() + body)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (
                        int(line.split(":")[1])
                        for line in head.split("\r\n")
                        if line.startswith("content-length:")
                    ),
                    0,
                )
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


class Sent:
    """A body that has come already; `meanwhile` happens while it is read."""

    def __init__(self, content: bytes, meanwhile: Callable[[], None] | None = None) -> None:
        self.content = content
        self.length = len(content)
        self.is_awaited = False
        self._meanwhile = meanwhile

    async def read(self, limit_bytes: int) -> bytes:
        if self._meanwhile is not None:
            self._meanwhile()
        return self.content

    async def pieces(self) -> AsyncIterator[bytes]:
        if self._meanwhile is not None:
            self._meanwhile()
        if self.content:
            yield self.content


class FailingStore(MemoryStore):
    """A store that can be told to fail."""

    failure: Exception | None = None

    @contextmanager
    def transaction(self, account_id: str = "") -> Iterator[Transaction]:
        if self.failure is not None:
            raise self.failure
        with super().transaction(account_id) as tx:
            yield tx


@dataclass
class Source:
    """The store's own newest snapshot; an older one after `fall_behind`, for so many refreshes."""

    store: MemoryStore
    _older: Snapshot | None = None
    _refreshes_in_vain: int = 0
    refreshed: int = 0
    after_newest: Callable[[], None] = lambda: None

    def fall_behind(self, refreshes_in_vain: int = 0) -> None:
        """Hear of nothing that is changed from now on, until told to look; not even then, so many times."""
        self._older, self._refreshes_in_vain = self.store.snapshot(), refreshes_in_vain

    def current(self) -> Snapshot:
        return self._older or self.store.snapshot()

    async def newest(self) -> Snapshot:
        found = self.current()
        self.after_newest()
        return found

    async def refresh(self) -> None:
        self.refreshed += 1
        if self._refreshes_in_vain:
            self._refreshes_in_vain -= 1
        else:
            self._older = None

    async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
        return self.store.snapshot()


@dataclass(kw_only=True)
class EdgeInMemory:
    """One edge; `admin` may do everything, `role` what a test allows it."""

    store: FailingStore
    source: Source
    clock: ManualClock
    pipeline: Pipeline
    s3: StubUpstream
    json: StubUpstream
    written: list[AuditEvent]
    admin: Credentials
    role: Role
    page: MetricsPage

    async def ask(
        self,
        service: str,
        *,
        method: str = "POST",
        target: str = "/",
        headers: Sequence[tuple[str, str]] = (FORM,),
        body: bytes = b"",
        credentials: Credentials | None = None,
        region: str = REGION,
        meanwhile: Callable[[], None] | None = None,
        change: Callable[[RawRequest], RawRequest] = lambda raw: raw,
        arrives: bytes | None = None,
    ) -> Answer:
        """Sign a request and have it answered; `change` is made and `arrives` comes after it was signed."""
        path, _, query = target.partition("?")
        signed = sign_request(
            method=method, host=HOST, raw_path=path, raw_query=query, headers=headers,
            payload_hash=hashlib.sha256(body).hexdigest(), credentials=credentials or self.admin,
            region=region, service=service, now=self.clock.now(), normalize_path=service != "s3",
        )  # fmt: skip
        raw = RawRequest(
            method=method,
            raw_path=path,
            raw_query=query,
            headers=(("host", HOST), *headers, *signed),
            peer_ip="127.0.0.1",
            secure=False,
            request_id="11111111-2222-4333-8444-555555555555",
            received_at=self.clock.now(),
        )
        return await self.pipeline.answer(change(raw), Sent(body if arrives is None else arrives, meanwhile))

    async def of_s3(self, method: str, target: str, body: bytes = b"", **more: object) -> Answer:
        """A request of S3."""
        return await self.ask("s3", method=method, target=target, headers=(), body=body, **more)

    async def target(self, service: str, name: str, document: object, **more: object) -> Answer:
        """A request of a JSON protocol."""
        headers = (("content-type", "application/x-amz-json-1.0"), ("x-amz-target", name))
        return await self.ask(service, headers=headers, body=json.dumps(document).encode(), **more)

    async def events(self) -> list[AuditEvent]:
        """What the audit has by now."""
        await self.pipeline.audit.flush()
        with self.store.transaction() as tx:
            stored = [event for _, event in tx.audit.read(after=0, limit=1000)]
        return [*stored, *self.written]

    def allow(self, *statements: dict[str, object]) -> None:
        """Give the role these statements and no others."""
        inline = (InlinePolicy("held", policy(*statements)),) if statements else ()
        self.role = replace(self.role, inline_policies=inline)
        with self.store.transaction() as tx:
            tx.roles.update(self.role)

    async def session(self) -> Credentials:
        """Credentials of the role, by AssumeRole."""
        body = f"Action=AssumeRole&Version=2011-06-15&RoleArn={self.role.arn}&RoleSessionName=tests"
        answer = await self.ask("sts", body=body.encode())
        assert isinstance(answer.body, bytes)
        assert answer.status == 200, answer.body
        text = answer.body.decode()
        between = {
            name: text.split(f"<{name}>")[1].split("<")[0]
            for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
        }
        return Credentials(
            access_key_id=between["AccessKeyId"],
            secret_access_key=between["SecretAccessKey"],
            session_token=between["SessionToken"],
        )


def text_of(answer: Answer) -> str:
    assert isinstance(answer.body, bytes)
    return answer.body.decode()


@asynccontextmanager
async def edge_in_memory(
    folder: Path, *, engine: Path | None = None, secret_header: tuple[str, str] = ("x-secret", "s")
) -> AsyncIterator[EdgeInMemory]:
    """An edge, its user `admin` with AdministratorAccess, and a role without a policy.

    `engine`: the socket of a real DynamoDB and SQS upstream in place of the one that is told its answers.
    """
    vault = MasterKey.from_bytes(bytes(range(32)))
    store, clock, written = FailingStore(vault), ManualClock(NOW), list[AuditEvent]()
    admin = User(
        user_id=new_unique_id("AIDA"), name="admin", path="/", partition="aws", account_id=ACCOUNT_ID,
        created_at=NOW, inline_policies=(InlinePolicy("all", policy(allow("*"))),),
    )  # fmt: skip
    role = Role(
        role_id=new_unique_id("AROA"), name="held", path="/", partition="aws", account_id=ACCOUNT_ID,
        description="", trust_policy=TRUST, max_session_duration_seconds=3600, created_at=NOW,
    )  # fmt: skip
    key = Credentials(access_key_id=new_access_key_id("AKIA", ACCOUNT_ID), secret_access_key=SECRET)
    with store.transaction() as tx:
        tx.installation.put("account_id", ACCOUNT_ID)
        tx.users.insert(admin)
        tx.roles.insert(role)
        tx.sealing_keys.insert(new_sealing_key(vault, now=NOW))
        tx.access_keys.insert(
            AccessKey(
                access_key_id=key.access_key_id,
                account_id=ACCOUNT_ID,
                owner_id=admin.user_id,
                sealed_secret=vault.seal(SECRET.encode(), label=key.access_key_id),
                status=AccessKeyStatus.ACTIVE,
                created_at=NOW,
            )
        )
    s3, tables = StubUpstream(), StubUpstream()
    servers = [
        await asyncio.start_unix_server(stub, path=str(folder / name))
        for stub, name in ((s3, "s3.sock"), (tables, "json.sock"))
    ]
    s3_pool, json_pool = (
        Http1Pool(UnixTarget(path=str(path)), answer_timeout_seconds=2 if path != engine else 25)
        for path in (folder / "s3.sock", engine or folder / "json.sock")
    )
    dynamodb, sqs = (
        JsonUpstream(service=service, pool=json_pool, secret_header=secret_header, endpoint=f"http://{HOST}")
        for service in ("dynamodb", "sqs")
    )
    source, keyrings = Source(store), OpenedKeyrings(vault)
    s3_upstream = S3Upstream(
        pool=s3_pool,
        credentials=Credentials(access_key_id="upstream", secret_access_key="upstream"),
        clock=clock,
        region=REGION,
        endpoint=f"http://{HOST}",
    )
    page = MetricsPage.private()
    metrics = RequestMetrics(page)
    performer = Performer(
        store=store,
        snapshots=source,
        keyrings=keyrings,
        identity_keys=OpenedIdentityKeys(vault),
        upstreams={"dynamodb": dynamodb, "sqs": sqs, "s3": s3_upstream},
        table_keys=TableKeys(dynamodb, clock, SharedMark.private()),
        instance_session_lifetime=timedelta(hours=6),
        metrics=metrics,
    )

    def sink(events: Sequence[AuditEvent]) -> None:
        if store.failure is not None:
            raise StoreUnavailable("away")
        written.extend(events)

    pipeline = Pipeline(
        snapshots=source,
        keyrings=keyrings,
        authentication=Authentication(
            snapshots=source,
            keyrings=keyrings,
            authenticator=Authenticator(vault),
            clock=clock,
            home_region=REGION,
        ),
        performer=performer,
        audit=AuditQueue(sink),
        clock=clock,
        metrics=metrics,
    )
    try:
        yield EdgeInMemory(
            store=store,
            source=source,
            clock=clock,
            pipeline=pipeline,
            s3=s3,
            json=tables,
            written=written,
            admin=key,
            role=role,
            page=page,
        )
    finally:
        performer.close()
        for pool in (s3_pool, json_pool):
            pool.close()
        for server in servers:
            server.close()
        await turns()
