"""The door for other machines as tests open it: real TLS on loopback, before an edge in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabard.agent.certified_exchange import CertifiedExchange
from tabard.agent.edge_client import EdgeClient
from tabard.agent.enrolling import enroll
from tabard.agent.host_keys import HostDirectory
from tabard.clock import SystemClock
from tabard.credentials.certificate_authority import (
    CertificateAuthority,
    new_certificate_authority,
    open_certificate_authority,
)
from tabard.credentials.identity_certificate import new_identity_certificate
from tabard.edge.body import Body
from tabard.edge.machine_paths import MachinePaths
from tabard.edge.server import edge_server
from tabard.edge.tls import EdgeTls
from tabard.http1.answer import Answer
from tabard.model.join_offer import JoinOffer
from tabard.services.ec2.launch.images import MACHINE_IMAGE
from tabard.wire.request import RawRequest
from tests.support.edge_in_memory import EdgeInMemory

NAME = "there"


@dataclass(frozen=True)
class Door:
    """A listening edge, and the authority of its installation."""

    edge: EdgeInMemory
    authority: CertificateAuthority
    endpoint: str
    heard: list[RawRequest] = field(default_factory=list)

    async def offer(self, **asked: object) -> JoinOffer:
        """A join token, as the administrator makes it."""
        answer = await self.edge.target(
            "hosts", "TabardHosts_20261101.CreateJoinToken", {"HostName": NAME, **asked}
        )
        assert answer.status == 200
        assert isinstance(answer.body, bytes)
        made = json.loads(answer.body)
        return JoinOffer(
            endpoint=self.endpoint,
            ca_fingerprint=made["CaFingerprint"],
            token_id=made["JoinTokenId"],
            secret=made["Secret"],
        )

    async def enrolled(self, folder: Path) -> "Machine":
        directory = HostDirectory(folder)
        enrollment = await enroll_in_thread(await self.offer(), directory)
        exchange = CertifiedExchange(self.endpoint, directory.host_context())
        return Machine(directory, enrollment.host_id, enrollment.instance_id, exchange)


@dataclass(frozen=True)
class Machine:
    directory: HostDirectory
    host_id: str
    instance_id: str
    exchange: CertifiedExchange

    @property
    def client(self) -> EdgeClient:
        return EdgeClient(self.host_id, self.exchange, clock=SystemClock())


async def enroll_in_thread(offer: JoinOffer, directory: HostDirectory, *, name: str = NAME) -> Any:  # noqa: ANN401
    """In a thread, as on another machine: enrolling blocks for a handshake."""
    return await asyncio.to_thread(
        lambda: asyncio.run(enroll(offer, directory, host_name=name, clock=SystemClock()))
    )


@asynccontextmanager
async def open_door(edge: EdgeInMemory, *, signs_documents: bool = False) -> AsyncIterator[Door]:
    """Listen within the block; what the edge hears is kept. Args: signs_documents: its key takes a moment."""
    vault = edge.store.vault
    now = SystemClock().now()
    facts = new_certificate_authority(vault, account_id="123456789012", now=now)
    identity = new_identity_certificate(vault, account_id="123456789012", now=now) if signs_documents else {}
    with edge.store.transaction() as tx:
        for name, value in {**facts, **identity}.items():
            tx.installation.put(name, value)
        tx.images.insert(MACHINE_IMAGE)
    edge.clock.current = now
    authority = open_certificate_authority(facts, vault)
    tls = EdgeTls.of(authority, addresses=("127.0.0.1",), now=now)
    heard: list[RawRequest] = []

    async def hear(raw: RawRequest, body: Body) -> Answer:
        heard.append(raw)
        return await edge.pipeline.answer(raw, body)

    paths = MachinePaths(snapshots=edge.pipeline.snapshots, clock=edge.clock)
    server = edge_server(hear, clock=edge.clock, secure=True, machine_paths=paths)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=tls.context)
    port = listener.sockets[0].getsockname()[1]
    yield Door(edge, authority, f"https://127.0.0.1:{port}", heard)
    listener.close()
    await server.shutdown(0)
