"""RunInstances: what is launched, what is refused, and what must be allowed."""

import base64
import re
from datetime import timedelta
from typing import Any

import botocore.session
import pytest

from tabard.errors import AwsError
from tabard.model.association import AssociationState
from tabard.model.instance import InstanceState
from tabard.services.ec2.launch_request import UNSUPPORTED, UNSUPPORTED_PLACEMENT
from tabard.services.ec2.network.default_vpc import default_vpc
from tabard.services.ec2.operations import OPERATIONS
from tests.support.ec2_account import HOST_ID, IMAGE_ID, REGION, Ec2Account, operation_of, policy

VPC = default_vpc(account_id="123456789012", region=REGION)
HERE = f"arn:aws:ec2:{REGION}:123456789012"
BIG = base64.b64encode(b"x" * 16385).decode()


def test_a_launch_with_nothing_but_an_image(ec2: Ec2Account) -> None:
    answer = ec2.call("RunInstances", ImageId=IMAGE_ID, MinCount=1, MaxCount=1)
    assert answer["ReservationId"].startswith("r-")
    assert answer["OwnerId"] == "123456789012"
    (shown,) = answer["Instances"]
    assert shown["State"] == {"Code": 0, "Name": "pending"}
    assert shown["InstanceType"] == "m1.small"
    assert shown["Placement"]["HostId"] == HOST_ID
    assert shown["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert shown["VpcId"] == VPC.vpc_id
    assert shown["MetadataOptions"] == {
        "State": "applied",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 2,
        "HttpEndpoint": "enabled",
        "HttpProtocolIpv6": "disabled",
        "InstanceMetadataTags": "disabled",
    }
    assert "IamInstanceProfile" not in shown
    assert "StateReason" not in shown
    stored = ec2.instance(shown["InstanceId"])
    assert stored.state is InstanceState.PENDING
    assert stored.launched_by == "arn:aws:iam::123456789012:user/admin"
    assert shown["PrivateIpAddress"].startswith("172.31.")


def test_all_that_can_be_asked_for_is_kept(ec2: Ec2Account) -> None:
    web = ec2.instance_profile("web", ec2.role("web"), path="/apps/")
    launched = ec2.launch(
        MinCount=2,
        MaxCount=3,
        InstanceType="t3.micro",
        IamInstanceProfile={"Arn": web.arn},
        UserData=base64.b64encode(b"#!/bin/sh\necho hello\n").decode(),
        MetadataOptions={
            "HttpTokens": "optional",
            "HttpPutResponseHopLimit": 64,
            "InstanceMetadataTags": "enabled",
        },
        Placement={"HostId": HOST_ID, "AvailabilityZone": "us-east-1a", "Tenancy": "default"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}],
        SubnetId=VPC.subnet_id,
        SecurityGroupIds=[VPC.security_group_id],
        DisableApiTermination=False,
        EbsOptimized=False,
        Monitoring={"Enabled": False},
        InstanceInitiatedShutdownBehavior="stop",
    )
    assert [each["AmiLaunchIndex"] for each in launched] == [0, 1, 2]
    assert len({each["PrivateIpAddress"] for each in launched}) == 3
    for each in launched:
        stored = ec2.instance(each["InstanceId"])
        assert stored.user_data == b"#!/bin/sh\necho hello\n"
        assert stored.metadata_options.http_put_response_hop_limit == 64
        assert each["Tags"] == [{"Key": "team", "Value": "a"}]
        assert each["IamInstanceProfile"] == {"Arn": web.arn, "Id": web.instance_profile_id}
        assert ec2.association_of(each["InstanceId"]).state is AssociationState.ASSOCIATING


def test_an_instance_profile_without_a_role_may_be_given(ec2: Ec2Account) -> None:
    ec2.instance_profile("empty")
    (shown,) = ec2.launch(IamInstanceProfile={"Name": "empty"})
    assert shown["IamInstanceProfile"]["Arn"].endswith(":instance-profile/empty")


@pytest.mark.parametrize(
    ("asked", "code", "sentence"),
    [
        ({"ImageId": None}, "MissingParameter", "The request must contain the parameter ImageId"),
        ({"ImageId": "debian"}, "InvalidAMIID.Malformed", 'Invalid id: "debian" (expecting "ami-...")'),
        (
            {"ImageId": "ami-00000000"},
            "InvalidAMIID.NotFound",
            "The image id '[ami-00000000]' does not exist",
        ),
        ({"MinCount": 0}, "InvalidParameterValue", "Value (0) for parameter minCount is invalid."),
        ({"MaxCount": 0}, "InvalidParameterValue", "Value (0) for parameter maxCount is invalid."),
        ({"MinCount": 2}, "InvalidParameterCombination", "MinCount (2) cannot be greater than MaxCount (1)."),
        ({"MaxCount": 101}, "InstanceLimitExceeded", "You have requested 101 instances"),
        ({"UserData": "not base64"}, "InvalidParameterValue", "Invalid BASE64 encoding of user data."),
        ({"UserData": "é"}, "InvalidParameterValue", "Invalid BASE64 encoding of user data."),
        ({"UserData": BIG}, "InvalidParameterValue", "User data is limited to 16384 bytes"),
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}, "InvalidParameterValue", "Value (65) for"),
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 0}}, "InvalidParameterValue", "Value (0) for"),
        ({"MetadataOptions": {"HttpTokens": "maybe"}}, "InvalidParameterValue", "optional or required."),
        ({"MetadataOptions": {"HttpEndpoint": "on"}}, "InvalidParameterValue", "enabled or disabled."),
        ({"MetadataOptions": {"HttpProtocolIpv6": "on"}}, "InvalidParameterValue", "enabled or disabled."),
        ({"MetadataOptions": {"InstanceMetadataTags": "on"}}, "InvalidParameterValue", "or disabled."),
        ({"InstanceType": "t3.mirco"}, "InvalidParameterValue", "Invalid value 't3.mirco' for InstanceType."),
        (
            {"IamInstanceProfile": {"Name": "nobody"}},
            "InvalidParameterValue",
            "Value (nobody) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile",
        ),
        (
            {"IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/nobody"}},
            "InvalidParameterValue",
            "instance-profile/nobody) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance",
        ),
        (
            {"IamInstanceProfile": {"Arn": "arn:aws:iam::210987654321:instance-profile/web"}},
            "InvalidParameterValue",
            "Invalid IAM Instance Profile ARN",
        ),
        (
            {"IamInstanceProfile": {"Name": "web", "Arn": "arn:aws:iam::123456789012:instance-profile/web"}},
            "InvalidParameterCombination",
            "The parameter 'iamInstanceProfile.name' may not be used in combination with",
        ),
        ({"IamInstanceProfile": {}}, "MissingParameter", "iamInstanceProfile.name or iamInstanceProfile.arn"),
        ({"Placement": {"HostId": "h-0"}}, "InvalidHostId.NotFound", "The host ID 'h-0' does not exist"),
        (
            {"Placement": {"AvailabilityZone": "us-east-1b"}},
            "InvalidParameterValue",
            "Invalid availability zone",
        ),
        ({"Placement": {"Tenancy": "dedicated"}}, "UnsupportedOperation", "Placement.Tenancy"),
        ({"InstanceInitiatedShutdownBehavior": "hibernate"}, "InvalidParameterValue", "stop or terminate."),
        ({"KeyName": "mine"}, "InvalidKeyPair.NotFound", "The key pair 'mine' does not exist"),
        ({"SubnetId": "subnet-0"}, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-0' does not exist"),
        ({"SecurityGroupIds": ["sg-0"]}, "InvalidGroup.NotFound", "The security group 'sg-0' does not exist"),
        ({"SecurityGroups": ["web"]}, "InvalidGroup.NotFound", "The security group 'web' does not exist"),
        (
            {"SecurityGroups": ["default"], "SecurityGroupIds": [VPC.security_group_id]},
            "InvalidParameterCombination",
            "groupName cannot be used",
        ),
        ({"ClientToken": "x" * 65}, "InvalidParameterValue", "at most 64 ASCII characters"),
        ({"ClientToken": "é"}, "InvalidParameterValue", "at most 64 ASCII characters"),
    ],
)
def test_what_a_launch_cannot_be(ec2: Ec2Account, asked: dict[str, object], code: str, sentence: str) -> None:
    ec2.instance_profile("web", ec2.role("web"))
    answered, status, message = ec2.refused_launch(**asked)
    assert (answered, status) == (code, 400)
    assert sentence in message
    assert not ec2.snapshot.instances


def tags(*pairs: tuple[str, str], kind: str = "instance") -> dict[str, object]:
    wanted = [{"Key": key, "Value": value} for key, value in pairs]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": wanted}]}


@pytest.mark.parametrize(
    ("asked", "code", "sentence"),
    [
        (tags(("a", "b"), kind="volume"), "UnsupportedOperation", "ResourceType=volume"),
        (tags(("a", "b"), kind=""), "UnsupportedOperation", "ResourceType=(none)"),
        (tags(("", "b")), "InvalidParameterValue", "must have 1 to 128 characters"),
        (tags(("k" * 129, "b")), "InvalidParameterValue", "must have 1 to 128 characters"),
        (tags(("k", "v" * 257)), "InvalidParameterValue", "maximum length of 256"),
        (tags(("aws:x", "b")), "InvalidParameterValue", "reserved for internal use"),
        (tags(("a", "1"), ("a", "2")), "InvalidParameterValue", "Duplicate tag key 'a'"),
        (tags(("a", "1"), ("A", "2")), "InvalidParameterValue", "Duplicate tag key 'A'"),
        (tags(*((str(n), "") for n in range(51))), "TagLimitExceeded", "is 50."),
        (
            tags(("a key", "1")) | {"MetadataOptions": {"InstanceMetadataTags": "enabled"}},
            "InvalidParameterValue",
            "'a key' is not a valid tag key.",
        ),
        (
            tags(("_index", "1")) | {"MetadataOptions": {"InstanceMetadataTags": "enabled"}},
            "InvalidParameterValue",
            "'_index' is not a valid tag key.",
        ),
    ],
)
def test_tags_that_cannot_be(ec2: Ec2Account, asked: dict[str, object], code: str, sentence: str) -> None:
    answered, status, message = ec2.refused_launch(**asked)
    assert (answered, status) == (code, 400)
    assert sentence in message


VALUES: dict[str, object] = {"partition_number": 1, "ipv6_address_count": 1}


@pytest.mark.parametrize("field", sorted(UNSUPPORTED))
def test_what_would_mislead_if_it_were_ignored_is_refused_by_name(ec2: Ec2Account, field: str) -> None:
    name = "".join(part.capitalize() for part in field.split("_"))
    code, status, message = ec2.refused_launch(**{name: VALUES.get(field, "wanted")})
    assert (code, status) == ("UnsupportedOperation", 400)
    assert message == f"The parameter {name} is not supported here: {UNSUPPORTED[field]}."


@pytest.mark.parametrize("field", sorted(UNSUPPORTED_PLACEMENT))
def test_a_placement_that_is_not_kept_is_refused_by_name(ec2: Ec2Account, field: str) -> None:
    name = "".join(part.capitalize() for part in field.split("_"))
    code, _, message = ec2.refused_launch(Placement={name: VALUES.get(field, "wanted")})
    assert code == "UnsupportedOperation"
    assert f"Placement.{name}" in message


@pytest.mark.parametrize("operation", [each.name for each in OPERATIONS])
def test_every_member_of_awss_request_is_declared(operation: str) -> None:
    model = botocore.session.get_session().get_service_model("ec2").operation_model(operation).input_shape
    pairs = [(model, operation_of("ec2", operation).request)]
    while pairs:
        shape, struct = pairs.pop()
        fields = dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))
        assert set(shape.members) == set(fields), struct
        for name, member in shape.members.items():
            inner = member.member if member.type_name == "list" else member
            if inner.type_name == "structure":
                kind = next((k for k in structs_in(struct.__annotations__[fields[name]])), None)
                if kind is not None:
                    pairs.append((inner, kind))


