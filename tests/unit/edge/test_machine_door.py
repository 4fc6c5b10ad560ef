"""The door for other machines, over real TLS on loopback: what a certificate opens, and what none does."""

import asyncio
import json
import random
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tabard.agent.certified_exchange import CertifiedExchange
from tabard.agent.edge_client import EdgeClient, EdgeRefused, EdgeUnreachable
from tabard.agent.edge_relay import TlsDoor
from tabard.agent.enrolling import EdgeNotTrusted
from tabard.agent.host_keys import HostDirectory, NotEnrolled, new_key, trusting
from tabard.agent.key_rotation import KeyRotation
from tabard.clock import SystemClock
from tabard.credentials.certificate_authority import (
    new_certificate_authority,
    open_certificate_authority,
    read_certificate_request,
)
from tabard.model.join_offer import JoinOffer
from tabard.model.messages import EDGE_NAME, DescribeHostsRequest, EnrollHostRequest
from tabard.wire.request import RawRequest
from tests.support.aggregates import host
from tests.support.edge_in_memory import EdgeInMemory, Sent
from tests.support.machine_door import NAME, Door, enroll_in_thread, open_door


@pytest.fixture
async def door(edge: EdgeInMemory) -> AsyncIterator[Door]:
    async with open_door(edge) as opened:
        yield opened


async def refused(asking: Awaitable[object]) -> str:
    with pytest.raises(EdgeRefused) as raised:
        await asking
    return raised.value.code


async def test_a_machine_enrolls_and_is_known_by_its_certificate_from_then_on(
    door: Door, tmp_path: Path
) -> None:
    machine = await door.enrolled(tmp_path / "kept")
    desired = await machine.client.describe_host_instances(known_version=-1, wait_seconds=0)
    assert [each.instance_id for each in desired.instances] == [machine.instance_id]
    assert [each.driver for each in desired.instances] == ["machine"]
    await machine.client.report_instances(())
    modes = {path.name: path.stat().st_mode & 0o777 for path in machine.directory.path.iterdir()}
    assert modes == {"host.pem": 0o600, "ca-certificate.pem": 0o600, "enrollment.json": 0o600}
    assert machine.directory.path.stat().st_mode & 0o777 == 0o700
    await machine.exchange.close()


async def test_the_same_machine_may_ask_again_but_no_other_may(door: Door, tmp_path: Path) -> None:
    """A try that was cut short before anything was kept but the key is gone on with."""
    offer = await door.offer()
    directory = HostDirectory(tmp_path / "kept")
    directory.prepare()
    key = directory.first_key(NAME)
    exchange = CertifiedExchange(door.endpoint, trusting(door.authority.pem))
    first = await EdgeClient("", exchange, clock=SystemClock()).enroll_host(
        EnrollHostRequest(
            join_token_id=offer.token_id,
            join_token_secret=offer.secret,
            host_name=NAME,
            certificate_request=key.certificate_request,
        )
    )
    again = await enroll_in_thread(offer, directory)
    assert (again.host_id, again.instance_id) == (first.host_id, first.instance_id)
    assert await refused(enroll_in_thread(offer, HostDirectory(tmp_path / "other"))) == "JoinTokenUsed"
    await exchange.close()


