"""Both embedded upstreams under one supervisor, and small clients of their sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from tabard.clock import SystemClock
from tabard.edge.upstreams.moto_child import MotoChild, moto_child
from tabard.edge.upstreams.runtime_folder import runtime_folder
from tabard.edge.upstreams.seaweedfs import SeaweedfsChild, seaweedfs_child
from tabard.http1.pool import Http1Pool, UnixTarget
from tabard.processes.spec import ChildEvent
from tabard.processes.supervisor import Supervisor
from tabard.sigv4.sign import Credentials, sign_request

ACCOUNT_ID = "111122223333"
HOST = "s3.test"


@dataclass(frozen=True, kw_only=True)
class S3Client:
    """Signs with the upstream's own keys, as the edge does."""

    pool: Http1Pool
    credentials: Credentials

    async def ask(self, method: str, path: str, query: str = "", body: bytes = b"") -> tuple[int, bytes]:
        raw_path = quote(path, safe="/~-._")
        signed = sign_request(
            method=method, host=HOST, raw_path=raw_path, raw_query=query, headers=[],
            payload_hash=sha256(body).hexdigest(), credentials=self.credentials, region="us-east-1",
            service="s3", now=SystemClock().now(), normalize_path=False,
        )  # fmt: skip
        target = f"{raw_path}?{query}" if query else raw_path
        answer = await self.pool.request(method, target, [("host", HOST), *signed], body)
        return answer.status, await answer.read(1 << 24)


@dataclass(frozen=True, kw_only=True)
class JsonClient:
    """Speaks JSON to moto, with the secret."""

    pool: Http1Pool
    secret_header: tuple[str, str]

    async def ask(self, target: str, body: bytes, *, region: str = "us-east-1") -> tuple[int, bytes]:
        service = "sqs" if target.startswith("AmazonSQS") else "dynamodb"
        headers = [
            ("host", f"{service}.{region}.amazonaws.com"),
            ("x-amz-target", target),
            self.secret_header,
        ]
        headers.append(("content-type", "application/x-amz-json-1.0"))
        answer = await self.pool.request("POST", "/", headers, body)
        return answer.status, await answer.read(1 << 24)


@dataclass(frozen=True, kw_only=True)
class Upstreams:
    supervisor: Supervisor
    seaweedfs: SeaweedfsChild
    moto: MotoChild
    s3: S3Client
    json: JsonClient
    events: asyncio.Queue[ChildEvent]

    def pid(self, name: str) -> int:
        (pid,) = [status.pid for status in self.supervisor.statuses() if status.name == name]
        assert pid is not None
        return pid


@asynccontextmanager
async def running_upstreams(folder: Path, *, isolated: bool) -> AsyncIterator[Upstreams]:
    """Start both, and end them with the block."""
    with runtime_folder(folder / "run") as runtime:
        seaweedfs = seaweedfs_child(
            data_folder=folder / "seaweedfs", runtime_folder=runtime, log_folder=folder, isolated=isolated
        )
        moto = moto_child(account_id=ACCOUNT_ID, runtime_folder=runtime, log_folder=folder, isolated=isolated)
        events: asyncio.Queue[ChildEvent] = asyncio.Queue()
        s3_pool = Http1Pool(UnixTarget(path=str(seaweedfs.socket_path)))
        json_pool = Http1Pool(UnixTarget(path=str(moto.socket_path)))
        credentials = Credentials(
            access_key_id=seaweedfs.access_key_id, secret_access_key=seaweedfs.secret_access_key
        )
        async with Supervisor(on_event=events.put_nowait) as supervisor:
            await supervisor.start(seaweedfs.spec, moto.spec)
            try:
                yield Upstreams(
                    supervisor=supervisor,
                    seaweedfs=seaweedfs,
                    moto=moto,
                    s3=S3Client(pool=s3_pool, credentials=credentials),
                    json=JsonClient(pool=json_pool, secret_header=moto.secret_header),
                    events=events,
                )
            finally:
                s3_pool.close()
                json_pool.close()
