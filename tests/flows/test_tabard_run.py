"""`tabard run`: one command as an instance, with nothing but its role."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.flow_fixtures import AdminClient
from tests.support.running_system import (
    TABARD,
    RunningSystem,
    allow,
    bare_environment,
    end,
    ephemeral_tabard_up,
    fresh,
    until,
)

pytestmark = pytest.mark.flow

WHO = """
import boto3, json
session = boto3.Session()
credentials = session.get_credentials()
arn = session.client("sts").get_caller_identity()["Arn"] if credentials else ""
print(json.dumps({"method": credentials and credentials.method, "arn": arn}))
"""
EXAMPLE_KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
DEAD_PROXY = "http://127.0.0.1:9"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def tabard_run(
    system: RunningSystem, *arguments: str, seconds: float = 60.0, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """`tabard run` against a running system."""
    return subprocess.run(
        [*TABARD, "run", "--data-dir", str(system.data_dir), *arguments],
        env=bare_environment(**variables),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def split(stderr: str) -> tuple[list[str], list[str]]:
    """What the command wrote, and what Tabard said of the system, driver, instance and requests."""
    announced = ("tabard: system ", "tabard: driver ", "tabard: instance i-", "tabard: requests: ")
    lines = stderr.splitlines()
    return (
        [line for line in lines if not line.startswith(announced)],
        [line for line in lines if line.startswith(announced)],
    )


def leftovers(system: RunningSystem) -> list[str]:
    """Roles and instance profiles that a run made for itself."""
    iam = system.client("iam")
    roles = [role["RoleName"] for role in iam.list_roles(MaxItems=1000)["Roles"]]
    profiles = iam.list_instance_profiles(MaxItems=1000)["InstanceProfiles"]
    names = [*roles, *(profile["InstanceProfileName"] for profile in profiles)]
    return [name for name in names if name.startswith("tabard-run-")]


def state_of(system: RunningSystem, instance_id: str) -> str:
    """The state of an instance, or `gone` where it is not known any more."""
    found = system.client("ec2").describe_instances(
        Filters=[{"Name": "instance-id", "Values": [instance_id]}]
    )["Reservations"]
    return str(found[0]["Instances"][0]["State"]["Name"]) if found else "gone"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "list buckets (1).json"
    file.write_text(json.dumps(allow("s3:ListAllMyBuckets")))
    return file


@pytest.fixture
def decoys(tmp_path: Path) -> dict[str, str]:
    """Keys in every place where SDKs look before they ask the metadata service."""
    key_id, secret = EXAMPLE_KEY
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    keys = f"aws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
    (home / ".aws" / "credentials").write_text(f"[default]\n{keys}[decoy]\n{keys}")
    (home / ".aws" / "config").write_text(
        f"[default]\n{keys}credential_process = echo {{}}\nendpoint_url = {DEAD_PROXY}\nregion = eu-west-3\n"
        f"[profile decoy]\n{keys}ec2_metadata_v1_disabled = true\n"
    )
    token = tmp_path / "token"
    token.write_text("decoy")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(f"AWSAccessKeyId={key_id}\nAWSSecretKey={secret}\n")
    return {
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": "decoy",
        "AWS_SECURITY_TOKEN": "decoy",
        "AWS_PROFILE": "decoy",
        "AWS_DEFAULT_PROFILE": "decoy",
        "AWS_CONFIG_FILE": str(home / ".aws" / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / ".aws" / "credentials"),
        "AWS_CREDENTIAL_FILE": str(elsewhere),
        "AWS_CREDENTIAL_EXPIRATION": "2099-01-01T00:00:00Z",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/decoy",
        "AWS_ROLE_SESSION_NAME": "decoy",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/decoy",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{DEAD_PROXY}/decoy",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "decoy",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": DEAD_PROXY,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv6",
        "AWS_ENDPOINT_URL": DEAD_PROXY,
        "AWS_ENDPOINT_URL_STS": DEAD_PROXY,
        "AWS_ENDPOINT_URL_S3": DEAD_PROXY,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_USE_FIPS_ENDPOINT": "true",
        **dict.fromkeys(PROXIES, DEAD_PROXY),
        "TABARD_ADMIN_ACCESS_KEY_ID": key_id,
        "TABARD_ADMIN_SECRET_ACCESS_KEY": secret,
    }


def test_the_instances_role_is_found_behind_every_decoy(
    system: RunningSystem, policy: Path, decoys: dict[str, str]
) -> None:
    done = tabard_run(system, "--policy", str(policy), "--", sys.executable, "-c", WHO, **decoys)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["method"] == "iam-role"
    assert said["arn"].startswith(f"arn:aws:sts::{system.account_id}:assumed-role/tabard-run-")
    instance_id = said["arn"].rpartition("/")[2]
    assert instance_id.startswith("i-")
    # And what the run made is taken back.
    assert leftovers(system) == []
    assert state_of(system, instance_id) in ("terminated", "gone")


def test_a_boto_file_at_home_is_one_more_decoy(system: RunningSystem, policy: Path, tmp_path: Path) -> None:
    """botocore still reads ~/.boto, unless BOTO_CONFIG names another."""
    key_id, secret = EXAMPLE_KEY
    (tmp_path / ".boto").write_text(
        f"[Credentials]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
    )
    done = tabard_run(system, "--policy", str(policy), "--", sys.executable, "-c", WHO, HOME=str(tmp_path))
    assert json.loads(done.stdout or "{}").get("method") == "iam-role", done.stderr


@pytest.mark.parametrize("client", ["aws", "env"])
def test_no_decoy_reaches_the_command(
    system: RunningSystem, policy: Path, decoys: dict[str, str], client: str
) -> None:
    aws = str(Path(sys.executable).with_name("aws"))
    command = {"aws": [aws, "sts", "get-caller-identity"], "env": ["env"]}[client]
    done = tabard_run(system, "--policy", str(policy), "--", *command, **decoys)
    assert done.returncode == 0, done.stderr
    assert EXAMPLE_KEY[0] not in done.stdout
    if client == "aws":
        assert ":assumed-role/tabard-run-" in done.stdout
    else:
        given = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        kept = {name for name in decoys if given.get(name) == decoys[name]}
        assert kept <= {"HOME", *PROXIES}  # which lead nowhere that is ours, see NO_PROXY
        assert {"169.254.169.254", "169.254.169.253"} <= set(given["NO_PROXY"].split(","))


def test_the_policies_are_what_the_command_may_do(
    system: RunningSystem, admin: AdminClient, tmp_path: Path, policy: Path
) -> None:
    bucket = fresh("run")
    admin("s3").create_bucket(Bucket=bucket)
    second = tmp_path / "put.json"
    second.write_text(json.dumps(allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/*")))
    program = f"""
