"""The pytest plugin, used as a project would use it: by its name alone, in a test session of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.flow

REPOSITORY = Path(__file__).parents[2]
# The policy is in the README, the test in the page on applications.
PAGES = "".join(
    (REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "docs/applications.md")
)
IMPORTS = """
import json
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

"""

USE = """
import os
import sys
import time
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore.exceptions import ClientError

READ = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"}],
}


@pytest.fixture
def reports(tabard_system):
    s3 = tabard_system.client("s3")
    s3.create_bucket(Bucket="reports")
    s3.put_object(Bucket="reports", Key="q1", Body=b"good")


def application():
    return boto3.client("s3").get_object(Bucket="reports", Key="q1")["Body"].read()


def test_what_works_and_what_is_refused(reports, tabard_instance):
    os.environ["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE"
    os.environ["AWS_SECRET_ACCESS_KEY"] = "decoy"
    instance = tabard_instance(policy=READ)
    with instance.inside():
        assert application() == b"good"
        assert boto3.Session().get_credentials().method == "iam-role"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "AKIAIOSFODNN7EXAMPLE"
    assert instance.denials() == ()
    with pytest.raises(ClientError, match="no identity-based policy allows the s3:PutObject action"):
        instance.client("s3").put_object(Bucket="reports", Key="q1", Body=b"bad")
    (denial,) = instance.denials()
    assert (denial.action, denial.resources) == ("s3:PutObject", ("arn:aws:s3:::reports/q1",))
    assert "no identity-based policy allows" in denial.reason
    assert not denial.not_offered


def test_what_is_not_offered_is_no_denial_by_a_policy(reports, tabard_instance):
    instance = tabard_instance(policy=READ)
    with pytest.raises(ClientError) as error:
        instance.client("s3").get_bucket_acl(Bucket="reports")
    assert error.value.response["Error"]["Code"] == "NotImplemented"
    (denial,) = instance.denials()
    assert (denial.action, denial.not_offered) == ("s3:GetBucketAcl", True)


def test_a_program_runs_as_the_instance(tabard_instance):
    instance = tabard_instance()
    who = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = instance.run(sys.executable, "-c", who)
    assert done.stdout.strip().endswith(f":assumed-role/{instance.instance_profile}/{instance.instance_id}")


def key_of(instance):
    with instance.inside():
        found = boto3.Session().get_credentials()
    return found and found.access_key


def test_keys_that_are_rotated_or_end_early(tabard_instance):
    instance = tabard_instance(policy=READ)
    sts, before = instance.client("sts"), key_of(instance)
    instance.fault(rotate_now=True)
    until(lambda: key_of(instance) != before)
    assert sts.get_caller_identity()  # the old ones go on
    instance.fault(expire_now=True)
    with pytest.raises(ClientError, match="ExpiredToken"):
        sts.get_caller_identity()
    until(lambda: works(instance.client("sts")))


def test_a_metadata_service_that_is_slow_fails_or_refuses(tabard_instance):
    instance = tabard_instance(policy=READ)
    for fault in (
        {"metadata_delay": timedelta(seconds=2)},
        {"metadata_status": 503},
        {"credentials_code": "Failed"},
    ):
        instance.fault(**fault)
        until(lambda: key_of(instance) is None)
        instance.fault(clear=True)
        until(lambda: key_of(instance) is not None)


def test_a_clock_that_is_wrong(tabard_instance):
    instance = tabard_instance(policy=READ)
    instance.fault(clock_skew=timedelta(hours=-6))

    def has_expired():
        with instance.inside():
            found = boto3.Session().get_credentials()
        return found._expiry_time < datetime.now(timezone.utc) + timedelta(minutes=30)

    until(has_expired)


def works(sts):
    try:
        return sts.get_caller_identity()
    except ClientError:
        return None


def until(look):
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_instance_ends_with_its_test(tabard_system):
    states = [
        instance["State"]["Name"]
        for reservation in tabard_system.client("ec2").describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    ]
    assert states and not {"pending", "running"} & set(states)
"""


def block(language: str, holding: str) -> str:
    """The only block of this language that holds a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGES, re.DOTALL)
    (found,) = (block for block in blocks if holding in block)
    return str(found)


def test_a_project_tests_its_permissions_with_it(tmp_path: Path) -> None:
    (tmp_path / "test_application.py").write_text(USE)
    (tmp_path / "test_page.py").write_text(IMPORTS + block("python", "tabard_instance"))
    (tmp_path / "s3-read.json").write_text(block("json", "s3:GetObject"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout
