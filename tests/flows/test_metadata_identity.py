"""Identity documents, verified by the commands of the documents; announcements, made by a command."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.metadata_client import with_token
from tests.support.running_system import TABARD, Instance, RunningSystem, until

pytestmark = pytest.mark.flow

PAGE = (Path(__file__).parents[2] / "docs" / "metadata.md").read_text(encoding="utf-8")
FETCH, VERIFY = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(ANNOUNCE,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
META_DATA = "/latest/meta-data"


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of()


def tabard(system: RunningSystem, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [*TABARD, words[0], "--data-dir", str(system.data_dir), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def sh(script: str, folder: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-ec", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_documented_commands_verify_an_instance_and_refuse_a_forgery(
    system: RunningSystem, instance: Instance, tmp_path: Path
) -> None:
    environment = instance.client_environment()
    fetched = sh(FETCH, tmp_path, environment)
    assert fetched.returncode == 0, fetched.stderr
    said = json.loads((tmp_path / "document").read_text())
    assert (said["instanceId"], said["accountId"]) == (instance.instance_id, system.account_id)
    printed = tabard(system, "identity-certificate")
    assert printed.stdout.startswith("-----BEGIN CERTIFICATE-----\n"), printed.stderr
    (tmp_path / "certificate").write_text(printed.stdout)
    verified = sh(VERIFY, tmp_path, environment)
    assert verified.returncode == 0, verified.stderr
    assert "Verified OK" in verified.stdout
    (tmp_path / "document").write_text((tmp_path / "document").read_text().replace("x86_64", "arm64"))
    assert sh(VERIFY, tmp_path, environment).returncode != 0


def test_what_is_announced_is_in_the_metadata_until_it_is_taken_back(
    system: RunningSystem, instance: Instance, admin: AdminClient
) -> None:
    endpoint = instance.metadata_endpoint()
    shown = {
        "spot-interruption --action terminate": f"{META_DATA}/spot/instance-action",
        "rebalance-recommendation": f"{META_DATA}/events/recommendations/rebalance",
        "target-lifecycle-state --state": f"{META_DATA}/autoscaling/target-lifecycle-state",
    }
    lines = [line.replace("i-0123456789abcdef0", instance.instance_id) for line in ANNOUNCE.splitlines()]
    scheduled = f"{META_DATA}/events/maintenance/scheduled"
    for words, path in shown.items():
        (line,) = [line for line in lines if words in line]
        assert with_token(endpoint, path)[0] == 404
        done = tabard(system, *line.split()[1:])
        assert done.returncode == 0, done.stderr
        until(lambda path=path: with_token(endpoint, path)[0] == 200, f"{path} is there")
    (line,) = [line for line in lines if "--code" in line]
    event_id = tabard(system, *line.split()[1:]).stdout.strip()
    until(lambda: event_id in with_token(endpoint, scheduled)[1], "the event in the metadata")
    ec2: BaseClient = admin("ec2")
    (status,) = ec2.describe_instance_status(InstanceIds=[instance.instance_id])["InstanceStatuses"]
    assert [event["InstanceEventId"] for event in status["Events"]] == [event_id]
    for words in ("--complete", "--cancel"):
        (line,) = [line for line in lines if words in line]
        assert tabard(system, *line.split()[1:]).returncode == 0
    until(lambda: with_token(endpoint, scheduled) == (200, "[]"), "nothing is scheduled any more")
    until(
        lambda: with_token(endpoint, f"{META_DATA}/spot/instance-action")[0] == 404,
        "no interruption any more",
    )
    assert event_id in with_token(endpoint, f"{META_DATA}/events/maintenance/history")[1]


@pytest.mark.parametrize(
    "words",
    [
        ("i-00000000000000000", "spot-interruption"),
        ("INSTANCE", "thunderstorm"),
        ("INSTANCE", "spot-interruption", "--action", "explode"),
        ("INSTANCE", "spot-interruption", "--in", "soon"),
        ("INSTANCE", "target-lifecycle-state"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_announced_is_one_sentence(
    system: RunningSystem, instance: Instance, words: tuple[str, ...]
) -> None:
    done = tabard(system, "event", *(instance.instance_id if word == "INSTANCE" else word for word in words))
    *acting, sentence = done.stderr.splitlines()
    assert done.returncode == 2, done.stderr
    assert [line.partition(" http")[0] for line in acting] in ([], ["tabard: system"]), done.stderr
    assert sentence.startswith("tabard: ")
    assert not sentence.startswith("tabard: system")
