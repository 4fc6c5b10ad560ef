"""`tabard fault`: what it says it does, and the instance's metadata does it."""

import json
import subprocess

import pytest

from tests.support.flow_fixtures import InstanceOf
from tests.support.metadata_client import with_token
from tests.support.running_system import TABARD, Instance, RunningSystem, allow, bare_environment, until

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(allow("s3:ListAllMyBuckets"))


def fault(system: RunningSystem, instance: Instance, *options: str) -> str:
    """What the command says."""
    done = subprocess.run(
        [*TABARD, "fault", instance.instance_id, *options, "--data-dir", str(system.data_dir)],
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.strip()
    assert said.startswith(f"{instance.instance_id}: ")
    return said.partition(": ")[2]


def document(instance: Instance) -> dict[str, str]:
    """The keys' document; empty where an error is answered."""
    path = f"/latest/meta-data/iam/security-credentials/{instance.instance_profile}"
    status, body = with_token(instance.metadata_endpoint(), path)
    found: dict[str, str] = json.loads(body) if status == 200 else {}
    return found


def test_keys_are_replaced_and_ended(system: RunningSystem, instance: Instance) -> None:
    first = document(instance)["AccessKeyId"]
    said = fault(system, instance, "--rotate-now")
    assert said == "new keys come within two seconds, the old keys stay valid"
    until(lambda: document(instance)["AccessKeyId"] != first, "new keys")
    second = document(instance)["AccessKeyId"]
    said = fault(system, instance, "--expire-now", "--clock-skew", "20m")
    assert said == (
        "the old sessions are revoked, new keys come within two seconds, times are shifted by +1200 s"
    )
    until(lambda: document(instance)["AccessKeyId"] != second, "new keys")
    assert fault(system, instance, "--clock-skew", "0") == "no fault is active"


def test_faults_last_until_they_are_ended(system: RunningSystem, instance: Instance) -> None:
    assert fault(system, instance, "--code", "Failed") == "code Failed instead of credentials"
    until(lambda: document(instance).get("Code") == "Failed", "the code is shown")
    said = fault(system, instance, "--code", "", "--imds-delay", "1ms")
    assert said == "answers come 1 ms late"
    until(lambda: document(instance)["Code"] == "Success", "the code is no longer shown")
    assert fault(system, instance, "--imds-delay", "0") == "no fault is active"