async def test_two_machines_with_one_token_at_once_one_wins(door: Door, tmp_path: Path) -> None:
    offer = await door.offer()
    outcomes = await asyncio.gather(
        *(enroll_in_thread(offer, HostDirectory(tmp_path / name)) for name in "ab"), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EdgeRefused", "Enrollment"]


async def test_a_token_is_refused_with_a_wrong_secret_another_name_or_too_late(
    door: Door, tmp_path: Path
) -> None:
    offer = await door.offer(LifetimeSeconds=60)
    wrong = JoinOffer(
        endpoint=offer.endpoint,
        ca_fingerprint=offer.ca_fingerprint,
        token_id=offer.token_id,
        secret=offer.secret[:-2] + "xx",
    )
    assert await refused(enroll_in_thread(wrong, HostDirectory(tmp_path / "a"))) == "InvalidClientTokenId"
    another = HostDirectory(tmp_path / "b")
    assert await refused(enroll_in_thread(offer, another, name="else")) == "JoinTokenForAnotherHost"
    door.edge.clock.advance(timedelta(seconds=60))
    assert await refused(enroll_in_thread(offer, HostDirectory(tmp_path / "c"))) == "InvalidClientTokenId"


async def test_a_machine_says_nothing_to_an_edge_of_another_installation(door: Door, tmp_path: Path) -> None:
    offer = await door.offer()
    elsewhere = JoinOffer(
        endpoint=offer.endpoint, ca_fingerprint="0" * 64, token_id=offer.token_id, secret=offer.secret
    )
    with pytest.raises(EdgeNotTrusted):
        await enroll_in_thread(elsewhere, HostDirectory(tmp_path / "kept"))
    assert not list((tmp_path / "kept").iterdir())
    kept = await door.edge.events()
    assert not [event for event in kept if event.operation == "EnrollHost"]


async def test_without_a_certificate_nobody_is_a_host(door: Door, tmp_path: Path) -> None:
    machine = await door.enrolled(tmp_path / "kept")
    exchange = CertifiedExchange(door.endpoint, machine.directory.authority_context())
    client = EdgeClient(machine.host_id, exchange, clock=SystemClock())
    assert await refused(client.report_instances(())) == "MissingAuthenticationToken"
    await exchange.close()
    await machine.exchange.close()


async def test_a_certificate_of_another_authority_ends_the_handshake(door: Door, tmp_path: Path) -> None:
    machine = await door.enrolled(tmp_path / "kept")
    vault, now = door.edge.store.vault, SystemClock().now()
    foreign = open_certificate_authority(
        new_certificate_authority(vault, account_id="123456789012", now=now), vault
    )
    key = new_key(NAME)
    request = read_certificate_request(key.certificate_request)
    certificate = foreign.issue_to_host(host(machine.host_id), request, now=now)
    machine.directory.keep_identity(key, certificate)
    exchange = CertifiedExchange(door.endpoint, machine.directory.host_context())
    with pytest.raises(EdgeUnreachable):
        await EdgeClient(machine.host_id, exchange, clock=SystemClock()).report_instances(())
    await exchange.close()
    await machine.exchange.close()


async def test_a_host_gets_nothing_of_another_hosts_instance(door: Door, tmp_path: Path) -> None:
    one, other = await door.enrolled(tmp_path / "one"), await door.enrolled(tmp_path / "other")
    assert await refused(one.client.get_instance_session(other.instance_id, "2.0")) == "AccessDenied"
    assert await refused(one.client.get_instance_identity(other.instance_id)) == "AccessDenied"
    posing = EdgeClient(other.host_id, one.exchange, clock=SystemClock())
    assert await refused(posing.report_instances(())) == "AccessDenied"
    assert await refused(posing.renew_host_certificate(new_key(NAME).certificate_request)) == "AccessDenied"
    assert await refused(one.client.call("DescribeHosts", DescribeHostsRequest())) == "AccessDenied"
    for machine in (one, other):
        await machine.exchange.close()


async def test_a_host_that_is_removed_is_refused_on_the_connection_that_it_has_open(
    door: Door, tmp_path: Path
) -> None:
    machine = await door.enrolled(tmp_path / "kept")
    await machine.client.report_instances(())
    answer = await door.edge.target(
        "hosts", "TabardHosts_20261101.DeregisterHost", {"HostId": machine.host_id}
    )
    assert answer.status == 200
    assert await refused(machine.client.report_instances(())) == "HostRemoved"
    await machine.exchange.close()


async def test_a_host_changes_its_key_and_the_former_one_is_nobodys(door: Door, tmp_path: Path) -> None:
    machine = await door.enrolled(tmp_path / "kept")
    former = CertifiedExchange(door.endpoint, machine.directory.host_context())
    rotation = KeyRotation(
        host_id=machine.host_id,
        directory=machine.directory,
        exchange=machine.exchange,
        door=TlsDoor.of(door.endpoint, machine.directory.relay_context()),
        edge=machine.client,
        every=timedelta(days=1),
        clock=SystemClock(),
        random_source=random.Random(0),
    )
    for _ in range(3):
        await rotation.renew()
    await machine.client.report_instances(())
    stale = EdgeClient(machine.host_id, former, clock=SystemClock())
    assert await refused(stale.report_instances(())) == "InvalidClientTokenId"
    restarted = CertifiedExchange(door.endpoint, machine.directory.host_context())
    await EdgeClient(machine.host_id, restarted, clock=SystemClock()).report_instances(())
    for exchange in (former, restarted, machine.exchange):
        await exchange.close()


async def test_an_expired_certificate_is_refused_on_a_connection_that_outlived_it(
    door: Door, tmp_path: Path
) -> None:
    machine = await door.enrolled(tmp_path / "kept")
    await machine.client.report_instances(())
    door.edge.clock.advance(timedelta(days=31))
    assert await refused(machine.client.report_instances(())) == "ExpiredToken"
    await machine.exchange.close()


async def test_without_tls_neither_token_nor_header_is_believed(door: Door) -> None:
    """Not even one that says who is meant: no header states an identity."""
    offer = await door.offer()
    body = {"JoinTokenId": offer.token_id, "JoinTokenSecret": offer.secret}
    told = ("x-client-certificate", "h-0123456789abcdef0"), ("x-forwarded-client-cert", "Hash=00")
    for operation, headers in (("EnrollHost", ()), ("ReportInstances", told)):
        raw = RawRequest(
            method="POST",
            raw_path="/",
            raw_query="",
            headers=(("host", "edge.test"), ("x-amz-target", f"TabardHosts_20261101.{operation}"), *headers),
            peer_ip="127.0.0.1",
            secure=False,
            request_id="11111111-2222-4333-8444-555555555555",
            received_at=door.edge.clock.now(),
        )
        for is_secure in (False, True):
            asked = msgspec.structs.replace(raw, secure=is_secure)
            content = json.dumps(body).encode() if not is_secure else b"[1]"
            answer = await door.edge.pipeline.answer(asked, Sent(content))
            assert answer.status == 403
            assert b"MissingAuthenticationToken" in answer.body


async def test_an_old_tls_and_a_plain_request_get_no_answer(door: Door) -> None:
    port = int(door.endpoint.rpartition(":")[2])
    context = trusting(door.authority.pem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is what is tested
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=EDGE_NAME)
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting(door.authority.pem), server_hostname="elsewhere.test"
        )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n")
    answer = b""
    with suppress(ConnectionResetError):  # it may hang up before it has read everything
        answer = await reader.read()
    assert b"HTTP/1.1 200" not in answer
    writer.close()


def test_a_directory_that_is_no_enrollment_is_refused_with_a_sentence(tmp_path: Path) -> None:
    directory = HostDirectory(tmp_path / "kept")
    directory.prepare()
    with pytest.raises(NotEnrolled, match="holds no enrollment"):
        directory.enrollment()
    (directory.path / "enrollment.json").write_text("{")
    with pytest.raises(NotEnrolled, match="cannot be read"):
        directory.enrollment()
    directory.path.chmod(0o755)
    with pytest.raises(NotEnrolled, match="0700"):
        directory.prepare()


@pytest.mark.parametrize(
    "text", ["", "AKIA", "tabard-join-", "tabard-join-%%%", "tabard-join-" + "e30" * 999]
)
def test_what_is_no_join_token_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="join token") as refusal:
        JoinOffer.from_text(text)
    assert not text or text not in str(refusal.value)
