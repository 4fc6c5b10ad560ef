"""The AWS SDK for JavaScript v3 with its default settings, as an instance."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import InstanceOf
from running_system import RunningSystem, allow, bare_environment, deny, fresh

pytestmark = pytest.mark.flow

PACKAGES = {
    "client-s3": "3.1173.0",
    "client-dynamodb": "3.1164.0",
    "client-sqs": "3.1169.0",
    "client-sts": "3.1173.0",
    "lib-storage": "3.1173.0",
}
APPLICATION = Path(__file__).with_name("js_application.mjs")


@pytest.fixture(scope="module")
def sdk(request: pytest.FixtureRequest) -> Path:
    """A folder with the SDK, kept between runs."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("node and npm are not installed")
    assert request.config.cache is not None
    folder = Path(request.config.cache.mkdir(f"js-sdk-{PACKAGES['client-s3']}"))
    if not (folder / "installed").exists():
        wanted = [f"@aws-sdk/{package}@{version}" for package, version in PACKAGES.items()]
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        try:
            done = subprocess.run(
                [npm, "install", *quiet, "--prefix", str(folder), *wanted],
                env=bare_environment(),
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pytest.skip("npm install did not end within two minutes")
        if done.returncode != 0:
            pytest.skip(f"the SDK cannot be had from npm's registry: {done.stderr[-300:]}")
        (folder / "installed").touch()
    return folder


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