import boto3
from botocore.exceptions import ClientError
s3 = boto3.client("s3")
s3.list_buckets()
s3.put_object(Bucket={bucket!r}, Key="k", Body=b"x")
try:
    s3.delete_object(Bucket={bucket!r}, Key="k")
except ClientError as error:
    print(error.response["Error"]["Code"])
"""
    policies = ("--policy", str(policy), "--policy", str(second))
    done = tabard_run(system, *policies, "--", sys.executable, "-c", program)
    assert done.stdout == "AccessDenied\n", done.stderr
    assert admin("s3").head_object(Bucket=bucket, Key="k")["ContentLength"] == 1


def test_an_instance_profile(system: RunningSystem) -> None:
    profile = system.instance_profile_of()
    done = tabard_run(system, "--instance-profile", profile, "--", sys.executable, "-c", WHO)
    assert f":assumed-role/{profile}/i-" in json.loads(done.stdout)["arn"], done.stderr


def test_neither_policy_nor_instance_profile_is_an_instance_without_a_role(
    system: RunningSystem, decoys: dict[str, str]
) -> None:
    done = tabard_run(system, "--", sys.executable, "-c", WHO, **decoys)
    assert json.loads(done.stdout) == {"method": None, "arn": ""}, done.stderr


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -TERM $$"), 128 + signal.SIGTERM),
        (("no-such-command",), 127),
        (("./no-such-command",), 127),
        (("/etc/passwd",), 126),
    ],
)
def test_the_exit_status_is_the_commands(
    system: RunningSystem, command: tuple[str, ...], status: int
) -> None:
    done = tabard_run(system, "--", *command)
    assert done.returncode == status, done.stderr


def test_the_command_runs_in_the_callers_folder_with_its_input_and_output(
    system: RunningSystem, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*TABARD, "run", "--data-dir", str(system.data_dir), "sh", "-c", "pwd; cat; echo e >&2; echo $KEPT"],
        env=bare_environment(KEPT="kept"),
        input="from stdin\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout == f"{tmp_path}\nfrom stdin\nkept\n"
    said, announced = (set(lines) for lines in split(done.stderr))
    assert said == {"e"}
    assert len(announced) == 4


def test_the_run_names_its_system_warns_of_the_policy_and_ends_with_a_summary(
    system: RunningSystem, tmp_path: Path
) -> None:
    doubtful = tmp_path / "doubtful.json"
    document = allow("s3:ListAllMyBuckets")
    condition = {"StringEquals": {"aws:TagKeys": "team"}}
    document["Statement"] += allow("iam:CreateUser", Condition=condition)["Statement"]
    doubtful.write_text(json.dumps(document))
    program = """
