"""The AWS CLI as it is: an operator's commands, and an instance's."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow_fixtures import InstanceOf
from tests.support.running_system import IMAGE_ID, TRUST_EC2, RunningSystem, allow, fresh, statements, until

pytestmark = pytest.mark.flow

AWS = str(Path(sys.executable).with_name("aws"))
MIB = 1024 * 1024


class Cli:
    """Runs `aws …` in a folder, with an environment."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = {**environment, "HOME": str(folder)}
        self._folder = folder

    def having(self, **variables: str) -> "Cli":
        """The same with more environment."""
        return Cli({**self._environment, **variables}, self._folder)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [AWS, *arguments],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def text(self, *arguments: str) -> str:
        """What a command that must succeed prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever was asked for
        return json.loads(self.text(*arguments, "--output", "json"))

    def refused(self, *arguments: str) -> str:
        """What a command that must fail prints."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture
def admin_cli(system: RunningSystem, tmp_path: Path) -> Cli:
    return Cli(system.admin_environment(), tmp_path)


def test_the_aws_way_from_role_to_running_instance(
    system: RunningSystem, admin_cli: Cli, tmp_path: Path
) -> None:
    """create-role … run-instances --user-data file://app.sh: a real local instance runs the user data."""
    aws, name, bucket = admin_cli, fresh("web"), fresh("web")
    (tmp_path / "trust.json").write_text(json.dumps(TRUST_EC2))
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    (tmp_path / "policy.json").write_text(json.dumps(statements(read)))
    (tmp_path / "app.sh").write_text(
        "#!/bin/sh\n"
        f"{AWS} sts get-caller-identity --query Arn --output text\n"
        f"{AWS} s3 cp s3://{bucket}/hello.txt -\n"
        f"{AWS} s3 cp s3://{bucket}/hello.txt s3://{bucket}/copy.txt 2>&1 || echo exit status $?\n"
        f"{AWS} s3 ls s3://{bucket} 2>&1 || echo exit status $?\n"
        "echo finished\n"
    )
    role = aws.json(
        "iam", "create-role", "--role-name", name, "--assume-role-policy-document", "file://trust.json"
    )["Role"]  # fmt: skip
    assert role["Arn"] == f"arn:aws:iam::{system.account_id}:role/{name}"
    aws.text(
        "iam", "put-role-policy", "--role-name", name, "--policy-name", "read",
        "--policy-document", "file://policy.json",
    )  # fmt: skip
    aws.text("iam", "create-instance-profile", "--instance-profile-name", name)
    aws.text("iam", "add-role-to-instance-profile", "--instance-profile-name", name, "--role-name", name)
    aws.text("s3", "mb", f"s3://{bucket}")
    (tmp_path / "hello.txt").write_text("hello\n")
    aws.text("s3", "cp", "hello.txt", f"s3://{bucket}/hello.txt")
    launched = aws.json(
        "ec2", "run-instances", "--image-id", IMAGE_ID, "--iam-instance-profile", f"Name={name}",
        "--user-data", "file://app.sh",
    )  # fmt: skip
    instance_id = launched["Instances"][0]["InstanceId"]
    console = system.instances / instance_id / "console.log"
    until(lambda: console.exists() and "finished" in console.read_text(), "the user data ran", seconds=60)
    said = console.read_text().splitlines()
    assert said[0] == f"arn:aws:sts::{system.account_id}:assumed-role/{name}/{instance_id}"
    assert said[1] == "hello"
    assert "is not authorized to perform: s3:PutObject" in said[2]
    assert said[3] == "exit status 1"
    assert "is not authorized to perform: s3:ListBucket" in " ".join(said[4:-2])

    def state() -> str:
        return aws.text(
            "ec2", "describe-instances", "--instance-ids", instance_id,
            "--query", "Reservations[].Instances[].State.Name", "--output", "text",
        ).strip()  # fmt: skip

    until(lambda: state() == "stopped", "the instance stops with its main process")


