"""Which global condition keys a decision sees: a table, key by key, of who has it and who has not.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html ("Availability")
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from tabard.access.authorize import Denied, authorize
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.access.refusals import Service
from tabard.model.instance import Instance, InstanceState, MetadataOptions
from tabard.policy import Multivalued
from tabard.policy.vocabulary import MULTIVALUED_GLOBAL_KEYS
from tests.support.aggregates import organization
from tests.support.installation import ACCOUNT_ID, HOST_ID, INSTANCE_ID, REGION, Installation, instance_facts

Keys = Mapping[str, tuple[str, ...]]

ASKED = Check(action="s3:GetObject", resource="arn:aws:s3:::b/k")
PATHS = "o-exampleorg1/r-root/ou-root-workload1/"

ALWAYS = {
    "aws:CurrentTime": "2026-01-31T12:00:00Z",
    "aws:EpochTime": str(int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp())),
    "aws:PrincipalAccount": ACCOUNT_ID,
    "aws:PrincipalIsAWSService": "false",
    "aws:RequestedRegion": REGION,
    "aws:ResourceAccount": ACCOUNT_ID,
    "aws:SecureTransport": "false",
    "aws:SourceIp": "127.0.0.1",
    "aws:UserAgent": "tests",
    "aws:ViaAWSService": "false",
}
"""What every request has, whoever sends it."""

NEVER = (
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpcSourceIp",
    "aws:RequestTag/Team",
    "aws:ResourceTag/Team",
    "aws:TagKeys",
)
"""What a request has not that no service sends, that comes by no known path, and that asks for no tags."""


def seen(here: Installation, caller: Caller, service: Service = "s3", **facts: object) -> Keys:
    """What a decision about this caller sees, by way of a denial."""
    with pytest.raises(Denied) as caught:
        authorize(caller, [ASKED], here.facts(service, **facts), here.snapshot)
    return caught.value.denial.request.context.values


@pytest.fixture
def callers(here: Installation) -> Mapping[str, Caller]:
    """A user, a session that a user made, and one of an instance; the session has tags and an identity."""
    with here.store.transaction() as tx:
        tx.instances.insert(
            Instance(
                instance_id=INSTANCE_ID,
                reservation_id="r-0123456789abcdef0",
                owner_account_id=ACCOUNT_ID,
                image_id="ami-0123456789abcdef0",
                host_id=HOST_ID,
                instance_type="t3.micro",
                region=REGION,
                availability_zone=f"{REGION}a",
                private_ip_address="10.0.0.4",
                mac_address="02:00:00:00:00:07",
                state=InstanceState.RUNNING,
                metadata_options=MetadataOptions(),
                launched_at=here.now,
                launched_by=here.alice.arn,
            )
        )
    of_instance = here.session_of(here.web, session_name=INSTANCE_ID, instance=instance_facts())
    assumed = here.session_of(here.web, tags=(("Project", "x"),), source_identity="alice")
    return {
        "user": here.caller(here.signed("s3", here.alice_key)),
        "session": here.caller(here.signed("s3", assumed)),
        "instance": here.caller(here.signed("s3", of_instance)),
    }


EVERYBODY = ("user", "session", "instance")
TABLE: list[tuple[str, Mapping[str, str]]] = [
    ("aws:PrincipalType", {"user": "User", "session": "AssumedRole", "instance": "AssumedRole"}),
    (
        "aws:PrincipalArn",
        {
            "user": f"arn:aws:iam::{ACCOUNT_ID}:user/staff/alice",
            "session": f"arn:aws:iam::{ACCOUNT_ID}:role/web",
            "instance": f"arn:aws:iam::{ACCOUNT_ID}:role/web",
        },
    ),
    ("aws:username", {"user": "alice"}),
    ("aws:userid", {"user": "ALICE", "session": "WEB:session", "instance": f"WEB:{INSTANCE_ID}"}),
    ("aws:PrincipalTag/Team", {"user": "blue", "session": "green", "instance": "green"}),
    ("aws:PrincipalTag/Project", {"session": "x"}),
    ("aws:SourceIdentity", {"session": "alice"}),
    ("aws:TokenIssueTime", {"session": "2026-01-31T12:00:00Z", "instance": "2026-01-31T12:00:00Z"}),
    ("aws:MultiFactorAuthPresent", {"session": "false", "instance": "false"}),
    ("aws:Ec2InstanceSourceVpc", {"instance": "vpc-0123456789abcdef0"}),
    ("aws:Ec2InstanceSourcePrivateIPv4", {"instance": "10.0.0.4"}),
    ("ec2:RoleDelivery", {"instance": "2.0"}),
    (
        "ec2:SourceInstanceARN",
        {"instance": f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{INSTANCE_ID}"},
    ),
    ("aws:PrincipalOrgID", {}),
    ("aws:PrincipalOrgPaths", {}),
    ("aws:ResourceOrgID", {}),
    ("aws:ResourceOrgPaths", {}),
]


@pytest.mark.parametrize(("key", "expected"), TABLE, ids=[key for key, _ in TABLE])
def test_who_has_a_key_of_the_principal(
    here: Installation, callers: Mapping[str, Caller], key: str, expected: Mapping[str, str]
) -> None:
    ids = {"ALICE": here.alice.user_id, "WEB": here.web.role_id}
    for name in EVERYBODY:
        wanted = expected.get(name)
        for stand_in, unique_id in ids.items():
            wanted = wanted.replace(stand_in, unique_id) if wanted is not None else None
        found = seen(here, callers[name]).get(key.lower())
        assert found == (None if wanted is None else (wanted,)), name


@pytest.mark.parametrize("name", EVERYBODY)
def test_what_every_request_has_and_what_none(
    here: Installation, callers: Mapping[str, Caller], name: str
) -> None:
    keys = seen(here, callers[name])
    assert {key: keys.get(key.lower()) for key in ALWAYS} == {key: (text,) for key, text in ALWAYS.items()}
    assert [key for key in NEVER if key.lower() in keys] == []


def test_the_root_has_no_name_and_its_account_for_an_id(here: Installation) -> None:
    root = here.caller(here.signed("s3", here.root_key))
    assert root.condition_keys["aws:principaltype"] == ("Account",)
    assert root.condition_keys["aws:userid"] == (ACCOUNT_ID,)
    assert "aws:username" not in root.condition_keys
    assert "aws:tokenissuetime" not in root.condition_keys


def test_what_the_client_leaves_out_is_absent(here: Installation, callers: Mapping[str, Caller]) -> None:
    keys = seen(here, callers["user"], user_agent="", source_ip="")
    assert not {"aws:useragent", "aws:sourceip", "aws:referer"} & set(keys)
    assert seen(here, callers["user"], referer="http://here/")["aws:referer"] == ("http://here/",)
    assert seen(here, callers["user"], secure=True)["aws:securetransport"] == ("true",)


def test_in_an_organization_principal_and_resource_say_which_and_where(
    here: Installation, callers: Mapping[str, Caller]
) -> None:
    with here.store.transaction() as tx:
        tx.organizations.put(organization(account_id=ACCOUNT_ID))
    for name in EVERYBODY:
        keys = seen(here, callers[name])
        assert keys["aws:principalorgid"] == keys["aws:resourceorgid"] == ("o-exampleorg1",)
        assert keys["aws:principalorgpaths"] == keys["aws:resourceorgpaths"] == (PATHS,)
    with here.store.transaction() as tx:
        tx.organizations.put(organization(account_id="444455556666"))
    assert "aws:principalorgid" not in seen(here, callers["user"])


@pytest.mark.parametrize("name", EVERYBODY)
def test_every_key_is_multivalued_where_aws_says_so_and_else_has_one_value(
    here: Installation, callers: Mapping[str, Caller], name: str
) -> None:
    """AWS: each key's "Value type", on the same page."""
    with here.store.transaction() as tx:
        tx.organizations.put(organization(account_id=ACCOUNT_ID))
    keys = seen(here, callers[name], referer="http://here/")
    multivalued = {key for key, values in keys.items() if isinstance(values, Multivalued)}
    assert multivalued == {"aws:principalorgpaths", "aws:resourceorgpaths"}
    assert multivalued == {key for key in keys if key in map(str.lower, MULTIVALUED_GLOBAL_KEYS)}
    assert [key for key, values in keys.items() if key not in multivalued and len(values) != 1] == []


def test_what_a_check_knows_is_seen_by_that_check_alone(
    here: Installation, callers: Mapping[str, Caller]
) -> None:
    tagged = Check(
        action=ASKED.action, resource=ASKED.resource, context={"aws:tagkeys": Multivalued(["Team"])}
    )
    with pytest.raises(Denied) as caught:
        authorize(callers["user"], [tagged], here.facts(), here.snapshot)
    assert caught.value.denial.request.context.values["aws:tagkeys"] == ("Team",)
    assert "aws:tagkeys" not in callers["user"].condition_keys
