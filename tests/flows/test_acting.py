"""Each command says whom it asks and as whom, acts as that one alone, and never asks AWS."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.flow_fixtures import AdminClient
from tests.support.production_shell import asked_beyond_loopback, asked_loopback, guarded, production_shell
from tests.support.running_system import (
    TABARD,
    RunningSystem,
    allow,
    bare_environment,
    ephemeral_tabard_up,
    fresh,
    tabard_up,
)

pytestmark = pytest.mark.flow

INSTANCE = "i-0123456789abcdef0"
Done = subprocess.CompletedProcess[str]


def tabard(environment: dict[str, str], *arguments: str) -> Done:
    return subprocess.run(
        [*TABARD, *arguments], env=environment, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "asked"


@pytest.fixture
def production(tmp_path: Path, notes: Path) -> dict[str, str]:
    """A guarded shell with production's keys, profiles and endpoints."""
    return guarded(
        bare_environment(**production_shell(tmp_path), XDG_DATA_HOME=str(tmp_path / "nothing")), notes
    )


@pytest.fixture(scope="module")
def lister(admin: AdminClient) -> dict[str, str]:
    """The keys of a user who may list hosts, and nothing else."""
    iam, name = admin("iam"), fresh("lister")
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name, PolicyName="list", PolicyDocument=json.dumps(allow("hosts:DescribeHosts"))
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "name": name,
    }


LOCAL_COMMANDS = [
    ("env",),
    ("host", "list"),
    ("host", "tokens"),
    ("host", "revoke", "h-00000000000000000"),
    ("fault", INSTANCE, "--rotate-now"),
    ("event", INSTANCE, "rebalance-recommendation"),
    ("reset",),
    ("identity-certificate",),
    ("audit",),
    ("organization", "show"),
]


@pytest.mark.parametrize("command", LOCAL_COMMANDS, ids=" ".join)
def test_the_local_admin_acts_whatever_the_shell_says_of_aws(
    system: RunningSystem, production: dict[str, str], notes: Path, command: tuple[str, ...]
) -> None:
    done = tabard(production, *command, "--data-dir", str(system.data_dir))
    assert "Traceback" not in done.stderr
    assert asked_beyond_loopback(notes) == set()
    if command[0] in ("host", "fault", "event"):
        admin_arn = f"arn:aws:iam::{system.account_id}:user/admin"
        assert f"tabard: system {system.endpoint} ({system.region}), principal {admin_arn}\n" in done.stderr
        assert asked_loopback(notes)


def test_a_run_of_its_own_asks_nobody_beyond_loopback(production: dict[str, str], notes: Path) -> None:
    """Neither the system that is started for it nor its command's launch does."""
    done = tabard(production, "run", "--driver", "process", "--", "true")
    assert done.returncode == 0, done.stderr
    assert "principal arn:aws:iam::111122223333:user/admin\n" in done.stderr
    assert asked_beyond_loopback(notes) == set()
    assert asked_loopback(notes)


CALLER_COMMANDS = [
    ("host", "list"),
    ("host", "tokens"),
    ("host", "token", "web", "--host-endpoint", "https://edge.example.com"),
    ("host", "revoke", "h-00000000000000000"),
    ("fault", INSTANCE, "--rotate-now"),
    ("event", INSTANCE, "rebalance-recommendation"),
    ("run", "--driver", "process", "--", "true"),
]


