"""Requests to a metadata server in this process, and the instance that it serves."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from tabard.imds.server import MetadataServer
from tabard.imds.source import CredentialsView, ServedCredentials
from tabard.model.messages import DesiredInstance, GetInstanceIdentityResult
from tabard.model.session import RoleDelivery
from tests.support.described_instance import DESIRED, IDENTITY, PROFILE
from tests.support.waiting import until

TTL = "x-aws-ec2-metadata-token-ttl-seconds"


TOKEN = "x-aws-ec2-metadata-token"


def session(role_delivery: str) -> ServedCredentials:
    return ServedCredentials(
        association_id=PROFILE.association_id,
        role_id=PROFILE.role_id,
        access_key_id=f"ASIA-{role_delivery}",
        secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        session_token="token",
        expires_at=datetime(2026, 1, 31, 18, 0, tzinfo=UTC),
        last_updated=datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
    )


@dataclass
class Source:
    described: DesiredInstance = DESIRED
    held: bool = True
    read: asyncio.Event = field(default_factory=asyncio.Event)

    def desired(self) -> DesiredInstance:
        self.read.set()
        return self.described

    def identity(self) -> GetInstanceIdentityResult | None:
        return IDENTITY

    def credentials(self, role_delivery: RoleDelivery) -> CredentialsView:
        return session(role_delivery) if self.held else None

    def set_options(self, **options: object) -> None:
        changed = msgspec.structs.replace(self.described.metadata_options, **options)
        self.described = msgspec.structs.replace(self.described, metadata_options=changed)


@dataclass
class MetadataAnswer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def parse(raw: bytes) -> MetadataAnswer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return MetadataAnswer(int(first.split(" ")[1]), headers, body)


async def send(server: MetadataServer, message: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.endpoint.rpartition(":")[2]))
    try:
        writer.write(message)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def ask(
    server: MetadataServer, method: str, path: str, *headers: tuple[str, str], host: str | None = None
) -> MetadataAnswer:
    lines = [("Host", server.endpoint.removeprefix("http://") if host is None else host), *headers]
    text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
    return parse(await send(server, text.encode()))


async def half_asked(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has begun to ask: the kernel keeps one that says nothing to itself for a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /latest/")
    return reader, writer


async def token(server: MetadataServer, ttl_seconds: int = 60) -> str:
    answer = await ask(server, "PUT", "/latest/api/token", (TTL, str(ttl_seconds)))
    assert answer.status == 200
    return answer.body.decode()


class Arrivals:
    """A peer check that counts the connections that the server has taken."""

    uid = 0

    def __init__(self) -> None:
        self.count = 0
        self.are_strangers = False

    def __call__(self, **_: object) -> int:
        self.count += 1
        return self.uid + 1 if self.are_strangers else self.uid

    async def reach(self, count: int) -> None:
        """Return once so many connections have been taken since the beginning."""
        await until(lambda: self.count >= count)
