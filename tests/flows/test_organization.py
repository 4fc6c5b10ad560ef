"""An organization over a running system: its control policies bind at once, and instances go on."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import (
    SLEEPER,
    TABARD,
    RunningSystem,
    allow,
    bare_environment,
    fresh,
    tabard_up,
    until,
)

pytestmark = pytest.mark.flow

DENIED = ("AccessDenied", 403)
ACCOUNT = "111122223333"


def organization(
    *policies: tuple[str, str, object], management_account: str = "999988887777"
) -> dict[str, object]:
    """An organization in which these policies (name, type, document) are attached to a unit."""
    attached = {
        kind.replace("-", "_"): [name for name, other, _ in policies if other == kind]
        for kind in ("service-control", "resource-control")
    }
    unit = {
        "id": "ou-root-workload1",
        "accounts": [{"id": ACCOUNT}],
        "resource_control": attached["resource_control"],
        "service_control": ["FullAWSAccess", *attached["service_control"]],
    }
    return {
        "id": "o-exampleorg1",
        "management_account": management_account,
        "policies": [{"name": name, "type": kind, "document": document} for name, kind, document in policies],
        "root": {"id": "r-root", "units": [unit]},
    }


def denying(action: str, **more: object) -> dict[str, object]:
    statement = {"Effect": "Deny", "Action": action, "Resource": "*", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def allowed(call: Callable[..., object], **arguments: object) -> bool:
    """Whether a call is not refused."""
    try:
        call(**arguments)
    except ClientError:
        return False
    return True


NO_BUCKETS = ("no buckets", "service-control", denying("s3:CreateBucket"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("organization") / "organization.json"
    path.write_text(json.dumps(organization(NO_BUCKETS)))
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, file: Path) -> Iterator[RunningSystem]:
    """A system that is started with the file."""
    folder = tmp_path_factory.mktemp("governed") / "data"
    with tabard_up(folder, "--organization-file", str(file)) as running:
        yield running


def command(system: RunningSystem, *arguments: str) -> str:
    done = subprocess.run(
        [*TABARD, "organization", *arguments, "--data-dir", str(system.data_dir)],
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_control_policies_bind_follow_each_change_and_leave_instances_their_sessions(
    own: RunningSystem, file: Path
) -> None:
    s3, sqs = own.client("s3"), own.client("sqs")
    code, status, message = refusal_in_full(s3.create_bucket, Bucket=fresh("governed"))
    assert (code, status) == DENIED
    assert "with an explicit deny in a service control policy" in message
    sqs.list_queues()
    assert "unit ou-root-workload1: FullAWSAccess, no buckets" in command(own, "show")

    allowed_alone = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:*", "iam:*", "ec2:*"], "Resource": "*"}],
    }
    tree = organization(("some", "service-control", allowed_alone))
    tree["root"]["units"][0]["service_control"] = ["some"]
    file.write_text(json.dumps(tree))
    command(own, "apply", str(file))
    until(lambda: refusal(sqs.list_queues) == DENIED, "the edge sees the organization", seconds=5)
    assert "because no service control policy allows" in refusal_in_full(sqs.list_queues)[2]
    bucket = fresh("governed")
    s3.create_bucket(Bucket=bucket)

    # Neither hosts:* nor sts:AssumeRole is allowed: hosts and EC2 are no users or roles of the account.
    profile = own.instance_profile_of(allow("s3:*", "sqs:*"))
    instance = own.launch(SLEEPER, instance_profile=profile)
    instance.client("s3").list_objects_v2(Bucket=bucket)
    assert refusal(instance.client("sqs").list_queues) == DENIED

    ours = denying(
        "s3:GetObject",
        Principal="*",
        Condition={"StringNotEquals": {"aws:PrincipalTag/team": "blue"}},
    )
    file.write_text(json.dumps(organization(("ours", "resource-control", ours))))
    command(own, "apply", str(file))
    until(lambda: allowed(sqs.list_queues), "the edge sees the organization", seconds=5)
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    code, status, message = refusal_in_full(instance.client("s3").get_object, Bucket=bucket, Key="a")
    assert (code, status) == DENIED
    assert "with an explicit deny in a resource control policy" in message
    own.client("iam").tag_role(RoleName=profile, Tags=[{"Key": "team", "Value": "blue"}])
    instance.client("s3").get_object(Bucket=bucket, Key="a")

    file.write_text(json.dumps(organization(NO_BUCKETS, management_account=ACCOUNT)))
    command(own, "apply", str(file))
    made = fresh("governed")
    until(lambda: allowed(s3.create_bucket, Bucket=made), "the management account is not bound", seconds=5)
    assert command(own, "remove") == "removed: o-exampleorg1\n"
    s3.create_bucket(Bucket=fresh("governed"))


def test_a_file_that_is_wrong_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "organization.toml"
    path.write_text('id = "x"')
    done = subprocess.run(
        [*TABARD, "up", "--data-dir", str(tmp_path / "data"), "--organization-file", str(path)],
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "organization.toml: Object missing required field" in done.stderr
    assert "Traceback" not in done.stderr