@pytest.mark.parametrize("command", CALLER_COMMANDS, ids=" ".join)
def test_the_callers_own_credentials_act_at_the_named_endpoint_without_a_data_directory(
    system: RunningSystem,
    production: dict[str, str],
    notes: Path,
    lister: dict[str, str],
    command: tuple[str, ...],
) -> None:
    arn = f"arn:aws:iam::{system.account_id}:user/{lister['name']}"
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        del production[name]
    production.update({name: lister[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")})
    production["AWS_ENDPOINT_URL"] = system.endpoint
    production |= {"AWS_REGION": system.region, "AWS_DEFAULT_REGION": system.region}
    done = tabard(production, *command)
    assert f"tabard: system {system.endpoint} ({system.region}), principal {arn}\n" in done.stderr
    assert asked_beyond_loopback(notes) == set()
    assert "Traceback" not in done.stderr
    if command == ("host", "list"):
        assert (done.returncode, "local" in done.stdout) == (0, True)
    else:
        # A least-privilege caller is denied by the policy engine, in its own name.
        assert done.returncode == 2
        assert "AccessDenied" in done.stderr
        assert f"{arn} is not authorized to perform" in done.stderr


def test_a_profile_acts_and_may_assume_a_role_of_the_system(
    system: RunningSystem,
    admin: AdminClient,
    production: dict[str, str],
    notes: Path,
    lister: dict[str, str],
    tmp_path: Path,
) -> None:
    iam, role = admin("iam"), fresh("operator")
    user = f"arn:aws:iam::{system.account_id}:user/{lister['name']}"
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(
        RoleName=role,
        PolicyName="list",
        PolicyDocument=json.dumps(allow("hosts:DescribeJoinTokens", "hosts:DescribeHosts")),
    )
    config = tmp_path / "own-config"
    config.write_text(
        f"[profile lister]\naws_access_key_id = {lister['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {lister['AWS_SECRET_ACCESS_KEY']}\n"
        f"[profile operator]\nregion = {system.region}\nignore_configured_endpoint_urls = true\n"
        f"role_arn = arn:aws:iam::{system.account_id}:role/{role}\n"
        f"role_session_name = ops\nsource_profile = lister\nendpoint_url = {system.endpoint}\n"
    )
    production |= {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    del production["AWS_DEFAULT_REGION"]  # botocore heeds it before a profile's region
    for command in ("tokens", "list"):
        done = tabard(production, "host", command, "--profile", "operator")
        assert done.returncode == 0, done.stderr
    session = f"arn:aws:sts::{system.account_id}:assumed-role/{role}/ops"
    assert f"system {system.endpoint} ({system.region}), principal {session}\n" in done.stderr
    assert asked_beyond_loopback(notes) == set()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--profile", "of-aws"), "is AWS's own endpoint, and tabard never calls AWS"),
        (("--profile", "production"), "has no endpoint_url; name the system with --endpoint"),
        (("--profile", "nowhere"), "has no endpoint_url; name the system with --endpoint"),
        (("--profile", "sign-on"), "has no endpoint_url; name the system with --endpoint"),
        (("--endpoint", "https://hosts.us-east-1.amazonaws.com"), "is AWS's own endpoint"),
        (("--endpoint", "http://127.0.0.1:1", "--data-dir", "/nowhere"), "give one of the two"),
        (("--endpoint", "http://127.0.0.1:1", "--profile", "sign-on"), "tabard: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_no_profile_and_no_option_leads_to_aws(
    production: dict[str, str], notes: Path, options: tuple[str, ...], sentence: str
) -> None:
    production["AWS_ENDPOINT_URL"] = ""
    for command in (("host", "list"), ("run", "--", "true"), ("fault", INSTANCE, "--rotate-now")):
        at = 1 if command[0] == "run" else len(command)
        done = tabard(production, *command[:at], *options, *command[at:])
        assert done.returncode == 2, done.stderr
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
        assert asked_beyond_loopback(notes) == set()


def test_the_guard_sees_who_asks_aws(production: dict[str, str], notes: Path) -> None:
    """The tests above can fail."""
    program = "import boto3; boto3.client('sts').get_caller_identity()"
    del production["AWS_PROFILE"], production["HTTPS_PROXY"], production["HTTP_PROXY"]
    subprocess.run(
        [TABARD[0], "-c", program], env=production, capture_output=True, text=True, timeout=60, check=False
    )
    assert any(host.endswith(("amazonaws.com", "api.aws")) for host in asked_beyond_loopback(notes))


def test_reset_refuses_where_the_shell_names_another_system(system: RunningSystem, tmp_path: Path) -> None:
    with ephemeral_tabard_up(tmp_path) as other:
        environment = bare_environment(XDG_DATA_HOME=str(tmp_path), AWS_ENDPOINT_URL=system.endpoint)
        refused = tabard(environment, "reset")
        assert refused.returncode == 2
        assert (
            f"AWS_ENDPOINT_URL names {system.endpoint}, but the system on this machine is {other.endpoint}"
            in (refused.stderr)
        )


def test_the_admins_key_rotates_and_commands_go_on(tmp_path: Path) -> None:
    with tabard_up(tmp_path / "data") as system:
        option = ("--data-dir", str(system.data_dir))
        done = tabard(bare_environment(), "admin", "rotate-key", *option)
        assert done.returncode == 0, done.stderr
        assert f"principal arn:aws:iam::{system.account_id}:user/admin\n" in done.stderr
        held = json.loads((system.data_dir / "admin.json").read_text())
        assert held["access_key_id"] != system.access_key_id
        assert held["secret_access_key"] not in done.stderr + done.stdout
        assert (system.data_dir / "admin.json").stat().st_mode & 0o777 == 0o600
        listed = tabard(bare_environment(), "host", "list", *option)
        assert listed.returncode == 0, listed.stderr
        key = {
            "aws_access_key_id": held["access_key_id"],
            "aws_secret_access_key": held["secret_access_key"],
        }
        (only,) = system.client("iam", **key).list_access_keys()["AccessKeyMetadata"]
        assert only["AccessKeyId"] == held["access_key_id"]
    # The next start takes the key as it is, and brings the former one back to nobody.
    with tabard_up(tmp_path / "data") as again:
        assert again.access_key_id == held["access_key_id"]
        assert len(again.client("iam").list_access_keys()["AccessKeyMetadata"]) == 1
        assert tabard(bare_environment(), "admin", "rotate-key", *option).returncode == 0
        # A key that somebody else takes away is said to be that, with what to do.
        held = json.loads((again.data_dir / "admin.json").read_text())
        key = {
            "aws_access_key_id": held["access_key_id"],
            "aws_secret_access_key": held["secret_access_key"],
        }
        again.client("iam", **key).delete_access_key(AccessKeyId=held["access_key_id"])
        refused = tabard(bare_environment(), "host", "list", *option)
        assert refused.returncode == 2
        assert "The local admin's key in admin.json is no longer valid" in refused.stderr
