"""Instances that are stopped, started, rebooted, tagged and changed while their application lives."""

from typing import Any

import pytest
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.metadata_client import with_token
from tests.support.refusal import refusal
from tests.support.running_system import IMAGE_ID, SLEEPER, Instance, RunningSystem, allow, fresh, until

pytestmark = [pytest.mark.flow, pytest.mark.also_as_root]

QUICK = {"Delay": 1, "MaxAttempts": 30}
ROLES = "/latest/meta-data/iam/security-credentials/"
FOLLOWS_WITHIN_SECONDS = 5.0
"""One second is what is promised; the test gives a machine under load more."""
COUNTS_BOOTS = """#!/bin/sh
echo x >> boots
wc -l < boots
exec sleep 3600
"""


@pytest.fixture(scope="module")
def ec2(admin: AdminClient) -> BaseClient:
    return admin("ec2")


def wait(ec2: BaseClient, waiter: str, instance: Instance) -> None:
    ec2.get_waiter(waiter).wait(InstanceIds=[instance.instance_id], WaiterConfig=QUICK)


def states(answer: dict[str, Any], member: str) -> tuple[str, str]:
    (change,) = answer[member]
    return change["PreviousState"]["Name"], change["CurrentState"]["Name"]


def described(ec2: BaseClient, instance: Instance) -> dict[str, Any]:
    found = ec2.describe_instances(InstanceIds=[instance.instance_id])
    told: dict[str, Any] = found["Reservations"][0]["Instances"][0]
    return told


def test_a_stopped_instance_is_started_again_as_the_same(ec2: BaseClient, system: RunningSystem) -> None:
    instance = system.launch(COUNTS_BOOTS, instance_profile=system.instance_profile_of())
    ids = {"InstanceIds": [instance.instance_id]}
    wait(ec2, "instance_running", instance)
    before = described(ec2, instance)
    assert states(ec2.stop_instances(**ids), "StoppingInstances") == ("running", "stopping")
    wait(ec2, "instance_stopped", instance)
    stopped = described(ec2, instance)
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert states(ec2.stop_instances(**ids), "StoppingInstances") == ("stopped", "stopped")
    assert states(ec2.start_instances(**ids), "StartingInstances") == ("stopped", "pending")
    wait(ec2, "instance_running", instance)
    after = described(ec2, instance)
    for member in ("InstanceId", "PrivateIpAddress", "Placement", "IamInstanceProfile"):
        assert after[member] == before[member]
    assert after["LaunchTime"] > before["LaunchTime"]
    assert "StateReason" not in after
    until(lambda: instance.console.split() == ["1", "2"], "the second boot in the same folder")
    assert states(ec2.start_instances(**ids), "StartingInstances") == ("running", "running")
    instance.terminate()
    assert refusal(ec2.start_instances, **ids) == ("IncorrectInstanceState", 400)


def test_a_rebooted_instance_keeps_running_and_keeps_its_role(ec2: BaseClient, system: RunningSystem) -> None:
    profile = system.instance_profile_of()
    instance = system.launch(SLEEPER, instance_profile=profile)
    endpoint = instance.metadata_endpoint()
    wait(ec2, "instance_running", instance)
    ec2.reboot_instances(InstanceIds=[instance.instance_id])
    until(lambda: len(instance.console.splitlines()) == 2, "the second boot")
    assert described(ec2, instance)["State"]["Name"] == "running"
    assert with_token(endpoint, ROLES) == (200, profile)
    instance.terminate()


