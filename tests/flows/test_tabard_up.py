"""`tabard up`, `env` and `reset`: settings, restarts, and what an operator is told."""

import json
import os
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tabard.cli.main import app
from tests.support.refusal import refusal
from tests.support.running_system import (
    SLEEPER,
    TABARD,
    RunningSystem,
    allow,
    bare_environment,
    end,
    ephemeral_tabard_up,
    fresh,
    tabard_up,
    until,
)

pytestmark = pytest.mark.flow


@pytest.fixture(autouse=True)
def no_settings_of_the_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TABARD_"):
            monkeypatch.delenv(name)


ADMIN_KEY = "AKIAIOSFODNN7EXAMPLE"
ADMIN_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def tabard(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A `tabard` command that ends by itself."""
    return subprocess.run(
        [*TABARD, *arguments],
        env=bare_environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def health(system: RunningSystem) -> dict[str, object]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{system.health}/health") as answer:
        report: dict[str, object] = json.loads(answer.read())
        return report


def test_settings_are_options_or_variables_and_a_restart_keeps_iam_and_s3(data_dir: Path) -> None:
    options = ("--account-id", "444455556666", "--edges", "2", "--root-access-key")
    variables = {
        "TABARD_REGION": "eu-central-1",
        "TABARD_ADMIN_ACCESS_KEY_ID": ADMIN_KEY,
        "TABARD_ADMIN_SECRET_ACCESS_KEY": ADMIN_SECRET,
        "TABARD_SESSION_LIFETIME_SECONDS": "1200",
    }
    with tabard_up(data_dir, *options, **variables) as first:
        assert (first.access_key_id, first.secret_access_key) == (ADMIN_KEY, ADMIN_SECRET)
        assert (first.account_id, first.region) == ("444455556666", "eu-central-1")
        sts = first.client("sts")
        assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::444455556666:user/admin"
        root = json.loads((data_dir / "root.json").read_text())
        keys = {
            "aws_access_key_id": root["access_key_id"],
            "aws_secret_access_key": root["secret_access_key"],
        }
        assert first.client("sts", **keys).get_caller_identity()["Arn"].endswith(":root")
        profile = first.instance_profile_of(allow("s3:*"))
        instance = first.launch(SLEEPER, instance_profile=profile)
        instance.client("s3").create_bucket(
            Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        s3 = first.client("s3")
        s3.put_object(Bucket="kept", Key="k", Body=b"kept")
        assert s3.get_bucket_location(Bucket="kept")["LocationConstraint"] == "eu-central-1"
        again = refusal(
            s3.create_bucket,
            Bucket="kept",
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )
        assert again == ("BucketAlreadyOwnedByYou", 409)  # only us-east-1 lets it pass
        first.client("dynamodb").create_table(TableName="forgotten", **TABLE)
        queue = first.client("sqs").create_queue(QueueName="forgotten")["QueueUrl"]
        assert queue.startswith(f"{first.endpoint}/444455556666/")
        banner = first.log.read_text()
        for words in ("signatures verified", "default deny", "bypasses: none", first.endpoint, first.health,
                      "isolation", "444455556666", "eu-central-1", "memory"):  # fmt: skip
            assert words in banner
        assert ADMIN_SECRET not in banner
        assert health(first)["status"] == "ok"
        in_use = tabard("up", "--data-dir", str(data_dir), "--port", "0", "--health-port", "0")
        assert (in_use.returncode, "in use" in in_use.stderr) == (1, True)
        last = sts.get_caller_identity()["ResponseMetadata"]["RequestId"]
    assert not (data_dir / "running.json").exists()
    # Both edges ended by themselves, after they had written the events of their last requests.
    for name in ("edge-0", "edge-1"):
        assert '"event": "edge_stopped"' in (data_dir / "logs" / f"{name}.log").read_text()
    events = json.loads(tabard("audit", "--data-dir", str(data_dir), "--json").stdout)
    assert events["events"][-1]["request_id"] == last
    conflict = tabard("up", "--data-dir", str(data_dir), "--port", "0", "--health-port", "0")
    assert conflict.returncode == 1
    assert "belongs to account 444455556666" in conflict.stderr
    with tabard_up(data_dir, TABARD_ACCOUNT_ID="444455556666", TABARD_REGION="eu-central-1") as second:
        # The admin's key is kept, the root's is gone: it was not asked for.
        assert second.access_key_id == ADMIN_KEY
        assert refusal(second.client("sts", **keys).get_caller_identity) == ("InvalidClientTokenId", 403)
        assert not (data_dir / "root.json").exists()
        assert second.client("s3").get_object(Bucket="kept", Key="k")["Body"].read() == b"kept"
        assert second.client("iam").get_role(RoleName=profile)["Role"]["RoleName"] == profile
        assert second.client("dynamodb").list_tables()["TableNames"] == []
        assert second.client("sqs").list_queues().get("QueueUrls") is None
        described = second.client("ec2").describe_instances(InstanceIds=[instance.instance_id])
        state = described["Reservations"][0]["Instances"][0]["State"]["Name"]
        assert state == "stopped"  # it ended with its host's agent


def test_an_ephemeral_system_is_found_reset_and_gone_at_the_end(tmp_path: Path) -> None:
    mine = {"XDG_DATA_HOME": str(tmp_path)}
    with ephemeral_tabard_up(tmp_path) as system:
        assert f"export AWS_ENDPOINT_URL={system.endpoint}\n" in tabard("env", **mine).stdout
        profile = system.instance_profile_of(allow("s3:*"))
        instance = system.launch(SLEEPER, instance_profile=profile)
        session = instance.session()
        s3 = session.client("s3")
        s3.create_bucket(Bucket="gone")
        s3.put_object(Bucket="gone", Key="k", Body=b"x")
        system.client("dynamodb").create_table(TableName="gone", **TABLE)
        system.client("sqs").create_queue(QueueName="gone")
        done = tabard("reset", **mine)
        assert done.returncode == 0, done.stderr
        assert system.client("s3").list_buckets()["Buckets"] == []
        assert system.client("dynamodb").list_tables()["TableNames"] == []
        assert system.client("sqs").list_queues().get("QueueUrls") is None
        assert system.client("iam").list_roles()["Roles"] == []
        assert system.client("ec2").describe_instances()["Reservations"] == []
        assert refusal(s3.list_buckets)[1] in (400, 403)  # the session went with its role
        # And it works as before.
        system.client("s3").create_bucket(Bucket="gone")
        after = system.launch(SLEEPER, instance_profile=system.instance_profile_of(allow("s3:*")))
        assert [item["Name"] for item in after.client("s3").list_buckets()["Buckets"]] == ["gone"]
        assert "everything" in system.log.read_text()
    assert system.process.returncode == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["up.log"]
    assert tabard("reset", **mine).returncode == 2
    assert "no tabard is running" in tabard("env", **mine).stderr


def test_a_data_directory_means_the_same_for_an_ephemeral_system_and_for_every_command(
    tmp_path: Path,
) -> None:
    """A script that sets TABARD_DATA_DIR finds the system that it started, an ephemeral one too."""
    mine = {"TABARD_DATA_DIR": str(tmp_path / "ci")}
    with ephemeral_tabard_up(tmp_path, name="ci", **mine) as system:
        assert f"export AWS_ENDPOINT_URL={system.endpoint}\n" in tabard("env", **mine).stdout
        ran = tabard("run", "--driver", "process", "--", "true", **mine)
        assert ran.returncode == 0, ran.stderr
        assert f"tabard: system {system.endpoint} " in ran.stderr
        assert tabard("reset", **mine).returncode == 0
        assert "no tabard is running" in tabard("env", TABARD_DATA_DIR=str(tmp_path / "other")).stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["up.log"]  # ci was not made, and its file is gone


def test_only_an_ephemeral_system_is_reset(system: RunningSystem) -> None:
    name = fresh("kept")
    system.client("s3").create_bucket(Bucket=name)
    done = tabard("reset", "--data-dir", str(system.data_dir))
    assert done.returncode == 2
    assert "this system is not ephemeral" in done.stderr
    system.client("s3").head_bucket(Bucket=name)


def test_env(system: RunningSystem) -> None:
    done = tabard("env", TABARD_DATA_DIR=str(system.data_dir))
    assert done.returncode == 0
    exported = dict(
        line.removeprefix("export ").split("=", 1)
        for line in done.stdout.splitlines()
        if line.startswith("export ")
    )
    assert exported == {
        "AWS_ENDPOINT_URL": system.endpoint,
        "AWS_REGION": system.region,
        "AWS_DEFAULT_REGION": system.region,
        "AWS_ACCESS_KEY_ID": system.access_key_id,
        "AWS_SECRET_ACCESS_KEY": system.secret_access_key,
    }
    assert system.endpoint.startswith("http://127.0.0.1:")


def test_a_misspelt_variable_is_said_and_ignored(data_dir: Path) -> None:
    variables = {"TABARD_LAUNCHUID": "1000", "TABARD_ADDRESS": "0.0.0.0"}
    done = CliRunner().invoke(app, ["up", "--data-dir", str(data_dir)], env=variables)
    first, second = done.output.splitlines()
    assert first == "tabard: TABARD_LAUNCHUID is no setting of this version and is ignored"
    assert "not a loopback address" in second


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--address", "0.0.0.0"), "not a loopback address"),
        (("--account-id", "12"), "twelve digits"),
        (("--region", "Mars"), "region"),
        (("--port", "70000"), "port"),
        (("--session-lifetime-seconds", "60"), "session_lifetime_seconds"),
        (("--launch-uid", "1000"), "together"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_one_sentence(
    data_dir: Path, options: tuple[str, ...], sentence: str
) -> None:
    done = CliRunner().invoke(app, ["up", "--data-dir", str(data_dir), *options])
    assert (done.exit_code, sentence in done.output) == (2, True), done.output
    assert len(done.output.splitlines()) == 1
    assert not data_dir.exists()


def test_a_port_in_use_and_an_unsafe_folder_are_refused_in_one_sentence(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = tabard("up", "--data-dir", str(data_dir), "--port", port, "--health-port", "0")
    assert (done.returncode, "cannot listen" in done.stderr) == (1, True), done.stderr
    assert "choose another with --port" in done.stderr
    data_dir.chmod(0o755)
    done = tabard("up", "--data-dir", str(data_dir), "--port", "0", "--health-port", "0")
    assert (done.returncode, "it must be 0700" in done.stderr) == (1, True), done.stderr


def test_ctrl_c_while_it_starts_leaves_nothing_running(data_dir: Path) -> None:
    process = subprocess.Popen(
        [*TABARD, "up", "--data-dir", str(data_dir), "--port", "0", "--health-port", "0"],
        env=bare_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            until((data_dir / "lock").exists, "its start has begun")
        finally:
            end(process)
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()
    assert process.returncode == 0
    running = subprocess.run(["pgrep", "-f", str(data_dir)], capture_output=True, text=True, check=False)
    assert running.stdout == ""