def structs_in(annotation: object) -> list[Any]:
    found = [annotation] if hasattr(annotation, "__struct_fields__") else []
    for argument in getattr(annotation, "__args__", ()):
        found += structs_in(argument)
    return found


def test_dry_run_says_that_it_would_have_succeeded(ec2: Ec2Account) -> None:
    expected = ("DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set.")
    assert ec2.refused_launch(DryRun=True) == expected
    assert not ec2.snapshot.instances


def test_dry_run_is_refused_where_the_launch_would_be(ec2: Ec2Account) -> None:
    nobody = ec2.account.add_user("nobody")
    assert ec2.refused_launch(DryRun=True, as_=nobody)[0] == "UnauthorizedOperation"


def test_the_same_client_token_answers_the_same_instances(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    asked: dict[str, object] = {
        "ClientToken": "once",
        "MaxCount": 2,
        "UserData": "YQ==",
        "IamInstanceProfile": {"Name": "web"},
    }
    first = ec2.launch(**asked)
    assert ec2.launch(**asked) == first
    assert len(ec2.snapshot.instances) == 2
    ec2.launch(**(asked | {"ClientToken": "twice"}))
    assert len(ec2.snapshot.instances) == 4


@pytest.mark.parametrize(
    "other",
    [
        {"MaxCount": 3},
        {"UserData": "Yg=="},
        {"UserData": None},
        {"InstanceType": "t3.micro"},
        {"IamInstanceProfile": {"Name": "web"}},
        {"MetadataOptions": {"HttpTokens": "optional"}},
        {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]},
        {"Placement": {"HostId": HOST_ID}},
    ],
)
def test_the_same_client_token_with_other_parameters_is_refused(
    ec2: Ec2Account, other: dict[str, object]
) -> None:
    ec2.instance_profile("web")
    asked: dict[str, object] = {"ClientToken": "once", "MaxCount": 2, "UserData": "YQ=="}
    ec2.launch(**asked)
    code, status, _ = ec2.refused_launch(**(asked | other))
    assert (code, status) == ("IdempotentParameterMismatch", 400)
    assert len(ec2.snapshot.instances) == 2


def test_no_part_of_the_user_data_shows_in_the_reservation_id(ec2: Ec2Account) -> None:
    answers = []
    for user_data in ("YQ==", "Yg=="):
        answers.append(ec2.launch_id(ClientToken="once", UserData=user_data))
        reservation_id = ec2.instance(answers[-1]).reservation_id
        with ec2.account.store.transaction() as tx:
            tx.instances.delete(answers[-1])
        assert re.fullmatch("r-[0-9a-f]{17}", reservation_id)
        answers.append(reservation_id)
    assert answers[1] == answers[3]


def test_a_client_token_is_of_one_region(ec2: Ec2Account) -> None:
    ec2.add_host("h-00000000000000001", region="eu-west-1")
    ec2.launch(ClientToken="once")
    asked = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1, "ClientToken": "once"}
    ec2.call_in("eu-west-1", "RunInstances", **asked, Placement={"HostId": "h-00000000000000001"})
    assert {each.region for each in ec2.snapshot.instances.values()} == {"us-east-1", "eu-west-1"}


def test_without_a_host_there_is_no_capacity(ec2: Ec2Account) -> None:
    with pytest.raises(AwsError, match="There is no host in ap-south-1") as raised:
        ec2.call_in("ap-south-1", "RunInstances", ImageId=IMAGE_ID, MinCount=1, MaxCount=1)
    assert (raised.value.error_code, raised.value.http_status) == ("InsufficientInstanceCapacity", 500)


OTHER_HOST_ID = "h-00000000000000001"


def test_who_may_register_a_host_gets_no_instance_of_others_by_it(ec2: Ec2Account) -> None:
    """Whatever its name, and though the installation's own is busy and silent."""
    registrar = ec2.account.add_user("registrar", policy(Action="hosts:RegisterHost"))
    made = ec2.account.call("hosts", "RegisterHost", {"Name": "local"}, as_=registrar)
    ec2.account.now += timedelta(minutes=4)
    assert [ec2.instance(ec2.launch_id()).host_id for _ in range(3)] == [HOST_ID] * 3
    assert ec2.instance(ec2.launch_id(Placement={"HostId": made["HostId"]})).host_id == made["HostId"]