def test_s3_commands_as_an_instance(instance_of: InstanceOf, tmp_path: Path) -> None:
    aws = Cli(instance_of(allow("s3:*")).client_environment(), tmp_path)
    bucket = fresh("cli")
    aws.text("s3", "mb", f"s3://{bucket}")
    folder = tmp_path / "site"
    (folder / "sub dir").mkdir(parents=True)
    (folder / "a+b.txt").write_text("plus")
    (folder / "sub dir" / "ü%.txt").write_text("odd")
    (folder / "empty").touch()
    big = os.urandom(17 * MIB)
    (folder / "big").write_bytes(big)
    for file in (folder / "a+b.txt", folder / "sub dir" / "ü%.txt", folder / "empty", folder / "big"):
        os.utime(file, (1_000_000_000, 1_000_000_000))  # `sync` compares times
    aws.text("s3", "cp", "site", f"s3://{bucket}/site", "--recursive")
    listing = aws.text("s3", "ls", f"s3://{bucket}/site/", "--recursive", "--summarize")
    assert "site/a+b.txt" in listing
    assert "site/sub dir/ü%.txt" in listing
    assert "Total Objects: 4" in listing
    aws.text("s3", "cp", f"s3://{bucket}/site", "again", "--recursive")
    assert (tmp_path / "again" / "big").read_bytes() == big
    assert (tmp_path / "again" / "sub dir" / "ü%.txt").read_text() == "odd"
    (folder / "a+b.txt").write_text("changed")
    synced = aws.text("s3", "sync", "site", f"s3://{bucket}/site", "--delete")
    assert (synced.count("upload: "), synced.count("delete: ")) == (1, 0)
    aws.text("s3", "cp", f"s3://{bucket}/site/big", f"s3://{bucket}/big copy")
    aws.text("s3", "mv", f"s3://{bucket}/big copy", f"s3://{bucket}/moved")
    assert aws.json("s3api", "head-object", "--bucket", bucket, "--key", "moved")["ContentLength"] == 17 * MIB
    aws.text("s3", "rm", f"s3://{bucket}", "--recursive")
    aws.text("s3", "rb", f"s3://{bucket}")
    assert "NoSuchBucket" in aws.refused("s3", "ls", f"s3://{bucket}")


def test_what_waits_for_100_continue_is_never_answered_without_it_on_a_living_connection(
    admin_cli: Cli, tmp_path: Path
) -> None:
    """The CLI takes the next answer on such a connection for one without an end, and waits for a minute."""
    bucket = fresh("expect")
    admin_cli.text("s3", "mb", f"s3://{bucket}")
    (tmp_path / "config").write_text("[default]\ns3 =\n  max_concurrent_requests = 1\n")
    one_by_one = admin_cli.having(AWS_CONFIG_FILE=str(tmp_path / "config"), AWS_MAX_ATTEMPTS="1")
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(6):
        (folder / str(number)).write_text("" if number % 2 == 0 else "content")
    patience = ("--cli-read-timeout", "5")
    one_by_one.text("s3", "cp", "files", f"s3://{bucket}", "--recursive", *patience)
    assert len(admin_cli.text("s3", "ls", f"s3://{bucket}").splitlines()) == 6


