"""What the embedded upstreams keep, forget and do under one another's load."""

import asyncio
import json
import os
import signal
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tabard.processes.isolation import network_isolation
from tabard.processes.spec import CHILD_RESTARTED
from tests.support.s3_keys import KEPT
from tests.support.upstream_system import ACCOUNT_ID, Upstreams, running_upstreams

pytestmark = [pytest.mark.flow, pytest.mark.asyncio(loop_scope="module")]

ISOLATED = network_isolation().available
XML_KEY = "{http://s3.amazonaws.com/doc/2006-03-01/}Key"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstreams(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Upstreams]:
    async with running_upstreams(tmp_path_factory.mktemp("up"), isolated=ISOLATED) as running:
        yield running


async def listed(upstreams: Upstreams, bucket: str) -> set[str]:
    status, content = await upstreams.s3.ask("GET", f"/{bucket}", "list-type=2")
    assert status == 200
    return {str(key.text) for key in ET.fromstring(content).iter(XML_KEY)}


async def until_restarted(upstreams: Upstreams, name: str, *, restarts: int) -> None:
    async with asyncio.timeout(30):
        event = await upstreams.events.get()
        while (event.event, event.child, event.restarts) != (CHILD_RESTARTED, name, restarts):
            event = await upstreams.events.get()


async def test_the_store_keeps_under_its_name_every_key_that_we_accept(upstreams: Upstreams) -> None:
    assert (await upstreams.s3.ask("PUT", "/kept"))[0] == 200
    # `a` and what lies below it may stand side by side.
    for key in KEPT:
        assert (await upstreams.s3.ask("PUT", f"/kept/{key}", "", key.encode()))[0] == 200, ascii(key)
    assert await listed(upstreams, "kept") == set(KEPT)
    for key in KEPT:
        assert await upstreams.s3.ask("GET", f"/kept/{key}") == (200, key.encode()), ascii(key)


@pytest.mark.parametrize(
    "key", ["secret//x", "/secret/x", "secret\\x", "a\x01b", ".uploads/x", "p.versions/z"]
)
async def test_a_key_that_we_refuse_is_one_that_the_store_still_rewrites_or_hides(
    upstreams: Upstreams, key: str
) -> None:
    """If this fails with a newer store, the table has grown too strict, not wrong."""
    bucket = f"rewritten-{key.encode().hex()}"
    assert (await upstreams.s3.ask("PUT", f"/{bucket}"))[0] == 200
    assert (await upstreams.s3.ask("PUT", f"/{bucket}/{key}", "", b"x"))[0] == 200
    assert key not in await listed(upstreams, bucket)


async def test_a_killed_store_is_started_again_and_has_every_object_it_acknowledged(
    upstreams: Upstreams,
) -> None:
    assert (await upstreams.s3.ask("PUT", "/durable"))[0] == 200
    kept = {f"o{number}": os.urandom(1 + 40_000 * (number % 3)) for number in range(30)}
    for key, content in kept.items():
        assert (await upstreams.s3.ask("PUT", f"/durable/{key}", "", content))[0] == 200
    os.kill(upstreams.pid("seaweedfs"), signal.SIGKILL)
    await until_restarted(upstreams, "seaweedfs", restarts=1)
    for key, content in kept.items():
        assert await upstreams.s3.ask("GET", f"/durable/{key}") == (200, content)


async def test_emptying_the_store_leaves_no_bucket(upstreams: Upstreams) -> None:
    assert (await upstreams.s3.ask("PUT", "/soon-gone"))[0] == 200
    await upstreams.supervisor.replace("seaweedfs", between=upstreams.seaweedfs.empty)
    status, content = await upstreams.s3.ask("GET", "/")
    assert status == 200
    assert b"<Bucket>" not in content
    assert (await upstreams.s3.ask("PUT", "/soon-gone"))[0] == 200


async def create_queue(upstreams: Upstreams, name: str, region: str = "us-east-1") -> str:
    body = json.dumps({"QueueName": name}).encode()
    status, content = await upstreams.json.ask("AmazonSQS.CreateQueue", body, region=region)
    assert status == 200
    url: str = json.loads(content)["QueueUrl"]
    return url


async def test_a_queue_belongs_to_the_account_and_the_region_of_the_host(upstreams: Upstreams) -> None:
    url = await create_queue(upstreams, "jobs", region="eu-north-9")
    assert url == f"http://sqs.eu-north-9.amazonaws.com/{ACCOUNT_ID}/jobs"
    assert json.loads((await upstreams.json.ask("AmazonSQS.ListQueues", b"{}"))[1]) == {}


async def test_a_waiting_receive_keeps_nobody_waiting(upstreams: Upstreams) -> None:
    url = await create_queue(upstreams, "slow")
    receive = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20}).encode()
    waiting = asyncio.create_task(upstreams.json.ask("AmazonSQS.ReceiveMessage", receive))
    await asyncio.wait({waiting}, timeout=0.3)
    async with asyncio.timeout(5):
        assert (await upstreams.json.ask("DynamoDB_20120810.ListTables", b"{}"))[0] == 200
        send = json.dumps({"QueueUrl": url, "MessageBody": "hello"}).encode()
        assert (await upstreams.json.ask("AmazonSQS.SendMessage", send))[0] == 200
        status, content = await waiting
    assert (status, json.loads(content)["Messages"][0]["Body"]) == (200, "hello")


async def test_messages_sent_and_deleted_at_once_are_neither_lost_nor_kept(upstreams: Upstreams) -> None:
    url = await create_queue(upstreams, "busy")

    async def send_and_delete(number: int) -> str:
        send = json.dumps({"QueueUrl": url, "MessageBody": str(number)}).encode()
        assert (await upstreams.json.ask("AmazonSQS.SendMessage", send))[0] == 200
        receive = json.dumps({"QueueUrl": url, "MaxNumberOfMessages": 1}).encode()
        _, content = await upstreams.json.ask("AmazonSQS.ReceiveMessage", receive)
        (message,) = json.loads(content)["Messages"]
        delete = json.dumps({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}).encode()
        assert (await upstreams.json.ask("AmazonSQS.DeleteMessage", delete))[0] == 200
        return str(message["Body"])

    bodies = await asyncio.gather(*(send_and_delete(number) for number in range(24)))
    assert sorted(bodies, key=int) == [str(number) for number in range(24)]


async def test_resetting_moto_forgets_tables_and_queues(upstreams: Upstreams) -> None:
    await create_queue(upstreams, "soon-gone")
    await upstreams.moto.reset()
    assert json.loads((await upstreams.json.ask("AmazonSQS.ListQueues", b"{}"))[1]) == {}


async def test_without_isolation_the_store_is_on_loopback_and_keeps_its_objects(tmp_path: Path) -> None:
    """Other ports at each start, and the other way of running: the objects stay."""
    async with running_upstreams(tmp_path, isolated=False) as first:
        assert (await first.s3.ask("PUT", "/moved"))[0] == 200
        assert (await first.s3.ask("PUT", "/moved/k", "", b"content"))[0] == 200
    for isolated in {False, ISOLATED}:
        async with running_upstreams(tmp_path, isolated=isolated) as later:
            assert await later.s3.ask("GET", "/moved/k") == (200, b"content")
            assert (await later.s3.ask("PUT", f"/moved/later-{isolated}", "", b"x" * 5000))[0] == 200
