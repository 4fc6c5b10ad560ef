"""What an enrolled machine relays: vouched for by the listener, never taken for the machine's own."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tabard.agent.edge_relay import EdgeRelay, TlsDoor
from tabard.agent.host_keys import new_key
from tabard.agent.key_rotation import KeyRotation
from tabard.agent.relay import RelayLimits
from tabard.clock import SystemClock
from tabard.edge.machine_paths import MachinePaths
from tabard.errors import ServiceUnavailable
from tabard.model.client_certificate import ClientCertificate
from tabard.model.network_path import RELAY_PROTOCOL, NetworkPath
from tabard.services.ec2.network.default_vpc import default_vpc
from tabard.store.snapshot import Snapshot
from tests.support.edge_in_memory import EdgeInMemory
from tests.support.machine_door import NAME, Door, Machine, open_door

ELSEWHERE = NetworkPath(vpc_id="vpc-0123456789abcdef0", private_ip_address="10.9.8.7")
REQUEST = b"GET /a-bucket/a-key HTTP/1.1\r\nHost: there.test:4590\r\n%b\r\n"
KEPT = REQUEST % b""
LAST = REQUEST % b"Connection: close\r\n"


@pytest.fixture
async def door(edge: EdgeInMemory) -> AsyncIterator[Door]:
    async with open_door(edge) as opened:
        yield opened


@pytest.fixture
async def machine(door: Door, tmp_path: Path) -> AsyncIterator[Machine]:
    enrolled = await door.enrolled(tmp_path / "kept")
    yield enrolled
    await enrolled.exchange.close()


class Relayed:
    """A relay as the machine's agent has it, and one connection through it."""

    def __init__(self, tls_door: TlsDoor) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self._address = listener.getsockname()
        self._listener = listener
        # The path that the agent believes in is not asked for: the edge knows better.
        self._relay = EdgeRelay(tls_door, ELSEWHERE, limits=RelayLimits(quiet_seconds=0.05))

    async def __aenter__(self) -> "Relayed":
        await self._relay.start(self._listener)
        self.reader, self.writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self._relay.close()

    async def ask(self, request: bytes = KEPT) -> bytes:
        """The head of the answer; its body is read too."""
        self.writer.write(request)
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self.reader.readexactly(int(length.partition(b":")[2]))
        return head


def relay_context(door: Door, machine: Machine) -> TlsDoor:
    return TlsDoor.of(door.endpoint, machine.directory.relay_context())


def path_of(door: Door, machine: Machine) -> NetworkPath:
    instance = door.edge.pipeline.snapshots.current().instances[machine.instance_id]
    vpc = default_vpc(account_id=instance.owner_account_id, region=instance.region)
    return NetworkPath(vpc_id=vpc.vpc_id, private_ip_address=instance.private_ip_address)


async def revoke(door: Door, machine: Machine) -> None:
    target = "TabardHosts_20261101.DeregisterHost"
    assert (await door.edge.target("hosts", target, {"HostId": machine.host_id})).status == 200


async def test_a_relayed_request_comes_from_the_machines_own_instance(door: Door, machine: Machine) -> None:
    """From the store's address of it, whatever the agent says; aws:SourceIp stays the machine's real one."""
    async with Relayed(relay_context(door, machine)) as relayed:
        await relayed.ask()
    heard = door.heard[-1]
    assert heard.network_path == path_of(door, machine) != ELSEWHERE
    assert (heard.relayed, heard.secure, heard.peer_ip) == (True, True, "127.0.0.1")


async def test_each_machine_speaks_for_itself(door: Door, machine: Machine, tmp_path: Path) -> None:
    other = await door.enrolled(tmp_path / "other")
    for each in (machine, other):
        async with Relayed(relay_context(door, each)) as relayed:
            await relayed.ask()
    one, another = (heard.network_path for heard in door.heard[-2:])
    assert (one, another) == (path_of(door, machine), path_of(door, other))
    assert one != another
    await other.exchange.close()


