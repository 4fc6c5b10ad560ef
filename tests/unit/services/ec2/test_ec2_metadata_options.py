"""The metadata options: what a launch gets, what the account prefers, and changes while an instance lives."""

import pytest

from tabard.model.instance import InstanceState
from tests.support.ec2_account import UNKNOWN_INSTANCE, Ec2Account, policy


def options(ec2: Ec2Account, instance_id: str) -> dict[str, object]:
    found = ec2.call("DescribeInstances", InstanceIds=[instance_id])
    told: dict[str, object] = found["Reservations"][0]["Instances"][0]["MetadataOptions"]
    return told


CHANGES = {
    "HttpTokens": "optional",
    "HttpPutResponseHopLimit": 5,
    "HttpEndpoint": "disabled",
    "HttpProtocolIpv6": "enabled",
    "InstanceMetadataTags": "enabled",
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_option_is_changed_alone(ec2: Ec2Account, name: str) -> None:
    instance_id = ec2.launch_id()
    before = options(ec2, instance_id)
    answer = ec2.call("ModifyInstanceMetadataOptions", InstanceId=instance_id, **{name: CHANGES[name]})
    assert answer["InstanceId"] == instance_id
    assert answer["InstanceMetadataOptions"] == {**before, name: CHANGES[name], "State": "pending"}
    assert options(ec2, instance_id) == {**before, name: CHANGES[name], "State": "applied"}


@pytest.mark.parametrize("state", [InstanceState.STOPPED, InstanceState.PENDING])
def test_an_instance_that_does_not_run_is_changed_as_well(ec2: Ec2Account, state: InstanceState) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, state)
    ec2.call("ModifyInstanceMetadataOptions", InstanceId=instance_id, HttpTokens="optional")
    assert options(ec2, instance_id)["HttpTokens"] == "optional"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "InvalidParameterCombination"),
        ({"HttpTokens": "never"}, "InvalidParameterValue"),
        ({"HttpEndpoint": "on"}, "InvalidParameterValue"),
        ({"HttpPutResponseHopLimit": 0}, "InvalidParameterValue"),
        ({"HttpPutResponseHopLimit": 65}, "InvalidParameterValue"),
        ({"HttpTokens": "optional", "InstanceId": UNKNOWN_INSTANCE}, "InvalidInstanceID.NotFound"),
        ({"HttpTokens": "optional", "InstanceId": "instance"}, "InvalidInstanceID.Malformed"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
    ids=str,
)
def test_changes_that_cannot_be(ec2: Ec2Account, arguments: dict[str, object], code: str) -> None:
    instance_id = ec2.launch_id()
    before = options(ec2, instance_id)
    refused = ec2.refused("ModifyInstanceMetadataOptions", **{"InstanceId": instance_id, **arguments})
    assert refused[0] == code
    assert options(ec2, instance_id) == before


def test_an_instance_that_has_ended_keeps_its_options(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState.TERMINATED)
    refused = ec2.refused("ModifyInstanceMetadataOptions", InstanceId=instance_id, HttpTokens="optional")
    assert refused[0] == "IncorrectInstanceState"


