"""The embedded DynamoDB and SQS behind an edge in memory, to measure what they honor."""

import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tabard.clock import SystemClock
from tabard.edge.upstreams.moto_server import SECRET_HEADER, MotoBackend, UpstreamServer
from tests.support.edge_in_memory import ACCOUNT_ID, HOST, EdgeInMemory, edge_in_memory, text_of

SECRET = "0123456789abcdef0123456789abcdef"  # a test's
Measurement = TypeVar("Measurement", bound=Callable[..., object])


@dataclass(frozen=True)
class Engine:
    """The engine in this process, on a socket as in its own."""

    socket: Path
    backend: MotoBackend


@contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    environment = {
        "MOTO_ACCOUNT_ID": ACCOUNT_ID,
        "MOTO_ALLOW_NONEXISTENT_REGION": "true",
        "MOTO_DISABLE_GLOBAL_CORS": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        backend = MotoBackend(SystemClock())
        backend.load()
        with UpstreamServer(folder / "engine.sock", secret=SECRET.encode(), backend=backend) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield Engine(folder / "engine.sock", backend)
            finally:
                server.shutdown()
                thread.join()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass(frozen=True)
class MeasuredEdge:
    """An edge before the engine; its caller may do everything."""

    edge: EdgeInMemory

    async def dynamodb(self, operation: str, **request: object) -> dict[str, Any]:
        """The answer to an operation that succeeds."""
        status, answer = await self.ask("dynamodb", operation, request)
        assert status == 200, answer
        return answer

    async def sqs(self, operation: str, **request: object) -> dict[str, Any]:
        """The answer to an operation that succeeds."""
        status, answer = await self.ask("sqs", operation, request)
        assert status == 200, answer
        return answer

    async def refused(self, service: str, operation: str, **request: object) -> dict[str, Any]:
        """The error that an operation is answered; its code under `code`."""
        status, answer = await self.ask(service, operation, request)
        assert 400 <= status < 500, (status, answer)
        return {**answer, "code": answer["__type"].rpartition("#")[2]}

    async def ask(self, service: str, operation: str, request: object) -> tuple[int, dict[str, Any]]:
        prefix = {"dynamodb": "DynamoDB_20120810", "sqs": "AmazonSQS"}[service]
        answer = await self.edge.target(service, f"{prefix}.{operation}", request)
        return answer.status, json.loads(text_of(answer) or "{}")

    @staticmethod
    def url(queue: str) -> str:
        return f"http://{HOST}/{ACCOUNT_ID}/{queue}"


@asynccontextmanager
async def measured_edge(folder: Path, engine: Engine) -> AsyncIterator[MeasuredEdge]:
    """An edge before an engine that is empty."""
    engine.backend.reset()
    secret_header = (SECRET_HEADER.lower(), SECRET)
    async with edge_in_memory(folder, engine=engine.socket, secret_header=secret_header) as edge:
        yield MeasuredEdge(edge)


class Measurements:
    """Which members the tests of one service measure."""

    def __init__(self) -> None:
        self.measured: dict[str, set[str]] = {}

    def of(self, operation: str, *members: str) -> Callable[[Measurement], Measurement]:
        """A test that shows the effect of these members of an operation."""

        def note(test: Measurement) -> Measurement:
            self.measured.setdefault(operation, set()).update(members)
            return test

        return note