def test_what_is_run_may_be_changed_while_it_is_stopped(ec2: BaseClient, system: RunningSystem) -> None:
    instance = system.launch("#!/bin/sh\necho first\nexec sleep 3600\n", instance_profile=None)
    until(lambda: "first" in instance.console, "the first boot")
    change: dict[str, Any] = {
        "InstanceId": instance.instance_id,
        "UserData": {"Value": b"#!/bin/sh\necho second\nexec sleep 3600\n"},
    }
    wait(ec2, "instance_running", instance)
    assert refusal(ec2.modify_instance_attribute, **change) == ("IncorrectInstanceState", 400)
    ec2.stop_instances(InstanceIds=[instance.instance_id])
    wait(ec2, "instance_stopped", instance)
    ec2.modify_instance_attribute(**change)
    told = ec2.describe_instance_attribute(InstanceId=instance.instance_id, Attribute="userData")
    assert told["UserData"]["Value"]
    ec2.start_instances(InstanceIds=[instance.instance_id])
    until(lambda: "second" in instance.console, "the second boot")
    instance.terminate()


def test_tags_are_made_shown_and_taken_away(ec2: BaseClient, system: RunningSystem) -> None:
    instance = system.launch(
        SLEEPER, instance_profile=None, MetadataOptions={"InstanceMetadataTags": "enabled"}
    )
    endpoint, team = instance.metadata_endpoint(), fresh("team")
    ids = [instance.instance_id]
    ec2.create_tags(Resources=ids, Tags=[{"Key": "team", "Value": team}, {"Key": "stage", "Value": ""}])
    path = "/latest/meta-data/tags/instance/"
    until(lambda: with_token(endpoint, f"{path}team") == (200, team), "the tag in the metadata")
    assert sorted(with_token(endpoint, path)[1].split("\n")) == ["stage", "team"]
    found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": ids}])["Tags"]
    assert {(tag["Key"], tag["Value"]) for tag in found} == {("team", team), ("stage", "")}
    named = ec2.describe_instances(Filters=[{"Name": "tag:team", "Values": [team]}])
    assert named["Reservations"][0]["Instances"][0]["InstanceId"] == instance.instance_id
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "team"}])
    until(lambda: with_token(endpoint, f"{path}team")[0] == 404, "no such tag in the metadata")
    instance.terminate()


def test_a_key_pair_is_in_the_metadata_of_what_is_launched_with_it(
    ec2: BaseClient, system: RunningSystem
) -> None:
    name, imported = fresh("key"), fresh("imported")
    created = ec2.create_key_pair(KeyName=name, KeyType="ed25519")
    assert created["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (shown,) = ec2.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)["KeyPairs"]
    material = shown["PublicKey"].encode()
    again = ec2.import_key_pair(KeyName=imported, PublicKeyMaterial=material)
    assert again["KeyFingerprint"] == created["KeyFingerprint"] == shown["KeyFingerprint"]
    instance = system.launch(SLEEPER, instance_profile=None, KeyName=name)
    assert described(ec2, instance)["KeyName"] == name
    endpoint, path = instance.metadata_endpoint(), "/latest/meta-data/public-keys/"
    assert with_token(endpoint, path) == (200, f"0={name}")
    assert with_token(endpoint, f"{path}0/") == (200, "openssh-key")
    for each in (name, imported):
        ec2.delete_key_pair(KeyName=each)
    assert with_token(endpoint, f"{path}0/openssh-key") == (200, shown["PublicKey"])
    launch = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1, "KeyName": name}
    assert refusal(ec2.run_instances, **launch) == ("InvalidKeyPair.NotFound", 400)
    instance.terminate()


