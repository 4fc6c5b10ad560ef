"""The AWS SDK for JavaScript v3 with its default settings, as an instance."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow_fixtures import InstanceOf
from tests.support.real_clients import NotHere
from tests.support.running_system import RunningSystem, allow, deny, fresh

pytestmark = [pytest.mark.flow, pytest.mark.long]

APPLICATION = Path(__file__).with_name("js_application.mjs")


@pytest.fixture(scope="module")
def sdk(js_sdk: Callable[[], Path]) -> Path:
    """A folder with the SDK."""
    try:
        return js_sdk()
    except NotHere as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def name() -> str:
    return fresh("js")


@pytest.fixture(scope="module")
def said(sdk: Path, instance_of: InstanceOf, name: str) -> list[dict[str, Any]]:
    """What the application said, in order."""
    instance = instance_of(
        allow("s3:*", "dynamodb:*", "sqs:*"), deny("s3:PutObject", on=f"arn:aws:s3:::{name}/secret/*")
    )
    application = sdk / "application.mjs"  # modules are looked for beside it
    shutil.copy(APPLICATION, application)
    done = instance.run("node", str(application), name)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def step(said: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [line for line in said if line["step"] == name]
    return found


def test_the_sdk_finds_the_instances_role(said: list[dict[str, Any]], system: RunningSystem) -> None:
    identity = step(said, "identity")
    assert identity["arn"].startswith(f"arn:aws:sts::{system.account_id}:assumed-role/role-")
    assert identity["arn"].rpartition("/")[2].startswith("i-")
    assert identity["keyId"].startswith("ASIA")


def test_s3_objects(said: list[dict[str, Any]]) -> None:
    assert step(said, "string")["back"] == "text ü"
    assert step(said, "buffer")["same"]
    assert step(said, "stream") == {"step": "stream", "same": True, "encoding": None}
    summed = {line["ChecksumAlgorithm"]: line["same"] for line in said if line["step"] == "summed"}
    assert summed == dict.fromkeys(("CRC32", "CRC32C", "SHA1", "SHA256"), True)
    assert step(said, "range")["back"] == "text"
    assert step(said, "copy")["same"]
    assert step(said, "upload")["same"]


def test_s3_listing_and_deletion(said: list[dict[str, Any]]) -> None:
    keys = step(said, "list")["keys"]
    assert keys == ["big", "copy", "odd +%ü/key'()", "stream", "string", "summed"]
    assert step(said, "delete") == {"step": "delete", "deleted": len(keys), "left": 0}


def test_s3_refusals(said: list[dict[str, Any]]) -> None:
    absent, denied = step(said, "absent"), step(said, "denied")
    assert (absent["name"], absent["status"]) == ("NoSuchKey", 404)
    assert (denied["name"], denied["status"]) == ("AccessDenied", 403)
    assert denied["message"].endswith("with an explicit deny in an identity-based policy")


def test_dynamodb(said: list[dict[str, Any]]) -> None:
    assert step(said, "item") == {"step": "item", "n": {"N": "1.5"}, "same": True}
    assert step(said, "query")["count"] == 1
    condition, transaction = step(said, "condition"), step(said, "transaction")
    assert (condition["name"], condition["status"]) == ("ConditionalCheckFailedException", 400)
    assert condition["typed"]
    assert (transaction["name"], transaction["status"]) == ("TransactionCanceledException", 400)


def test_sqs(said: list[dict[str, Any]], system: RunningSystem, name: str) -> None:
    message = step(said, "message")
    assert message["body"] == "hello ü"  # the SDK has compared its MD5
    assert message["url"] == f"{system.endpoint}/{system.account_id}/{name}"
    assert step(said, "absent queue")["name"] == "QueueDoesNotExist"