@pytest.mark.parametrize("local_host_id", ["", "h-00000000000000009"])
def test_without_the_installations_own_host_no_other_stands_in(ec2: Ec2Account, local_host_id: str) -> None:
    with ec2.account.store.transaction() as tx:
        tx.installation.put("local_host_id", local_host_id)
    ec2.add_host(OTHER_HOST_ID)
    assert ec2.refused_launch()[:2] == ("InsufficientInstanceCapacity", 500)


@pytest.mark.parametrize("ephemeral", [True, False])
def test_an_ephemeral_host_takes_launches_of_who_registered_it_alone(
    ec2: Ec2Account, ephemeral: bool
) -> None:
    run = {"Placement": {"HostId": OTHER_HOST_ID}}
    ec2.add_host(OTHER_HOST_ID, ephemeral=ephemeral)
    stranger = ec2.account.add_user("stranger", policy(Action="ec2:RunInstances"))
    if ephemeral:
        # In the words of a host that does not exist.
        code, status, sentence = ec2.refused_launch(as_=stranger, **run)
        assert (code, status) == ("InvalidHostId.NotFound", 400)
        assert f"'{OTHER_HOST_ID}' does not exist" in sentence
    else:
        assert ec2.launch(as_=stranger, **run)
    assert ec2.launch(**run)


def test_naming_a_host_needs_leave_for_that_host(ec2: Ec2Account) -> None:
    ec2.add_host(OTHER_HOST_ID)
    denied = policy(
        Effect="Deny", Action="ec2:RunInstances", Resource=f"{HERE}:dedicated-host/{OTHER_HOST_ID}"
    )
    tenant = ec2.account.add_user("tenant", policy(Action="ec2:*"), denied)
    code, status, _ = ec2.refused_launch(as_=tenant, Placement={"HostId": OTHER_HOST_ID})
    assert (code, status) == ("UnauthorizedOperation", 403)
    assert ec2.launch(as_=tenant, Placement={"HostId": HOST_ID})
    assert ec2.launch(as_=tenant)


NEEDED = [
    f"arn:aws:ec2:{REGION}::image/{IMAGE_ID}",
    f"{HERE}:instance/*",
    f"{HERE}:subnet/{VPC.subnet_id}",
    f"{HERE}:network-interface/*",
    f"{HERE}:volume/*",
    f"{HERE}:security-group/{VPC.security_group_id}",
]


def test_a_launch_needs_each_resource_that_aws_asks_for(ec2: Ec2Account) -> None:
    launcher = ec2.account.add_user("launcher", policy(Action="ec2:RunInstances", Resource=NEEDED))
    assert ec2.launch(as_=launcher)


@pytest.mark.parametrize("missing", NEEDED)
def test_a_launch_without_one_of_them_is_denied(ec2: Ec2Account, missing: str) -> None:
    resources = [each for each in NEEDED if each != missing]
    launcher = ec2.account.add_user("launcher", policy(Action="ec2:RunInstances", Resource=resources))
    code, status, message = ec2.refused_launch(as_=launcher)
    assert (code, status) == ("UnauthorizedOperation", 403)
    assert missing in message


@pytest.mark.parametrize(
    ("asked", "resource"),
    [
        ({"KeyName": "mine"}, f"{HERE}:key-pair/mine"),
        ({"SubnetId": "subnet-0"}, f"{HERE}:subnet/subnet-0"),
        ({"SecurityGroupIds": ["sg-0"]}, f"{HERE}:security-group/sg-0"),
        ({"ImageId": "ami-00000000"}, f"arn:aws:ec2:{REGION}::image/ami-00000000"),
    ],
)
def test_what_a_launch_names_must_be_allowed_before_it_is_looked_for(
    ec2: Ec2Account, asked: dict[str, object], resource: str
) -> None:
    launcher = ec2.account.add_user("launcher", policy(Action="ec2:RunInstances", Resource=NEEDED))
    code, _, message = ec2.refused_launch(as_=launcher, **asked)
    assert code == "UnauthorizedOperation"
    assert resource in message