import boto3
from botocore.exceptions import ClientError
s3 = boto3.client("s3")
s3.list_buckets()
s3.list_buckets()
for call in (s3.create_bucket, s3.get_bucket_acl):
    try:
        call(Bucket="denied")
    except ClientError as error:
        print(error.response["Error"]["Code"])
raise SystemExit(9)
"""
    done = tabard_run(system, "--policy", str(doubtful), "--", sys.executable, "-c", program)
    assert (done.returncode, done.stdout) == (9, "AccessDenied\nNotImplemented\n"), done.stderr
    assert f"tabard: {doubtful}:1:" in done.stderr
    assert ": warning: aws:TagKeys is multivalued" in done.stderr
    (said_system, _, said_instance, summary) = split(done.stderr)[1]
    assert said_system.startswith(f"tabard: system {system.endpoint} ({system.region}), which is running, ")
    instance_id = said_instance.split()[-1]
    counts = "requests: 2 allowed, 1 denied, 1 not offered"
    more = f"tabard audit --instance {instance_id} --data-dir {system.data_dir}"
    assert summary == f"tabard: {counts}; more: {more}"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--instance-profile", "no-such-profile"), "no-such-profile"),
        (("--policy", "{bad}"), "bad.json:1:15: error: MalformedPolicyDocument: Syntax errors in policy."),
        (("--policy", "{good}", "--instance-profile", "p"), "exclude each other"),
        (("--policy", "no-such-file.json"), "no-such-file.json"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(
    system: RunningSystem, policy: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"Statement": "everything"}')
    given = [argument.format(bad=bad, good=policy) for argument in arguments]
    done = tabard_run(system, *given, "--", "true")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert leftovers(system) == []


class Running:
    """A `tabard run` of a program that says `ready`, in a process group of its own, as a shell starts it."""

    PROGRAM = """
import boto3, signal, sys, time
def end(number, frame):
    boto3.client("s3").list_buckets()
    print("ended by", number, flush=True)
    sys.exit(40 + number)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, end)
