"""Credentials by the container endpoint, taken by plain boto3."""

import json
import subprocess
import sys

import pytest

from tests.support.running_system import TABARD, RunningSystem, allow, bare_environment

pytestmark = pytest.mark.flow

TAGS = [{"ResourceType": "instance", "Tags": [{"Key": "tabard:credentials-from", "Value": "container"}]}]
IDENTITY = """
import boto3, json, os
session = boto3.Session()
print(json.dumps({
    "arn": session.client("sts").get_caller_identity()["Arn"],
    "method": session.get_credentials().method,
    "buckets": "Buckets" in session.client("s3").list_buckets(),
    "keys": [name for name in os.environ if name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")],
}), flush=True)
"""


def test_boto3_on_an_instance_launched_so_takes_them_from_there(system: RunningSystem) -> None:
    profile = system.instance_profile_of(allow("s3:ListAllMyBuckets"))
    instance = system.launch(
        f"#!{sys.executable}\n{IDENTITY}", instance_profile=profile, TagSpecifications=TAGS
    )
    instance.until_stopped()
    (line,) = [line for line in instance.console.splitlines() if line.startswith("{")]
    said = json.loads(line)
    assert said["method"] == "container-role"
    assert said["arn"].endswith(f":assumed-role/{profile}/{instance.instance_id}")
    assert (said["buckets"], said["keys"]) == (True, [])


@pytest.mark.parametrize(("where", "method"), [("container", "container-role"), ("metadata", "iam-role")])
def test_tabard_run_leads_a_command_to_either(system: RunningSystem, where: str, method: str) -> None:
    profile = system.instance_profile_of(allow("s3:ListAllMyBuckets"))
    command = (
        *TABARD, "run", "--data-dir", str(system.data_dir), "--credentials-from", where,
        "--instance-profile", profile, "--", sys.executable, "-c", IDENTITY,
    )  # fmt: skip
    environment = bare_environment()
    del environment["AWS_EC2_METADATA_DISABLED"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["method"], said["buckets"]) == (method, True)