async def test_an_application_of_the_machine_is_not_its_host(door: Door, machine: Machine) -> None:
    """The certificate of a relayed connection says where, never who: hosts asks for a signature."""
    body = b'{"HostId":"%b"}' % machine.host_id.encode()
    request = (
        b"POST / HTTP/1.1\r\nHost: there.test\r\nX-Amz-Target: TabardHosts_20261101.ReportInstances\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    async with Relayed(relay_context(door, machine)) as relayed:
        assert (await relayed.ask(request)).startswith(b"HTTP/1.1 403")
    assert door.heard[-1].client_certificate is None
    await machine.client.report_instances(())  # by which the host itself is known


async def test_without_the_certificate_or_without_the_word_nothing_is_vouched_for(
    door: Door, machine: Machine
) -> None:
    """A connection of the host's own is no relayed one either."""
    stranger = machine.directory.authority_context()
    stranger.set_alpn_protocols([RELAY_PROTOCOL])
    for context in (stranger, machine.directory.authority_context(), machine.directory.host_context()):
        async with Relayed(TlsDoor.of(door.endpoint, context)) as relayed:
            await relayed.ask()
        assert door.heard[-1].network_path is None


async def test_a_host_that_is_revoked_is_vouched_for_no_more_on_the_connection_that_it_has_open(
    door: Door, machine: Machine
) -> None:
    async with Relayed(relay_context(door, machine)) as relayed:
        await relayed.ask()
        assert door.heard[-1].network_path is not None
        await revoke(door, machine)
        await relayed.ask()
        assert door.heard[-1].network_path is None
    async with Relayed(relay_context(door, machine)) as relayed:
        await relayed.ask()
        assert door.heard[-1].network_path is None


async def test_a_certificate_that_has_expired_vouches_for_nothing(door: Door, machine: Machine) -> None:
    async with Relayed(relay_context(door, machine)) as relayed:
        door.edge.clock.advance(timedelta(days=31))
        await relayed.ask()
        assert door.heard[-1].network_path is None


class Away:
    """Snapshots that are too old to be believed."""

    async def newest(self) -> Snapshot:
        raise ServiceUnavailable(reason="The store has not been reached.")


async def test_a_store_that_is_away_too_long_vouches_for_nothing(door: Door, machine: Machine) -> None:
    async with Relayed(relay_context(door, machine)) as relayed:
        await relayed.ask()
    host = door.edge.pipeline.snapshots.current().hosts[machine.host_id]
    certificate = ClientCertificate(
        host_id=host.host_id, key_fingerprint=host.key_fingerprint, not_after=datetime.max.replace(tzinfo=UTC)
    )
    here = MachinePaths(snapshots=door.edge.pipeline.snapshots, clock=door.edge.clock)
    away = MachinePaths(snapshots=Away(), clock=door.edge.clock)
    assert (await (await here.of(certificate)).look()).path == path_of(door, machine)
    assert (await (await away.of(certificate)).look()).path is None
    assert (await away.look(certificate)).path is None


async def test_a_change_of_key_fails_no_request_and_keeps_no_connection(door: Door, machine: Machine) -> None:
    """A connection of before carries one request more, and ends; the former key opens no other."""
    former = relay_context(door, machine)
    tls_door = relay_context(door, machine)
    rotation = KeyRotation(
        host_id=machine.host_id,
        directory=machine.directory,
        exchange=machine.exchange,
        door=tls_door,
        edge=machine.client,
        every=timedelta(days=1),
        clock=SystemClock(),
        random_source=random.Random(0),
    )
    async with Relayed(tls_door) as relayed:
        assert b"connection: close" not in (await relayed.ask()).lower()
        await rotation.renew()
        assert b"connection: close" in (await relayed.ask()).lower()
        assert door.heard[-1].network_path == path_of(door, machine)
        assert await asyncio.wait_for(relayed.reader.read(), 10) == b""
    async with Relayed(tls_door) as relayed:
        assert b"connection: close" not in (await relayed.ask()).lower()
        assert door.heard[-1].network_path == path_of(door, machine)
    async with Relayed(former) as relayed:
        await relayed.ask()
        assert door.heard[-1].network_path is None


async def test_another_key_of_the_same_authority_is_not_enough(door: Door, machine: Machine) -> None:
    """A certificate once issued, of a key that is not the host's any more."""
    key = new_key(NAME)
    renewed = await machine.client.renew_host_certificate(key.certificate_request)
    await machine.client.renew_host_certificate(new_key(NAME).certificate_request)
    machine.directory.keep_identity(key, renewed.certificate)
    async with Relayed(relay_context(door, machine)) as relayed:
        await relayed.ask()
        assert door.heard[-1].network_path is None


@pytest.mark.parametrize("request_", [KEPT, LAST])
async def test_a_client_that_has_closed_its_side_still_gets_its_answer(
    door: Door, machine: Machine, request_: bytes
) -> None:
    """TLS has no half of a connection: the relay keeps the end to itself until the answer is through."""
    async with Relayed(relay_context(door, machine)) as relayed:
        relayed.writer.write(request_)
        relayed.writer.write_eof()
        answer = await asyncio.wait_for(relayed.reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"AccessDenied" in answer


async def test_a_client_that_has_had_its_answer_and_goes_takes_the_edges_side_with_it(
    door: Door, machine: Machine
) -> None:
    async with Relayed(relay_context(door, machine)) as relayed:
        await relayed.ask()
        relayed.writer.write_eof()
        assert await asyncio.wait_for(relayed.reader.read(), 10) == b""