boto3.client("s3").list_buckets()
print("ready", flush=True)
time.sleep(60)
"""

    def __init__(self, *options: str, output: Path, **variables: str) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [*TABARD, "run", *options, "--", sys.executable, "-c", self.PROGRAM],
                env=bare_environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def until_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            return "ready" in self.output.read_text()

        until(is_ready, "the command runs", seconds=60)

    def ended(self) -> int:
        try:
            return self.process.wait(30)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def test_ctrl_c_is_the_commands(system: RunningSystem, policy: Path, tmp_path: Path) -> None:
    options = ("--data-dir", str(system.data_dir), "--policy", str(policy))
    running = Running(*options, output=tmp_path / "output")
    running.until_ready()
    os.killpg(running.process.pid, signal.SIGINT)  # what a terminal does
    assert running.ended() == 42
    assert "ended by 2" in running.output.read_text()
    assert leftovers(system) == []


def test_sigterm_ends_the_command_and_takes_everything_back(
    system: RunningSystem, policy: Path, tmp_path: Path
) -> None:
    options = ("--data-dir", str(system.data_dir), "--policy", str(policy))
    running = Running(*options, output=tmp_path / "output")
    running.until_ready()
    running.process.send_signal(signal.SIGTERM)
    assert running.ended() == 128 + signal.SIGTERM
    assert "ended by 15" in running.output.read_text()
    assert leftovers(system) == []


def children_of(pid: int) -> set[int]:
    """The processes below one, all the way down."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= {int(child)} | children_of(int(child))
    return found


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are looked up in /proc")
def test_where_no_system_runs_one_is_started_for_the_run(policy: Path, tmp_path: Path) -> None:
    """And Ctrl-C leaves it up until the command has ended; then nothing of it is left."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "xdg").mkdir()
    running = Running(
        "--policy", str(policy), output=tmp_path / "output",
        TMPDIR=str(tmp_path / "tmp"), XDG_DATA_HOME=str(tmp_path / "xdg"),
    )  # fmt: skip
    running.until_ready()
    below = children_of(running.process.pid)
    assert len(below) > 3
    os.killpg(running.process.pid, signal.SIGINT)
    assert running.ended() == 42, running.output.read_text()
    said = running.output.read_text()
    assert "ended by 2" in said
    assert ", started for this run, principal " in said
    assert "tabard: requests: 2 allowed, 0 denied, 0 not offered\n" in said
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "xdg").iterdir()) == []


def test_two_runs_without_a_running_system_share_none(policy: Path, tmp_path: Path) -> None:
    """The second finds no buckets of the first's, and goes on when the first ends."""
    (tmp_path / "tmp").mkdir()
    mine = {"TMPDIR": str(tmp_path / "tmp"), "XDG_DATA_HOME": str(tmp_path / "xdg")}
    first = Running("--policy", str(policy), output=tmp_path / "first", **mine)
    second = None
    try:
        first.until_ready()
        second = Running("--policy", str(policy), output=tmp_path / "second", **mine)
        second.until_ready()
        os.killpg(first.process.pid, signal.SIGINT)
        assert first.ended() == 42, first.output.read_text()
        os.killpg(second.process.pid, signal.SIGINT)  # it lists buckets once more before it ends
        assert second.ended() == 42, second.output.read_text()
    finally:
        for running in (first, second):
            if running is not None and running.process.poll() is None:
                os.killpg(running.process.pid, signal.SIGKILL)
                running.process.wait()


@pytest.mark.parametrize("how", ["reset", "ended"])
def test_a_system_that_forgets_a_run_leaves_the_command_its_status(
    policy: Path, tmp_path: Path, how: str
) -> None:
    with ephemeral_tabard_up(tmp_path) as system:
        program = (sys.executable, "-c", "print('ready', flush=True); input(); raise SystemExit(7)")
        with subprocess.Popen(
            [*TABARD, "run", "--data-dir", str(system.data_dir), "--policy", str(policy), "--", *program],
            env=bare_environment(XDG_DATA_HOME=str(tmp_path), TMPDIR=str(tmp_path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            try:
                assert run.stdout is not None
                assert run.stdout.readline() == "ready\n"
                if how == "reset":
                    reset = [*TABARD, "reset", "--data-dir", str(system.data_dir)]
                    subprocess.run(reset, env=bare_environment(), check=True, capture_output=True, timeout=60)
                else:
                    assert end(system.process) == 0
                _, said = run.communicate("\n", timeout=60)
            finally:
                run.kill()
    assert run.returncode == 7, said
    assert "Traceback" not in said
    assert "{" not in said  # sentences, between a command's own lines
    assert ("not everything that this run created was removed" in said) is (how == "ended")
