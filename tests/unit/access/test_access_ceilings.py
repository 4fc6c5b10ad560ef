"""What bounds a caller beside its own policies: the permissions boundary, and the organization's policies."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tabard.access.authorize import Denied, Permit, authorize
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.access.mint import InstanceRoleNotTrusted, Mint
from tabard.model.host import Host
from tabard.model.organization import FULL_ACCESS, ControlPolicy, ControlType
from tabard.model.policies import ManagedPolicy, PolicyVersion
from tabard.policy import Layer
from tests.support.aggregates import denies, organization
from tests.support.installation import ACCOUNT_ID, HOST_ID, INSTANCE_ID, Installation, instance_facts

READ = Check(action="s3:GetObject", resource="arn:aws:s3:::b/k")
WRITE = Check(action="s3:PutObject", resource="arn:aws:s3:::b/k")
QUEUES = Check(action="sqs:ListQueues", resource="*")
BOUNDARY = f"arn:aws:iam::{ACCOUNT_ID}:policy/boundary"


def policy(action: str, *, effect: str = "Allow", **more: object) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def bound(here: Installation, document: str) -> None:
    """Give alice and the role `web` the managed policy `boundary` as their permissions boundary."""
    managed = ManagedPolicy(
        policy_id="ANPAIOSFODNN7EXAMPLEX",
        name="boundary",
        path="/",
        partition="aws",
        account_id=ACCOUNT_ID,
        description="",
        default_version_id="v1",
        versions=(PolicyVersion(version_id="v1", document=document, created_at=here.now),),
        created_at=here.now,
        updated_at=here.now,
    )
    here.web = replace(here.web, permissions_boundary_arn=BOUNDARY)
    here.alice = replace(here.alice, permissions_boundary_arn=BOUNDARY)
    with here.store.transaction() as tx:
        tx.managed_policies.insert(managed)
        tx.users.update(here.alice)
        tx.roles.update(here.web)


def govern(
    here: Installation, *policies: ControlPolicy, account_id: str = ACCOUNT_ID, **more: object
) -> None:
    """Put the account into an organization in which these are attached to it, beside full access."""
    service = tuple(each.name for each in policies if each.control_type is ControlType.SERVICE)
    resource = tuple(each.name for each in policies if each.control_type is ControlType.RESOURCE)
    given: dict[str, object] = {
        "service_control": (FULL_ACCESS, *service),
        "resource_control": resource,
        "account_id": ACCOUNT_ID,
        **more,
    }
    with here.store.transaction() as tx:
        tx.organizations.put(organization(*policies, **given))


def scp(document: str) -> ControlPolicy:
    return ControlPolicy(name="scp", control_type=ControlType.SERVICE, document=document)


def rcp(action: str) -> ControlPolicy:
    document = denies(action, control_type=ControlType.RESOURCE)
    return ControlPolicy(name="rcp", control_type=ControlType.RESOURCE, document=document)


def web(here: Installation, *policies: str) -> Caller:
    here.allow(*policies)
    return here.caller(here.signed("sts", here.session_of(here.web)))


def permit(here: Installation, caller: Caller, *checks: Check) -> Permit:
    return authorize(caller, checks, here.facts("s3"), here.snapshot)


def denied(here: Installation, caller: Caller, check: Check) -> Denied:
    with pytest.raises(Denied) as caught:
        permit(here, caller, check)
    return caught.value


def test_a_boundary_bounds_a_role_and_says_so(here: Installation) -> None:
    caller = web(here, policy("s3:*"))
    permit(here, caller, READ, WRITE)
    bound(here, policy("s3:GetObject"))
    permit(here, caller, READ)
    refusal = denied(here, caller, WRITE)
    assert refusal.denial.decision.layer is Layer.BOUNDARY
    assert refusal.message.endswith("because no permissions boundary allows the s3:PutObject action")


def test_a_boundary_bounds_a_user_and_its_explicit_deny_is_named(here: Installation) -> None:
    bound(here, policy("s3:GetObject", effect="Deny"))
    alice = here.caller(here.signed("iam", here.alice_key))
    refusal = denied(here, alice, READ)
    assert refusal.message.endswith("with an explicit deny in a permissions boundary")


def test_a_boundary_may_ask_about_the_principal(here: Installation) -> None:
    bound(here, policy("s3:*", Condition={"StringEquals": {"aws:PrincipalTag/Team": "green"}}))
    caller = web(here, policy("s3:*"))
    permit(here, caller, READ)
    here.web = replace(here.web, tags=())
    with here.store.transaction() as tx:
        tx.roles.update(here.web)
    denied(here, here.caller(here.signed("sts", here.session_of(here.web))), READ)


def test_a_service_control_policy_binds_users_roles_and_the_root(here: Installation) -> None:
    caller = web(here, policy("*"))
    govern(here, scp(denies("s3:PutObject")))
    permit(here, caller, READ)
    refusal = denied(here, caller, WRITE)
    assert refusal.denial.decision.layer is Layer.SERVICE_CONTROL
    assert refusal.message.endswith("with an explicit deny in a service control policy")
    root = here.caller(here.signed("iam", here.root_key))
    permit(here, root, READ)
    assert denied(here, root, WRITE).denial.decision.layer is Layer.SERVICE_CONTROL


def test_what_no_service_control_policy_allows_at_some_level_is_denied(here: Installation) -> None:
    govern(here, scp(policy("sqs:*")), service_control=("scp",))
    caller = web(here, policy("*"))
    permit(here, caller, QUEUES)
    refusal = denied(here, caller, READ)
    assert refusal.message.endswith("because no service control policy allows the s3:GetObject action")


def test_a_control_policy_grants_nothing(here: Installation) -> None:
    govern(here, scp(policy("*")))
    assert denied(here, web(here), READ).denial.decision.layer is Layer.IDENTITY


def test_a_resource_control_policy_binds_the_services_that_heed_it(here: Installation) -> None:
    caller = web(here, policy("*"))
    govern(here, rcp("s3:PutObject"))
    permit(here, caller, READ, QUEUES)
    refusal = denied(here, caller, WRITE)
    assert refusal.message.endswith("with an explicit deny in a resource control policy")


def test_the_management_account_is_not_bound(here: Installation) -> None:
    """AWS: "SCPs don't affect users or roles in the management account"."""
    govern(here, scp(denies("s3:*")), rcp("s3:*"), management_account_id=ACCOUNT_ID)
    permit(here, web(here, policy("s3:*")), READ)


def test_hosts_are_not_bound_as_awss_own_services_are_not(here: Installation) -> None:
    govern(here, scp(denies("hosts:*")))
    host = here.caller(here.signed("hosts", here.host_key))
    found: Host = here.snapshot.hosts[HOST_ID]
    authorize(
        host,
        [Check(action="hosts:DescribeHostInstances", resource=found.arn)],
        here.facts("hosts"),
        here.snapshot,
    )


def minted(here: Installation) -> None:
    """A session for an instance, as its host fetches it."""
    check = Check(
        action="hosts:GetInstanceSession",
        resource=f"arn:aws:ec2:{here.facts().region}:{ACCOUNT_ID}:instance/{INSTANCE_ID}",
        context={"hosts:instancehostid": (HOST_ID,)},
    )
    host = here.caller(here.signed("hosts", here.host_key))
    given = authorize(host, [check], here.facts("hosts"), here.snapshot)
    mint = Mint(snapshot=here.snapshot, keyring=here.keyring, instance_session_lifetime=timedelta(hours=6))
    mint.for_instance(given, role=here.web, instance=instance_facts())


def test_instances_get_sessions_whatever_service_control_policies_deny(here: Installation) -> None:
    govern(here, scp(denies("sts:AssumeRole")))
    minted(here)


def test_a_resource_control_policy_may_keep_a_role_from_ec2_too(here: Installation) -> None:
    """AWS: orgs_manage_policies_rcps_examples.html leaves services out by aws:PrincipalIsAWSService."""
    govern(here, rcp("sts:AssumeRole"))
    with pytest.raises(InstanceRoleNotTrusted):
        minted(here)
    document = json.loads(denies("sts:AssumeRole", control_type=ControlType.RESOURCE))
    document["Statement"][0]["Condition"] = {
        "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
    govern(here, replace(rcp("sts:AssumeRole"), document=json.dumps(document)))
    minted(here)
