"""The agent's half of the `hosts` service."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from tabard.agent.edge_client import (
    EdgeClient,
    EdgeError,
    EdgeRefused,
    EdgeUnreachable,
    HttpAnswer,
    MintRefused,
)
from tabard.agent.signed_exchange import SignedExchange
from tabard.clock import ClockReading, ManualClock
from tabard.model.messages import InstanceReport
from tabard.sigv4.sign import Credentials
from tests.support.described_instance import DESIRED

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ASKED_AT = ClockReading(boottime_seconds=100.0, wall=NOW)
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION = {
    "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
    "SecretAccessKey": SECRET,
    "SessionToken": "the-token",
    "Expiration": "2026-01-31T18:00:00Z",
    "LastUpdated": "2026-01-31T12:00:00Z",
    "LifetimeSeconds": 21600,
    "RoleName": "web-role",
    "RoleId": "AROAIOSFODNN7EXAMPLE",
    "AssociationId": "iip-assoc-0123456789abcdef0",
}


class Script:
    """An exchange with scripted answers that records its requests."""

    def __init__(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        self.answer = HttpAnswer(
            status=status,
            headers=headers or {},
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        )
        self.asked: list[tuple[str, Mapping[str, str], dict[str, object], float]] = []

    async def __call__(
        self, *, operation: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float
    ) -> HttpAnswer:
        self.asked.append((operation, headers, json.loads(body), timeout_seconds))
        return self.answer


def client(script: Script) -> EdgeClient:
    return EdgeClient("h-0123456789abcdef0", script, clock=ManualClock(NOW, elapsed_seconds=100.0))


async def test_a_session_comes_with_its_lifetime() -> None:
    script = Script(200, SESSION, {"date": "Sat, 31 Jan 2026 12:00:00 GMT"})
    answer = await client(script).get_instance_session(DESIRED.instance_id, "2.0")
    assert (answer.requested_at, answer.lifetime_seconds) == (ASKED_AT, 21600.0)
    assert answer.credentials.expiration == datetime(2026, 1, 31, 18, 0, tzinfo=UTC)
    operation, headers, body, timeout_seconds = script.asked[0]
    assert operation == "GetInstanceSession"
    assert headers["x-amz-target"] == "TabardHosts_20261101.GetInstanceSession"
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert body == {"InstanceId": DESIRED.instance_id, "RoleDelivery": "2.0"}
    assert timeout_seconds == 5.0
    assert SECRET not in repr(answer)
    assert "the-token" not in repr(answer)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Sat, 31 Jan 2026 12:10:00 GMT", 21000.0),
        ("Sat, 31 Jan 2026 12:10:00 -0000", 21000.0),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 21600.0),
        ("Sat, 31 Jan 2026 19:00:00 GMT", 0.0),
        ("nonsense", 21600.0),
        (None, 21600.0),
    ],
)
async def test_a_lifetime_is_never_longer_than_the_edges_own_clock_says(
    date: str | None, expected: float
) -> None:
    script = Script(200, SESSION, {} if date is None else {"date": date})
    answer = await client(script).get_instance_session(DESIRED.instance_id, "2.0")
    assert answer.lifetime_seconds == expected


async def test_times_may_be_seconds_since_1970() -> None:
    answer = await client(Script(200, {**SESSION, "Expiration": 1769882400})).get_instance_session("i", "1.0")
    assert answer.credentials.expiration == datetime(2026, 1, 31, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize("code", ["AssumeRoleUnauthorizedAccess", "InstanceProfileNotFound"])
async def test_a_role_that_cannot_be_assumed_raises_its_own_error(code: str) -> None:
    script = Script(403, {"__type": f"tabard.hosts.v20261101#{code}", "message": "Not allowed."})
    with pytest.raises(MintRefused) as refused:
        await client(script).get_instance_session(DESIRED.instance_id, "2.0")
    assert (refused.value.code, refused.value.message, refused.value.status) == (code, "Not allowed.", 403)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ({"__type": "AccessDenied", "Message": "no"}, EdgeRefused, "AccessDenied"),
        ({"__type": "ns#HostNotFound:http://x/", "message": "no"}, EdgeRefused, "HostNotFound"),
        ({"message": "no"}, EdgeUnreachable, "Unreachable"),
        (b"<html>", EdgeUnreachable, "Unreachable"),
        ([], EdgeUnreachable, "Unreachable"),
    ],
)
async def test_errors_keep_their_code(body: object, kind: type[EdgeError], code: str) -> None:
    with pytest.raises(kind) as error:
        await client(Script(403, body)).report_instances(())
    assert type(error.value) is kind
    assert error.value.code == code


@pytest.mark.parametrize("body", [b"", b"nonsense", b'{"AccessKeyId":"' + SECRET.encode() + b'"}', b"[]"])
async def test_an_answer_of_another_shape_is_an_error_that_does_not_quote_it(body: bytes) -> None:
    with pytest.raises(EdgeUnreachable) as error:
        await client(Script(200, body)).get_instance_session(DESIRED.instance_id, "2.0")
    assert SECRET not in str(error.value)


async def test_no_answer_is_unreachable() -> None:
    class Away(Script):
        async def __call__(self, **_: object) -> HttpAnswer:
            raise ConnectionRefusedError("refused")

    with pytest.raises(EdgeUnreachable) as error:
        await client(Away(200, {})).describe_host_instances(known_version=1, wait_seconds=20)
    assert "refused" in error.value.message


async def test_a_poll_times_out_later_than_the_edge() -> None:
    script = Script(200, {"Version": 7})
    result = await client(script).describe_host_instances(known_version=6, wait_seconds=20)
    assert (result.version, result.instances) == (7, ())
    assert script.asked[0][2:] == (
        {"HostId": "h-0123456789abcdef0", "KnownVersion": 6, "WaitSeconds": 20},
        25.0,
    )


async def serve(answers: list[bytes], seen: list[bytes]) -> asyncio.Server:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answers:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            seen.append(head + await reader.readexactly(length))
            answer = answers.pop(0)
            if not answer:
                break
            writer.write(answer)
        writer.close()

    return await asyncio.start_server(handle, "127.0.0.1", 0)


def http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nDate: Sat, 31 Jan 2026 12:00:00 GMT\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def exchange_with(port: int) -> SignedExchange:
    return SignedExchange(
        f"http://127.0.0.1:{port}",
        credentials=Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SECRET),
        region="us-east-1",
        clock=ManualClock(NOW),
    )


async def test_requests_are_signed_as_botocore_signs_them() -> None:
    seen: list[bytes] = []
    server = await serve([http(b"{}")], seen)
    port = server.sockets[0].getsockname()[1]
    exchange = exchange_with(port)
    report = InstanceReport(instance_id=DESIRED.instance_id, boot_number=0, run_state="running")
    await EdgeClient("h-1", exchange, clock=ManualClock(NOW)).report_instances((report,))
    await exchange.close()
    server.close()
    head, _, body = seen[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    request = botocore.awsrequest.AWSRequest(
        method="POST",
        url=f"http://127.0.0.1:{port}/",
        data=body,
        headers={
            "content-type": headers["content-type"],
            "x-amz-target": headers["x-amz-target"],
            "X-Amz-Date": headers["x-amz-date"],
        },
    )
    signer = botocore.auth.SigV4Auth(
        botocore.credentials.Credentials("AKIAIOSFODNN7EXAMPLE", SECRET), "hosts", "us-east-1"
    )
    request.context["timestamp"] = headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    assert hashlib.sha256(body).hexdigest() in canonical
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert headers["authorization"].endswith(f"Signature={signature}")


async def test_a_closed_pooled_connection_is_reopened() -> None:
    seen: list[bytes] = []
    server = await serve([http(b"{}"), b"", http(b"{}")], seen)
    exchange = exchange_with(server.sockets[0].getsockname()[1])
    edge = EdgeClient("h-1", exchange, clock=ManualClock(NOW))
    await edge.report_instances(())
    await edge.report_instances(())
    await exchange.close()
    server.close()
    assert len(seen) == 3


async def test_a_missing_edge_is_unreachable() -> None:
    server = await serve([], [])
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    exchange = exchange_with(port)
    with pytest.raises(EdgeUnreachable):
        await EdgeClient("h-1", exchange, clock=ManualClock(NOW)).report_instances(())
    await exchange.close()


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4700", "ftp://127.0.0.1", "http://", ""])
def test_an_endpoint_is_http_or_https(endpoint: str) -> None:
    with pytest.raises(ValueError, match="is not an endpoint"):
        SignedExchange(
            endpoint,
            credentials=Credentials(access_key_id="a", secret_access_key="b"),
            region="us-east-1",
            clock=ManualClock(NOW),
        )
