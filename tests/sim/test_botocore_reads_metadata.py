"""botocore's own metadata classes against the real metadata server on a loopback port."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import pytest
from botocore.credentials import InstanceMetadataProvider
from botocore.session import Session
from botocore.utils import InstanceMetadataFetcher, InstanceMetadataRegionFetcher

from tabard.clock import SystemClock
from tabard.imds.server import MetadataServer
from tabard.imds.source import CredentialsView, RefusedCredentials, ServedCredentials
from tabard.model.messages import DesiredInstance, GetInstanceIdentityResult
from tabard.model.session import RoleDelivery
from tests.support.described_instance import DESIRED, OPTIONS

T = TypeVar("T")
PROFILE = DESIRED.instance_profile
assert PROFILE is not None
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class Source:
    def __init__(self) -> None:
        self.described: DesiredInstance = DESIRED
        self.view: CredentialsView = self.session("ASIAFIRST", timedelta(hours=6))
        self.deliveries: list[str] = []

    def session(self, access_key_id: str, left: timedelta) -> ServedCredentials:
        now = datetime.now(UTC)
        assert PROFILE is not None
        return ServedCredentials(
            association_id=PROFILE.association_id,
            role_id=PROFILE.role_id,
            access_key_id=access_key_id,
            secret_access_key=SECRET,
            session_token="token",
            expires_at=now + left,
            last_updated=now,
        )

    def desired(self) -> DesiredInstance:
        return self.described

    def identity(self) -> GetInstanceIdentityResult | None:
        return None

    def credentials(self, role_delivery: RoleDelivery) -> CredentialsView:
        self.deliveries.append(role_delivery)
        return self.view


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
async def endpoint(source: Source) -> AsyncIterator[str]:
    server = MetadataServer(source, clock=SystemClock(), uid=os.getuid())
    await server.start()
    yield server.endpoint
    await server.close()


def fetcher(endpoint: str) -> InstanceMetadataFetcher:
    # One attempt, one second: botocore's defaults. The environment is empty but for the one endpoint.
    return InstanceMetadataFetcher(
        timeout=1, num_attempts=1, env={}, config={"ec2_metadata_service_endpoint": endpoint}
    )


async def ask(call: Callable[[], T]) -> T:
    return await asyncio.to_thread(call)


async def test_it_finds_the_role(endpoint: str, source: Source) -> None:
    found = await ask(fetcher(endpoint).retrieve_iam_role_credentials)
    assert (found["role_name"], found["access_key"], found["secret_key"], found["token"]) == (
        "web-role",
        "ASIAFIRST",
        SECRET,
        "token",
    )
    assert set(source.deliveries) == {"2.0"}


async def test_its_credentials_are_refreshed_from_the_metadata(endpoint: str, source: Source) -> None:
    provider = InstanceMetadataProvider(fetcher(endpoint))
    credentials = await ask(provider.load)
    assert (await ask(credentials.get_frozen_credentials)).access_key == "ASIAFIRST"
    source.view = source.session("ASIASECOND", timedelta(hours=6))
    credentials._expiry_time = datetime.now(UTC) + timedelta(minutes=5)
    assert (await ask(credentials.get_frozen_credentials)).access_key == "ASIASECOND"


async def test_a_whole_session_finds_it_by_the_endpoint_alone(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    credentials = await ask(Session().get_credentials)
    assert (credentials.method, credentials.access_key) == ("iam-role", "ASIAFIRST")


async def test_a_refused_role_gives_it_nothing(endpoint: str, source: Source) -> None:
    assert PROFILE is not None
    source.view = RefusedCredentials(
        association_id=PROFILE.association_id,
        role_id=PROFILE.role_id,
        code="AssumeRoleUnauthorizedAccess",
        message="EC2 cannot assume the role web-role.",
        last_updated=datetime.now(UTC),
    )
    assert await ask(fetcher(endpoint).retrieve_iam_role_credentials) == {}


async def test_nothing_to_serve_and_no_role_give_it_nothing(endpoint: str, source: Source) -> None:
    source.view = None
    assert await ask(fetcher(endpoint).retrieve_iam_role_credentials) == {}
    source.described = msgspec.structs.replace(DESIRED, instance_profile=None)
    assert await ask(fetcher(endpoint).retrieve_iam_role_credentials) == {}


async def test_it_finds_the_region(endpoint: str) -> None:
    region = InstanceMetadataRegionFetcher(
        timeout=1, num_attempts=1, env={}, config={"ec2_metadata_service_endpoint": endpoint}
    )
    assert await ask(region.retrieve_region) == "us-east-1"


async def test_it_falls_back_to_no_token_where_that_is_allowed(endpoint: str, source: Source) -> None:
    source.described = msgspec.structs.replace(
        DESIRED, metadata_options=msgspec.structs.replace(OPTIONS, http_tokens="optional")
    )
    tokenless = fetcher(endpoint)
    tokenless._fetch_metadata_token = lambda: None
    assert (await ask(tokenless.retrieve_iam_role_credentials))["access_key"] == "ASIAFIRST"
    assert set(source.deliveries) == {"1.0"}