def test_the_metadata_follows_the_instance_profile_within_a_second(
    ec2: BaseClient, system: RunningSystem
) -> None:
    """Attached, replaced and detached while the instance runs, as boto3 on the instance sees it."""
    first = system.instance_profile_of(allow("s3:ListAllMyBuckets"))
    second = system.instance_profile_of()
    instance = system.launch(SLEEPER, instance_profile=None)
    endpoint = instance.metadata_endpoint()
    wait(ec2, "instance_running", instance)
    assert with_token(endpoint, ROLES)[0] == 404

    def follows(role: str | None) -> None:
        def is_there() -> bool:
            status, listing = with_token(endpoint, ROLES)
            return status == 404 if role is None else (status, listing) == (200, role)

        until(is_there, f"the metadata shows {role}", seconds=FOLLOWS_WITHIN_SECONDS)

    attached = ec2.associate_iam_instance_profile(
        InstanceId=instance.instance_id, IamInstanceProfile={"Name": first}
    )["IamInstanceProfileAssociation"]
    follows(first)
    until(lambda: with_token(endpoint, f"{ROLES}{first}")[0] == 200, "a session of the first role")
    instance.client("s3").list_buckets()
    replaced = ec2.replace_iam_instance_profile_association(
        AssociationId=attached["AssociationId"], IamInstanceProfile={"Name": second}
    )["IamInstanceProfileAssociation"]
    follows(second)
    until(lambda: with_token(endpoint, f"{ROLES}{second}")[0] == 200, "a session of the second role")
    assert with_token(endpoint, f"{ROLES}{first}")[0] == 404
    assert refusal(instance.client("s3").list_buckets) == ("AccessDenied", 403)
    filters = [{"Name": "instance-id", "Values": [instance.instance_id]}]

    def associations() -> list[tuple[str, str]]:
        found = ec2.describe_iam_instance_profile_associations(Filters=filters)
        return [(it["AssociationId"], it["State"]) for it in found["IamInstanceProfileAssociations"]]

    until(lambda: associations() == [(replaced["AssociationId"], "associated")], "one association is left")
    ec2.disassociate_iam_instance_profile(AssociationId=replaced["AssociationId"])
    follows(None)
    assert instance.session().credentials is None
    instance.terminate()


def test_a_role_operates_the_instances_of_its_own_team_alone(
    ec2: BaseClient, system: RunningSystem, instance_of: InstanceOf
) -> None:
    """The usual policy: ec2:ResourceTag, and aws:RequestTag for what may be tagged."""
    team = fresh("team")
    mine, theirs = (system.launch(SLEEPER, instance_profile=None) for _ in range(2))
    for each in (mine, theirs):
        wait(ec2, "instance_running", each)
    ec2.create_tags(Resources=[mine.instance_id], Tags=[{"Key": "team", "Value": team}])
    own = {"StringEquals": {"ec2:ResourceTag/team": team}}
    operator = instance_of(
        allow("ec2:StopInstances", "ec2:StartInstances", "ec2:RebootInstances", Condition=own),
        allow("ec2:CreateTags", Condition={"StringEquals": {"aws:RequestTag/team": team}}),
    ).client("ec2")
    denied = ("UnauthorizedOperation", 403)
    assert refusal(operator.stop_instances, InstanceIds=[mine.instance_id, theirs.instance_id]) == denied
    operator.reboot_instances(InstanceIds=[mine.instance_id])
    operator.stop_instances(InstanceIds=[mine.instance_id])
    wait(ec2, "instance_stopped", mine)
    other = [{"Key": "team", "Value": "another"}]
    assert refusal(operator.create_tags, Resources=[theirs.instance_id], Tags=other) == denied
    ec2.terminate_instances(InstanceIds=[mine.instance_id, theirs.instance_id])


def test_the_console_is_read_through_the_api(ec2: BaseClient, system: RunningSystem) -> None:
    instance = system.launch("#!/bin/sh\necho ready\nexec sleep 3600\n", instance_profile=None)
    asked = {"InstanceId": instance.instance_id}
    until(lambda: ec2.get_console_output(**asked).get("Output") == "ready\n", "the console's first line")
    ec2.stop_instances(InstanceIds=[instance.instance_id])
    wait(ec2, "instance_stopped", instance)
    ec2.start_instances(InstanceIds=[instance.instance_id])
    until(
        lambda: ec2.get_console_output(**asked, Latest=True).get("Output") == "ready\nready\n",
        "the line of the second boot",
        seconds=60.0,
    )
    instance.terminate()
