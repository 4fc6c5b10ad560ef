"""The whole tree, walked as cloud-init's Ec2 datasource does, over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tabard.clock import ManualClock
from tabard.imds.server import MetadataServer
from tabard.model.messages import DesiredEvents, DesiredScheduledEvent, InstanceTag
from tests.support.described_instance import DESIRED, OPTIONS
from tests.support.metadata_requests import TOKEN, Source, ask, token

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
VERSION = "2021-03-23"
"""What cloud-init asks for."""

EVERYTHING = msgspec.structs.replace(
    DESIRED,
    user_data=b"#cloud-config\n",
    tags=(InstanceTag(key="Name", value="web"), InstanceTag(key="team", value="")),
    metadata_options=msgspec.structs.replace(OPTIONS, instance_metadata_tags="enabled"),
    events=DesiredEvents(
        spot_action_at=AT,
        rebalance_noticed_at=AT,
        target_lifecycle_state="InService",
        scheduled=(
            DesiredScheduledEvent(
                event_id="instance-event-0123456789abcdef0",
                code="system-reboot",
                description="",
                not_before=AT,
                state="active",
            ),
        ),
    ),
)

Get = Callable[[str], Awaitable[str]]


@pytest.fixture
async def get() -> AsyncIterator[Get]:
    server = MetadataServer(Source(EVERYTHING), clock=ManualClock(AT), uid=None)
    await server.start()
    presented = await token(server)

    async def get(path: str) -> str:
        answer = await ask(server, "GET", path, (TOKEN, presented))
        assert answer.status == 200, path
        return answer.body.decode()

    yield get
    await server.close()


async def crawl(get: Get, path: str) -> dict[str, Any]:
    """cloud-init's walk: a line that ends with a slash is entered, any other is read.

    A listing that named a document as a directory, or the reverse, would lead it astray: each level is what
    the one above says, or the GET is answered 404 and the walk fails.
    """
    found: dict[str, Any] = {}
    for line in (await get(path)).splitlines():
        name = line.strip().rstrip("/")
        if name in ("security-credentials", "security-credentials-extended"):
            continue  # cloud-init leaves credentials where they are
        found[name] = await crawl(get, f"{path}{name}/") if line.endswith("/") else await get(f"{path}{name}")
    return found


async def test_cloud_init_sees_the_whole_tree(get: Get) -> None:
    tree = await crawl(get, f"/{VERSION}/meta-data/")
    assert tree["instance-id"] == DESIRED.instance_id
    assert tree["local-hostname"] == DESIRED.private_dns_name
    assert tree["placement"]["availability-zone"] == DESIRED.availability_zone
    assert tree["block-device-mapping"] == {"ami": "/dev/xvda", "root": "/dev/xvda"}
    nic = tree["network"]["interfaces"]["macs"][DESIRED.mac_address]
    assert (nic["device-number"], nic["local-ipv4s"]) == ("0", DESIRED.private_ip_address)
    assert nic["subnet-ipv4-cidr-block"] == DESIRED.subnet_cidr_block
    assert tree["tags"]["instance"] == {"Name": "web", "team": ""}
    assert tree["spot"]["termination-time"] == "2026-01-31T12:00:00Z"
    assert set(tree["iam"]) == {"info"}
    dynamic = await crawl(get, f"/{VERSION}/dynamic/")
    assert set(dynamic["instance-identity"]) == {"document", "pkcs7", "rsa2048", "signature"}
    assert await get(f"/{VERSION}/user-data") == "#cloud-config\n"


async def test_every_listing_is_the_same_with_and_without_its_slash(get: Get) -> None:
    paths = [f"/{VERSION}", f"/{VERSION}/meta-data", f"/{VERSION}/dynamic"]
    while paths:
        path = paths.pop()
        listing = await get(path)
        assert await get(f"{path}/") == listing
        assert not listing.endswith("\n")
        paths += [f"{path}/{line.rstrip('/')}" for line in listing.split("\n") if line.endswith("/")]