def test_tags_at_launch_need_create_tags(ec2: Ec2Account) -> None:
    launcher = ec2.account.add_user("launcher", policy(Action="ec2:RunInstances"))
    tagger = ec2.account.add_user(
        "tagger",
        policy(Action="ec2:RunInstances"),
        policy(
            Action="ec2:CreateTags",
            Resource=f"{HERE}:instance/*",
            Condition={"StringEquals": {"ec2:CreateAction": "RunInstances", "aws:RequestTag/team": "a"}},
        ),
    )
    assert "ec2:CreateTags" in ec2.refused_launch(as_=launcher, **tags(("team", "a")))[2]
    assert ec2.launch(as_=tagger, **tags(("team", "a")))
    assert ec2.refused_launch(as_=tagger, **tags(("team", "b")))[0] == "UnauthorizedOperation"


def test_giving_a_role_needs_pass_role_on_that_role(ec2: Ec2Account) -> None:
    web, db = ec2.role("web"), ec2.role("db")
    ec2.instance_profile("web", web)
    ec2.instance_profile("db", db)
    launcher = ec2.account.add_user(
        "launcher",
        policy(Action="ec2:RunInstances"),
        policy(
            Action="iam:PassRole",
            Resource=web.arn,
            Condition={
                "StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"},
                "ArnLike": {"iam:AssociatedResourceArn": f"{HERE}:instance/*"},
            },
        ),
    )
    assert ec2.launch(as_=launcher, IamInstanceProfile={"Name": "web"})
    code, status, message = ec2.refused_launch(as_=launcher, IamInstanceProfile={"Name": "db"})
    assert (code, status) == ("UnauthorizedOperation", 403)
    assert "iam:PassRole" in message
    assert db.arn in message


@pytest.mark.parametrize(
    ("condition", "asked", "allowed"),
    [
        ({"StringEquals": {"ec2:MetadataHttpTokens": "required"}}, {}, True),
        (
            {"StringEquals": {"ec2:MetadataHttpTokens": "required"}},
            {"MetadataOptions": {"HttpTokens": "optional"}},
            False,
        ),
        ({"StringEquals": {"ec2:MetadataHttpEndpoint": "enabled"}}, {}, True),
        ({"StringEquals": {"ec2:MetadataHttpPutResponseHopLimit": "2"}}, {}, True),
        (
            {"StringEquals": {"ec2:MetadataHttpPutResponseHopLimit": "2"}},
            {"MetadataOptions": {"HttpPutResponseHopLimit": 3}},
            False,
        ),
        ({"StringEquals": {"ec2:InstanceMetadataTags": "disabled"}}, {}, True),
        ({"StringEquals": {"ec2:InstanceType": "t3.micro"}}, {"InstanceType": "t3.micro"}, True),
        ({"StringEquals": {"ec2:InstanceType": "t3.micro"}}, {"InstanceType": "m5.large"}, False),
        ({"StringLike": {"ec2:InstanceProfile": "*:instance-profile/web"}}, {}, False),
        (
            {"StringLike": {"ec2:InstanceProfile": "*:instance-profile/web"}},
            {"IamInstanceProfile": {"Name": "web"}},
            True,
        ),
        ({"StringEquals": {"ec2:Region": REGION}}, {}, True),
        ({"StringEquals": {"ec2:Tenancy": "default"}}, {}, True),
    ],
)
def test_what_a_policy_may_say_of_the_new_instance(
    ec2: Ec2Account, condition: dict[str, object], asked: dict[str, object], allowed: bool
) -> None:
    ec2.instance_profile("web")
    others = [each for each in NEEDED if not each.endswith("instance/*")]
    launcher = ec2.account.add_user(
        "launcher",
        policy(Action="ec2:RunInstances", Resource=others),
        policy(Action="ec2:RunInstances", Resource=f"{HERE}:instance/*", Condition=condition),
    )
    if allowed:
        assert ec2.launch(as_=launcher, **asked)
    else:
        assert ec2.refused_launch(as_=launcher, **asked)[0] == "UnauthorizedOperation"
