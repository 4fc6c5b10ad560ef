"""What an organization's control policies come to, level by level, for one account."""

from structlog.testing import capture_logs

from tabard.model.organization import FULL_ACCESS, ControlPolicy, ControlType
from tabard.policy import (
    AccessRequest,
    Decision,
    Effect,
    Layer,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    decide,
)
from tabard.store.compiled_policies import POLICY_UNREADABLE, compile_identity_policies
from tabard.store.controls import NO_CONTROLS, Controls, controls_of
from tests.support.aggregates import ACCOUNT_ID, denies, organization

MANAGEMENT = "999988887777"
ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"%s","Resource":"*"}}'
EVERYTHING = compile_identity_policies((("all", ALLOW % "*"),))
SERVICE = ControlPolicy(
    name="no buckets", control_type=ControlType.SERVICE, document=denies("s3:CreateBucket")
)
RESOURCE = ControlPolicy(
    name="no reading",
    control_type=ControlType.RESOURCE,
    document=denies("s3:GetObject", control_type=ControlType.RESOURCE),
)
READ_ALONE = ControlPolicy(
    name="read alone",
    control_type=ControlType.SERVICE,
    document=ALLOW % "s3:Get*",
)


def decided(controls: Controls, action: str) -> Decision:
    request = AccessRequest(
        action=action,
        resource="*",
        principal=PolicyPrincipal(
            kind=PrincipalKind.USER, arn=f"arn:aws:iam::{ACCOUNT_ID}:user/a", account_id=ACCOUNT_ID
        ),
        context=RequestContext({}),
    )
    return decide(
        request,
        PolicyLayers(
            identity=EVERYTHING, service_control=controls.service, resource_control=controls.resource
        ),
    )


def test_full_access_at_every_level_allows_what_identity_policies_do() -> None:
    controls = controls_of(organization(), ACCOUNT_ID)
    assert (len(controls.service), len(controls.resource)) == (3, 3)
    assert decided(controls, "s3:CreateBucket").allowed


def test_a_deny_at_any_level_denies_and_is_named_by_where_it_is_attached() -> None:
    controls = controls_of(organization(SERVICE, service_control=(FULL_ACCESS, "no buckets")), ACCOUNT_ID)
    decision = decided(controls, "s3:CreateBucket")
    assert (decision.effect, decision.layer) == (Effect.EXPLICIT_DENY, Layer.SERVICE_CONTROL)
    assert [statement.policy for statement in decision.matched] == [f"{ACCOUNT_ID}/no buckets"]
    assert decided(controls, "s3:GetObject").allowed


def test_every_level_must_allow() -> None:
    """AWS: "there must be an explicit Allow statement at every level from the root through each OU"
    (orgs_manage_policies_scps_evaluation.html).
    """
    controls = controls_of(organization(READ_ALONE, service_control=("read alone",)), ACCOUNT_ID)
    assert decided(controls, "s3:GetObject").allowed
    decision = decided(controls, "s3:PutObject")
    assert (decision.effect, decision.layer) == (Effect.IMPLICIT_DENY, Layer.SERVICE_CONTROL)


def test_resource_control_policies_deny_beside_awss_own_that_allows() -> None:
    controls = controls_of(organization(RESOURCE, resource_control=("no reading",)), ACCOUNT_ID)
    decision = decided(controls, "s3:GetObject")
    assert (decision.effect, decision.layer) == (Effect.EXPLICIT_DENY, Layer.RESOURCE_CONTROL)
    assert [statement.policy for statement in decision.matched] == [f"{ACCOUNT_ID}/no reading"]
    assert decided(controls, "s3:PutObject").allowed


def test_the_management_account_is_bound_by_nothing_and_is_in_the_organization() -> None:
    found = organization(SERVICE, account_id=MANAGEMENT, service_control=("no buckets",))
    controls = controls_of(found, MANAGEMENT)
    assert (controls.service, controls.resource) == ((), ())
    assert controls.principal_keys["aws:principalorgid"] == (found.organization_id,)
    assert controls.principal_keys["aws:principalorgpaths"] == ("o-exampleorg1/r-root/ou-root-workload1/",)
    untold = controls_of(organization(), MANAGEMENT)
    assert dict(untold.principal_keys) == {"aws:principalorgid": ("o-exampleorg1",)}


def test_keys_tell_the_organization_and_the_path_to_the_account() -> None:
    """AWS: reference_policies_condition-keys.html, aws:PrincipalOrgPaths, aws:ResourceOrgPaths."""
    controls = controls_of(organization(), ACCOUNT_ID)
    path = ("o-exampleorg1/r-root/ou-root-workload1/",)
    assert dict(controls.principal_keys) == {
        "aws:principalorgid": ("o-exampleorg1",),
        "aws:principalorgpaths": path,
    }
    assert dict(controls.resource_keys) == {
        "aws:resourceorgid": ("o-exampleorg1",),
        "aws:resourceorgpaths": path,
    }


def test_nothing_is_said_about_an_account_that_is_not_in_it() -> None:
    assert controls_of(None, ACCOUNT_ID) is NO_CONTROLS
    assert controls_of(organization(), "444455556666") is NO_CONTROLS


def test_a_control_policy_that_cannot_be_evaluated_denies_everything_below_it() -> None:
    for policy in (SERVICE, RESOURCE):
        broken = ControlPolicy(name="broken", control_type=policy.control_type, document="{")
        attached = {
            "service_control": (FULL_ACCESS, "broken") if policy is SERVICE else (FULL_ACCESS,),
            "resource_control": ("broken",) if policy is RESOURCE else (),
        }
        with capture_logs() as logs:
            controls = controls_of(organization(broken, **attached), ACCOUNT_ID)
        assert decided(controls, "s3:ListBucket").effect is Effect.EXPLICIT_DENY
        assert [(entry["event"], entry["policy"]) for entry in logs] == [
            (POLICY_UNREADABLE, f"{ACCOUNT_ID}/broken")
        ]
