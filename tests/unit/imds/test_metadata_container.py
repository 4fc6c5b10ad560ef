"""Credentials as containers ask for them."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest

from tabard.clock import ManualClock
from tabard.imds.container import container_credentials
from tabard.imds.server import MetadataServer
from tabard.imds.source import RefusedCredentials
from tests.support.described_instance import DESIRED, PROFILE
from tests.support.metadata_requests import Source, ask, session

TOKEN = "the-authorization-token"
PATH = "/v1/credentials"


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
async def server(source: Source) -> AsyncIterator[MetadataServer]:
    server = MetadataServer(
        source, clock=ManualClock(datetime(2026, 1, 31, tzinfo=UTC)), uid=None, container_token=TOKEN
    )
    await server.start()
    yield server
    await server.close()


async def test_the_token_opens_the_session(server: MetadataServer) -> None:
    answer = await ask(server, "GET", PATH, ("Authorization", TOKEN))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(answer.body) == {
        "AccessKeyId": "ASIA-2.0",
        "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "Token": "token",
        "Expiration": "2026-01-31T18:00:00Z",
        "AccountId": "123456789012",
    }


@pytest.mark.parametrize(
    "headers",
    [(), (("Authorization", "another"),), (("Authorization", ""),), 2 * (("Authorization", TOKEN),)],
    ids=["none", "another", "empty", "twice"],
)
async def test_nothing_else_does(server: MetadataServer, headers: tuple[tuple[str, str], ...]) -> None:
    answer = await ask(server, "GET", PATH, *headers)
    assert answer.status == 401
    assert b"ASIA" not in answer.body


@pytest.mark.parametrize("method", ["PUT", "POST", "HEAD"])
async def test_it_is_read_by_get_alone(server: MetadataServer, method: str) -> None:
    assert (await ask(server, method, PATH, ("Authorization", TOKEN))).status == 405


async def test_host_and_endpoint_are_looked_at_first(server: MetadataServer, source: Source) -> None:
    assert (await ask(server, "GET", PATH, ("Authorization", TOKEN), host="evil.example")).status == 400
    source.set_options(http_endpoint="disabled")
    assert (await ask(server, "GET", PATH, ("Authorization", TOKEN))).status == 403


async def test_without_a_token_of_its_own_an_instance_has_no_such_endpoint(source: Source) -> None:
    source.set_options(http_tokens="optional")
    server = MetadataServer(source, clock=ManualClock(datetime(2026, 1, 31, tzinfo=UTC)), uid=None)
    await server.start()
    try:
        assert (await ask(server, "GET", PATH, ("Authorization", TOKEN))).status == 404
    finally:
        await server.close()


def refused() -> RefusedCredentials:
    return RefusedCredentials(
        association_id=PROFILE.association_id,
        role_id=PROFILE.role_id,
        code="AssumeRoleUnauthorizedAccess",
        message="EC2 cannot assume the role web-role.",
        last_updated=datetime(2026, 1, 31, tzinfo=UTC),
    )


def test_what_is_not_to_be_had_says_why() -> None:
    no_role = msgspec.structs.replace(
        DESIRED, instance_profile=msgspec.structs.replace(PROFILE, role_name="", role_id="")
    )
    without = msgspec.structs.replace(DESIRED, instance_profile=None)
    other = msgspec.structs.replace(
        DESIRED, instance_profile=msgspec.structs.replace(PROFILE, role_id="AROAI44QH8DHBEXAMPLE")
    )
    for instance, credentials, expected in (
        (without, session("2.0"), (404, "NoRole")),
        (no_role, session("2.0"), (404, "NoRole")),
        (DESIRED, None, (503, "CredentialsNotAvailable")),
        (other, session("2.0"), (503, "CredentialsNotAvailable")),
        (DESIRED, refused(), (403, "AssumeRoleUnauthorizedAccess")),
    ):
        status, body = container_credentials(instance, credentials)
        assert (status, json.loads(body)["code"]) == expected
        assert b"ASIA" not in body