def test_tags_are_shown_only_where_each_of_them_can_be(ec2: Ec2Account) -> None:
    """AWS: keys of tags in instance metadata are narrower than keys of tags."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "with space", "Value": ""}]}]
    instance_id = ec2.launch_id(TagSpecifications=tags)
    refused = ec2.refused(
        "ModifyInstanceMetadataOptions", InstanceId=instance_id, InstanceMetadataTags="enabled"
    )
    assert (refused[0], "with space" in refused[2]) == ("InvalidParameterValue", True)


def test_another_regions_instance_is_not_there(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    with pytest.raises(Exception, match="does not exist"):
        ec2.call_in(
            "eu-west-1", "ModifyInstanceMetadataOptions", InstanceId=instance_id, HttpTokens="optional"
        )


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"ec2:Attribute/HttpTokens": "required"}, True),
        ({"ec2:Attribute/HttpTokens": "optional"}, False),
        ({"ec2:Attribute": "HttpTokens"}, True),
        ({"ec2:MetadataHttpTokens": "required"}, True),
        ({"ec2:ResourceTag/team": "a"}, True),
        ({"aws:ResourceTag/team": "b"}, False),
    ],
    ids=str,
)
def test_a_policy_may_look_at_what_is_changed_and_at_the_instance(
    ec2: Ec2Account, condition: dict[str, str], allowed: bool
) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}]
    instance_id = ec2.launch_id(TagSpecifications=tags)
    caller = ec2.account.add_user(
        "changer",
        policy(Action="ec2:ModifyInstanceMetadataOptions", Condition={"StringEquals": condition}),
    )
    arguments = {"InstanceId": instance_id, "HttpTokens": "required"}
    if allowed:
        ec2.call("ModifyInstanceMetadataOptions", as_=caller, **arguments)
    else:
        assert ec2.refused("ModifyInstanceMetadataOptions", as_=caller, **arguments)[1] == 403


def test_a_policy_about_one_option_does_not_let_another_pass_with_it(ec2: Ec2Account) -> None:
    """`ec2:Attribute` is single-valued: each option that is asked for is a check of its own."""
    instance_id = ec2.launch_id()
    condition = {"StringEquals": {"ec2:Attribute": "HttpTokens", "ec2:Attribute/HttpTokens": "required"}}
    caller = ec2.account.add_user(
        "changer", policy(Action="ec2:ModifyInstanceMetadataOptions", Condition=condition)
    )
    both = {"InstanceId": instance_id, "HttpTokens": "required", "HttpEndpoint": "disabled"}
    assert ec2.refused("ModifyInstanceMetadataOptions", as_=caller, **both)[1] == 403
    ec2.call("ModifyInstanceMetadataOptions", as_=caller, InstanceId=instance_id, HttpTokens="required")


def test_without_preferences_the_account_says_nothing(ec2: Ec2Account) -> None:
    assert ec2.call("GetInstanceMetadataDefaults") == {"AccountLevel": {"ManagedBy": "account"}}
    assert ec2.refused("GetInstanceMetadataDefaults", DryRun=True)[0] == "DryRunOperation"


def test_launches_follow_the_accounts_preferences_where_they_ask_for_nothing(ec2: Ec2Account) -> None:
    preferred = {
        "HttpTokens": "optional",
        "HttpPutResponseHopLimit": 7,
        "HttpEndpoint": "disabled",
        "InstanceMetadataTags": "enabled",
    }
    assert ec2.call("ModifyInstanceMetadataDefaults", **preferred) == {"Return": True}
    told = ec2.call("GetInstanceMetadataDefaults")["AccountLevel"]
    assert told == {"ManagedBy": "account", **preferred}
    launched = options(ec2, ec2.launch_id())
    assert {name: launched[name] for name in preferred} == preferred
    asked = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
    launched = options(ec2, ec2.launch_id(MetadataOptions=asked))
    assert {name: launched[name] for name in asked} == asked
    assert launched["InstanceMetadataTags"] == "enabled"


def test_a_preference_is_taken_back(ec2: Ec2Account) -> None:
    ec2.call("ModifyInstanceMetadataDefaults", HttpTokens="optional", HttpPutResponseHopLimit=7)
    ec2.call("ModifyInstanceMetadataDefaults", HttpTokens="no-preference")
    told = ec2.call("GetInstanceMetadataDefaults")["AccountLevel"]
    assert told == {"ManagedBy": "account", "HttpPutResponseHopLimit": 7}
    ec2.call("ModifyInstanceMetadataDefaults", HttpPutResponseHopLimit=-1)
    launched = options(ec2, ec2.launch_id())
    assert (launched["HttpTokens"], launched["HttpPutResponseHopLimit"]) == ("required", 2)


def test_preferences_are_a_regions_own(ec2: Ec2Account) -> None:
    ec2.call_in("eu-west-1", "ModifyInstanceMetadataDefaults", HttpTokens="optional")
    assert ec2.call("GetInstanceMetadataDefaults")["AccountLevel"] == {"ManagedBy": "account"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "InvalidParameterCombination"),
        ({"HttpTokens": "never"}, "InvalidParameterValue"),
        ({"HttpPutResponseHopLimit": 0}, "InvalidParameterValue"),
        ({"HttpPutResponseHopLimit": 65}, "InvalidParameterValue"),
        ({"HttpTokens": "optional", "HttpTokensEnforced": "enabled"}, "InvalidParameterCombination"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
    ids=str,
)
def test_preferences_that_cannot_be(ec2: Ec2Account, arguments: dict[str, object], code: str) -> None:
    assert ec2.refused("ModifyInstanceMetadataDefaults", **arguments)[0] == code
    assert ec2.call("GetInstanceMetadataDefaults") == {"AccountLevel": {"ManagedBy": "account"}}


def test_where_tokens_are_enforced_no_instance_may_do_without(ec2: Ec2Account) -> None:
    ec2.call("ModifyInstanceMetadataDefaults", HttpTokensEnforced="enabled")
    instance_id = ec2.launch_id()
    code, _, sentence = ec2.refused_launch(MetadataOptions={"HttpTokens": "optional"})
    assert (code, "HttpTokensEnforced" in sentence) == ("UnsupportedOperation", True)
    refused = ec2.refused("ModifyInstanceMetadataOptions", InstanceId=instance_id, HttpTokens="optional")
    assert refused[0] == "UnsupportedOperation"
    ec2.call("ModifyInstanceMetadataDefaults", HttpTokensEnforced="no-preference")
    ec2.call("ModifyInstanceMetadataOptions", InstanceId=instance_id, HttpTokens="optional")


def test_a_policy_may_say_which_preferences_may_be_set(ec2: Ec2Account) -> None:
    condition = {"StringEquals": {"ec2:Attribute/HttpTokens": "required"}}
    caller = ec2.account.add_user(
        "preferring", policy(Action="ec2:ModifyInstanceMetadataDefaults", Condition=condition)
    )
    ec2.call("ModifyInstanceMetadataDefaults", as_=caller, HttpTokens="required")
    refused = ec2.refused("ModifyInstanceMetadataDefaults", as_=caller, HttpTokens="optional")
    assert refused[1] == 403
