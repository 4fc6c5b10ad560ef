"""Tags of instances, after their launch."""

import pytest

from tests.support.ec2_account import IMAGE_ID, UNKNOWN_INSTANCE, Ec2Account, policy


def tags_of(ec2: Ec2Account, instance_id: str) -> dict[str, str]:
    return {tag.key: tag.value for tag in ec2.instance(instance_id).tags}


def pairs(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def launch(ec2: Ec2Account, **tags: str) -> str:
    return ec2.launch_id(TagSpecifications=[{"ResourceType": "instance", "Tags": pairs(**tags)}])


def test_tags_are_added_and_replaced(ec2: Ec2Account) -> None:
    one, two = launch(ec2, team="a", keep="x"), ec2.launch_id()
    assert ec2.call("CreateTags", Resources=[one, two], Tags=pairs(team="b", stage="test")) == {}
    assert tags_of(ec2, one) == {"keep": "x", "team": "b", "stage": "test"}
    assert tags_of(ec2, two) == {"team": "b", "stage": "test"}


@pytest.mark.parametrize(
    ("unwanted", "left"),
    [
        ([{"Key": "team"}], {"stage": "", "x": "1"}),
        ([{"Key": "team", "Value": "a"}], {"stage": "", "x": "1"}),
        ([{"Key": "team", "Value": "b"}], {"team": "a", "stage": "", "x": "1"}),
        ([{"Key": "team", "Value": ""}], {"team": "a", "stage": "", "x": "1"}),
        ([{"Key": "stage", "Value": ""}], {"team": "a", "x": "1"}),
        ([{"Key": "TEAM"}], {"team": "a", "stage": "", "x": "1"}),
        ([{"Key": "team"}, {"Key": "x"}, {"Key": "absent"}], {"stage": ""}),
        ([], {}),
    ],
    ids=str,
)
def test_tags_are_taken_away(ec2: Ec2Account, unwanted: list[dict[str, str]], left: dict[str, str]) -> None:
    """AWS: "If you omit the tag value, we delete the tag regardless of its value"."""
    instance_id = launch(ec2, team="a", stage="", x="1")
    assert ec2.call("DeleteTags", Resources=[instance_id], Tags=unwanted) == {}
    assert tags_of(ec2, instance_id) == left


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([], "MissingParameter"),
        (pairs(**{"": "x"}), "InvalidParameterValue"),
        (pairs(**{"k" * 129: "x"}), "InvalidParameterValue"),
        (pairs(k="v" * 257), "InvalidParameterValue"),
        (pairs(**{"aws:name": "x"}), "InvalidParameterValue"),
        (pairs(a="1", A="2"), "InvalidParameterValue"),
        (pairs(TEAM="x"), "InvalidParameterValue"),
        (pairs(**{f"k{n}": "" for n in range(50)}), "TagLimitExceeded"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_tags_that_cannot_be(ec2: Ec2Account, tags: list[dict[str, str]], code: str) -> None:
    instance_id = launch(ec2, team="a")
    assert ec2.refused("CreateTags", Resources=[instance_id], Tags=tags)[0] == code
    assert tags_of(ec2, instance_id) == {"team": "a"}


@pytest.mark.parametrize("operation", ["CreateTags", "DeleteTags"])
@pytest.mark.parametrize(
    ("resources", "code"),
    [
        ([], "MissingParameter"),
        ([UNKNOWN_INSTANCE], "InvalidInstanceID.NotFound"),
        (["i-1"], "InvalidInstanceID.Malformed"),
        (["nonsense"], "InvalidID"),
        ([IMAGE_ID], "UnsupportedOperation"),
        (["vol-0123456789abcdef0"], "UnsupportedOperation"),
    ],
    ids=str,
)
def test_resources_that_cannot_be_tagged(
    ec2: Ec2Account, operation: str, resources: list[str], code: str
) -> None:
    instance_id = launch(ec2, team="a")
    refused = ec2.refused(
        operation, Resources=[*resources, instance_id] if resources else [], Tags=pairs(x="")
    )
    assert refused[0] == code
    assert tags_of(ec2, instance_id) == {"team": "a"}
    assert ec2.refused(operation, Resources=[instance_id], Tags=pairs(x=""), DryRun=True)[0] == (
        "DryRunOperation"
    )


def test_what_metadata_shows_has_narrower_keys(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id(MetadataOptions={"InstanceMetadataTags": "enabled"})
    assert ec2.refused("CreateTags", Resources=[instance_id], Tags=pairs(**{"a b": ""}))[0] == (
        "InvalidParameterValue"
    )
    ec2.call("CreateTags", Resources=[instance_id], Tags=pairs(**{"a-b": ""}))


def test_tags_are_described(ec2: Ec2Account) -> None:
    one, two = launch(ec2, team="a", stage="test"), launch(ec2, team="b")
    found = ec2.call("DescribeTags")["Tags"]
    assert {(each["ResourceId"], each["Key"], each["Value"]) for each in found} == {
        (one, "team", "a"), (one, "stage", "test"), (two, "team", "b"),
    }  # fmt: skip
    assert {each["ResourceType"] for each in found} == {"instance"}
    assert ec2.refused("DescribeTags", DryRun=True)[0] == "DryRunOperation"
    with pytest.raises(StopIteration):
        next(iter(ec2.call_in("eu-west-1", "DescribeTags")["Tags"]))


@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("key", ["team"], 2), ("value", ["a", "test"], 2), ("resource-type", ["instance"], 3),
        ("resource-type", ["image"], 0), ("tag:team", ["b"], 1), ("key", ["st*"], 1),
    ],
)  # fmt: skip
def test_tags_are_filtered(ec2: Ec2Account, name: str, values: list[str], count: int) -> None:
    launch(ec2, team="a", stage="test")
    launch(ec2, team="b")
    assert len(ec2.call("DescribeTags", Filters=[{"Name": name, "Values": values}])["Tags"]) == count


def test_tags_are_described_in_pages(ec2: Ec2Account) -> None:
    instance_id = launch(ec2, **{f"k{n}": "" for n in range(12)})
    seen: list[str] = []
    token = None
    for size in (5, 5, 2):
        page = ec2.call("DescribeTags", MaxResults=5, NextToken=token)
        assert len(page["Tags"]) == size
        seen += [each["Key"] for each in page["Tags"]]
        token = page.get("NextToken")
    assert (token, sorted(seen)) == (None, sorted(tags_of(ec2, instance_id)))


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:RequestTag/team": "b"}}, True),
        ({"StringEquals": {"aws:RequestTag/team": "c"}}, False),
        ({"StringEquals": {"aws:ResourceTag/team": "a"}}, True),
        ({"StringEquals": {"ec2:ResourceTag/team": "b"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "stage"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}}, False),
        ({"StringEquals": {"ec2:CreateAction": "RunInstances"}}, False),
    ],
    ids=str,
)
def test_a_policy_may_look_at_the_tags_asked_for_and_at_those_there(
    ec2: Ec2Account, condition: dict[str, dict[str, str]], allowed: bool
) -> None:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html"""
    instance_id = launch(ec2, team="a")
    caller = ec2.account.add_user("tagger", policy(Action="ec2:CreateTags", Condition=condition))
    arguments = {"Resources": [instance_id], "Tags": pairs(team="b")}
    if allowed:
        ec2.call("CreateTags", as_=caller, **arguments)
    else:
        assert ec2.refused("CreateTags", as_=caller, **arguments)[1] == 403


def test_each_resource_needs_leave(ec2: Ec2Account) -> None:
    mine, theirs = launch(ec2, team="a"), launch(ec2, team="b")
    caller = ec2.account.add_user(
        "untagger",
        policy(Action="ec2:DeleteTags", Condition={"StringEquals": {"aws:ResourceTag/team": "a"}}),
    )
    assert ec2.refused("DeleteTags", as_=caller, Resources=[mine, theirs])[1] == 403
    ec2.call("DeleteTags", as_=caller, Resources=[mine], Tags=[{"Key": "team"}])
    assert (tags_of(ec2, mine), tags_of(ec2, theirs)) == ({}, {"team": "b"})
