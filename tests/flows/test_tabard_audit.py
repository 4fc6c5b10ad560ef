"""`tabard audit`: who asked what, what was decided, and why."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import (
    TABARD,
    Instance,
    RunningSystem,
    allow,
    bare_environment,
    end,
    fresh,
    until,
)

pytestmark = pytest.mark.flow

FLUSHED_SECONDS = 3.0


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(allow("s3:ListAllMyBuckets"))


def audit(system: RunningSystem, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TABARD, "audit", "--data-dir", str(system.data_dir), *options],
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def events(system: RunningSystem, *options: str) -> list[dict[str, Any]]:
    done = audit(system, "--json", *options)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["events"]
    return found


def event_of(system: RunningSystem, request_id: str, *options: str) -> dict[str, Any]:
    """The event of one request, once it is written."""

    def look() -> list[dict[str, Any]]:
        return [event for event in events(system, *options) if event["request_id"] == request_id]

    (event,) = until(look, f"request {request_id} is audited", seconds=FLUSHED_SECONDS + 5)
    return event


def test_a_request_is_one_event(system: RunningSystem, instance: Instance) -> None:
    answer = instance.client("s3").list_buckets()
    event = event_of(system, answer["ResponseMetadata"]["RequestId"])
    assert (event["service"], event["operation"]) == ("s3", "ListBuckets")
    arn = f"assumed-role/{instance.instance_profile}/{instance.instance_id}"
    assert event["principal_arn"].endswith(arn)
    assert event["access_key_id"].startswith("ASIA")
    assert (event["outcome"], event["http_status"]) == ("allowed", 200)
    assert event["source_ip"] == "127.0.0.1"
    assert "Boto3" in event["user_agent"]
    assert event["region"] == system.region


def test_a_change_is_one_event(system: RunningSystem, admin: AdminClient) -> None:
    name = fresh("audited")
    answer = admin("iam").create_instance_profile(InstanceProfileName=name)
    event = event_of(system, answer["ResponseMetadata"]["RequestId"])
    assert event["operation"] == "CreateInstanceProfile"
    assert event["resources"] == [f"arn:aws:iam::{system.account_id}:instance-profile/{name}"]
    assert event["outcome"] == "allowed"


def test_denials_say_why_and_can_be_had_alone(system: RunningSystem, instance: Instance) -> None:
    bucket = fresh("denied")
    assert refusal(instance.client("s3").create_bucket, Bucket=bucket) == ("AccessDenied", 403)
    until(lambda: bucket in audit(system, "--denied").stdout, "the denial is audited", seconds=8)
    denied = events(system, "--denied")
    own = [event for event in denied if event["principal_arn"].endswith(f"/{instance.instance_id}")]
    assert {event["outcome"] for event in own} == {"denied"}
    event = next(event for event in denied if event["resources"] == [f"arn:aws:s3:::{bucket}"])
    assert event["error_code"] == "AccessDenied"
    assert "no identity-based policy allows the s3:CreateBucket action" in event["reason"]
    shown = audit(system, "--denied", "--last", "1").stdout
    assert "s3:CreateBucket" in shown
    assert "no identity-based policy allows" in shown


def test_what_is_not_offered_is_told_from_a_denial(system: RunningSystem, instance: Instance) -> None:
    bucket = fresh("absent")
    refused = refusal_in_full(instance.client("s3").get_bucket_acl, Bucket=bucket)
    assert refused[:2] == ("NotImplemented", 501)
    until(lambda: "GetBucketAcl" in audit(system, "--denied").stdout, "it is audited", seconds=8)
    found = [event for event in events(system, "--denied") if event["operation"] == "GetBucketAcl"]
    assert {(event["outcome"], event["error_code"]) for event in found} == {("not_offered", "NotImplemented")}
    assert "not offered s3:GetBucketAcl" in audit(system, "--denied").stdout


def test_no_secret_is_in_the_trail(system: RunningSystem, instance: Instance) -> None:
    credentials = instance.session().credentials
    instance.client("s3").list_buckets()
    everything = audit(system, "--json", "--last", "100000").stdout
    assert system.secret_access_key not in everything
    assert credentials.secret_key not in everything
    assert credentials.token not in everything


def test_a_key_cannot_forge_a_line(system: RunningSystem, admin: AdminClient) -> None:
    bucket = fresh("forged")
    admin("s3").create_bucket(Bucket=bucket)
    key = "x\n2026-01-01T00:00:00Z allowed s3:DeleteBucket  [red]arn:aws:iam::1:root"
    admin("s3").put_object(Bucket=bucket, Key=key, Body=b"")
    shown = until(
        lambda: (text := audit(system).stdout) and "s3:PutObject" in text and text, "it is audited", seconds=8
    )
    lines = str(shown).splitlines()
    assert not [line for line in lines if line.startswith("2026-01-01")]
    assert [line for line in lines if "x\\n2026-01-01T00:00:00Z" in line and "[red]arn" in line]


def test_the_trail_is_followed(system: RunningSystem, instance: Instance, tmp_path: Path) -> None:
    output = tmp_path / "followed"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*TABARD, "audit", "--data-dir", str(system.data_dir), "--follow", "--denied", "--json"],
            env=bare_environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        bucket = fresh("followed")
        refusal(instance.client("s3").create_bucket, Bucket=bucket)
        until(lambda: bucket in output.read_text(), "the denial is followed")
        other = fresh("followed")
        refusal(instance.client("s3").create_bucket, Bucket=other)
        until(lambda: other in output.read_text(), "the next one too")
    finally:
        status = end(process, signal.SIGINT)
    assert status == 0
    numbers = [json.loads(line)["number"] for line in output.read_text().splitlines()]
    assert numbers == sorted(set(numbers))


def test_a_folder_without_a_store(tmp_path: Path) -> None:
    done = subprocess.run(
        [*TABARD, "audit", "--data-dir", str(tmp_path)],
        env=bare_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "there is no store" in done.stderr) == (2, True)