@pytest.mark.long
def test_dynamodb_and_sqs_commands_as_an_instance(
    system: RunningSystem, instance_of: InstanceOf, tmp_path: Path
) -> None:
    aws = Cli(instance_of(allow("dynamodb:*", "sqs:*")).client_environment(), tmp_path)
    # The AWS CLI v1 has a list of SQS's endpoints which it puts before AWS_ENDPOINT_URL.
    sqs = ("sqs", "--endpoint-url", system.endpoint)
    table, queue = fresh("cli"), fresh("cli")
    aws.text(
        "dynamodb", "create-table", "--table-name", table, "--billing-mode", "PAY_PER_REQUEST",
        "--key-schema", "AttributeName=id,KeyType=HASH",
        "--attribute-definitions", "AttributeName=id,AttributeType=S",
    )  # fmt: skip
    aws.text("dynamodb", "wait", "table-exists", "--table-name", table)
    key = '{"id": {"S": "1"}}'
    aws.text("dynamodb", "put-item", "--table-name", table, "--item", '{"id": {"S": "1"}, "n": {"N": "7"}}')
    assert aws.json("dynamodb", "get-item", "--table-name", table, "--key", key)["Item"]["n"] == {"N": "7"}
    assert aws.json("dynamodb", "scan", "--table-name", table)["Count"] == 1
    url = aws.json(*sqs, "create-queue", "--queue-name", queue)["QueueUrl"]
    assert url == f"{system.endpoint}/{system.account_id}/{queue}"
    aws.text(*sqs, "send-message", "--queue-url", url, "--message-body", "hello")
    message = aws.json(*sqs, "receive-message", "--queue-url", url)["Messages"][0]
    assert message["Body"] == "hello"
    aws.text(*sqs, "delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
    denied = aws.refused("iam", "list-roles")
    assert re.search(r"\(AccessDenied\).* is not authorized to perform: iam:ListRoles", denied)


def test_tabard_env_is_all_that_the_cli_needs(system: RunningSystem, tmp_path: Path) -> None:
    script = (
        f'eval "$({sys.executable} -m tabard.cli.main env --data-dir {system.data_dir})" && '
        f"{AWS} sts get-caller-identity --query Arn --output text"
    )
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # What was there before must not get in the way.
    environment |= {
        "AWS_PROFILE": "no-such-profile",
        "AWS_SESSION_TOKEN": "stale",
        "AWS_SECURITY_TOKEN": "stale",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stdout.strip() == f"arn:aws:iam::{system.account_id}:user/admin", done.stderr


@pytest.mark.long
def test_the_clis_waiters_and_pages(system: RunningSystem, admin_cli: Cli) -> None:
    aws, name = admin_cli, system.instance_profile_of()
    instance_id = system.launch("", instance_profile=name).instance_id
    aws.text("ec2", "wait", "instance-running", "--instance-ids", instance_id)
    roles = aws.json("iam", "list-roles", "--page-size", "1", "--query", "Roles[].RoleName")
    assert name in roles
    association = aws.json(
        "ec2", "describe-iam-instance-profile-associations",
        "--filters", f"Name=instance-id,Values={instance_id}",
    )["IamInstanceProfileAssociations"][0]  # fmt: skip
    aws.text("ec2", "disassociate-iam-instance-profile", "--association-id", association["AssociationId"])
    aws.text("ec2", "terminate-instances", "--instance-ids", instance_id)
    aws.text("ec2", "wait", "instance-terminated", "--instance-ids", instance_id)


@pytest.mark.long
def test_an_operator_makes_a_bounded_user_in_a_group(admin_cli: Cli, tmp_path: Path) -> None:
    aws, name = admin_cli, fresh("cli")
    (tmp_path / "list.json").write_text(json.dumps(allow("iam:List*")))
    (tmp_path / "boundary.json").write_text(json.dumps(allow("iam:ListUsers")))
    boundary = aws.text(
        "iam", "create-policy", "--policy-name", name, "--policy-document", "file://boundary.json",
        "--query", "Policy.Arn", "--output", "text",
    ).strip()  # fmt: skip
    aws.text("iam", "create-group", "--group-name", name)
    aws.text(
        "iam", "put-group-policy", "--group-name", name, "--policy-name", "list",
        "--policy-document", "file://list.json",
    )  # fmt: skip
    aws.text("iam", "create-user", "--user-name", name, "--permissions-boundary", boundary)
    aws.text("iam", "add-user-to-group", "--group-name", name, "--user-name", name)
    key = aws.json("iam", "create-access-key", "--user-name", name)["AccessKey"]
    own = aws.having(AWS_ACCESS_KEY_ID=key["AccessKeyId"], AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"])
    assert name in own.text("iam", "list-users", "--query", "Users[].UserName", "--output", "text").split()
    assert "because no permissions boundary allows" in own.refused("iam", "list-roles")
