"""Organizations' control policies: every level must allow, none may deny, and none grants anything.

AWS: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html,
…/orgs_manage_policies_rcps_evaluation.html, …/orgs_manage_policies_scps_syntax.html and
…/orgs_manage_policies_rcps_syntax.html
"""

import json

import pytest

from tabard.policy import (
    RESOURCE_CONTROL_FULL_ACCESS,
    SERVICE_CONTROL_FULL_ACCESS,
    Document,
    DocumentKind,
    Effect,
    Layer,
    MalformedPolicyDocument,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    compile_policies,
    decide,
    denial_sentence,
    explain,
    parse_document,
    require_customer_resource_control,
)
from tests.support.policy_cases import (
    ACCOUNT,
    ALICE,
    ANONYMOUS,
    EC2,
    OTHER_ACCOUNT,
    ROOT,
    WEB,
    about_resource,
    layers,
    request,
    resource_control,
    service_control,
    statement,
    trust,
)

ALLOW, EXPLICIT, IMPLICIT = Effect.ALLOW, Effect.EXPLICIT_DENY, Effect.IMPLICIT_DENY
IDENTITY, SERVICE, RESOURCE = Layer.IDENTITY, Layer.SERVICE_CONTROL, Layer.RESOURCE_CONTROL
ALL, NO_S3 = statement(action="*"), statement("Deny", action="s3:*")
YES = statement()
SQS_ONLY = statement(action="sqs:*")
PUBLIC = about_resource(statement(Principal="*"))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        # "there must be an explicit Allow statement at every level from the root … to the account"
        (layers(YES, **service_control(ALL, ALL, ALL)), (ALLOW, IDENTITY)),
        (layers(YES, **service_control(ALL, SQS_ONLY, ALL)), (IMPLICIT, SERVICE)),
        (layers(YES, **service_control(ALL, ALL, SQS_ONLY)), (IMPLICIT, SERVICE)),
        (layers(YES, **service_control(ALL, [SQS_ONLY, YES])), (ALLOW, IDENTITY)),
        # "any SCP from the root through each OU … can deny that permission"
        (layers(YES, **service_control([ALL, NO_S3], ALL)), (EXPLICIT, SERVICE)),
        (layers(YES, **service_control(SQS_ONLY, [ALL, NO_S3])), (EXPLICIT, SERVICE)),
        # "No permissions are granted by an SCP."
        (layers(**service_control(ALL)), (IMPLICIT, IDENTITY)),
        (layers(resource=PUBLIC, **service_control(SQS_ONLY)), (IMPLICIT, SERVICE)),
        (layers(resource=PUBLIC, **service_control(ALL)), (ALLOW, Layer.RESOURCE)),
        (layers(YES, **resource_control(ALL, ALL)), (ALLOW, IDENTITY)),
        (layers(YES, **resource_control(ALL, [ALL, NO_S3])), (EXPLICIT, RESOURCE)),
        (layers(YES, **resource_control(ALL, SQS_ONLY)), (IMPLICIT, RESOURCE)),
        (layers(**resource_control(ALL)), (IMPLICIT, IDENTITY)),
        (layers(YES, **service_control(ALL), **resource_control(ALL)), (ALLOW, IDENTITY)),
        (layers(YES, **service_control(SQS_ONLY), **resource_control(SQS_ONLY)), (IMPLICIT, RESOURCE)),
    ],
)
@pytest.mark.parametrize("principal", [ALICE, WEB])
def test_every_level_of_control_must_allow(
    asked: PolicyLayers, expected: tuple[Effect, Layer], principal: PolicyPrincipal
) -> None:
    decision = decide(request(principal=principal), asked)
    assert (decision.effect, decision.layer) == expected


def test_control_policies_bind_the_root_of_a_member_account() -> None:
    """AWS: "SCPs limit permissions for … each AWS account root user within" member accounts."""
    assert decide(request(principal=ROOT), layers(**service_control(SQS_ONLY))).layer is SERVICE
    assert decide(request(principal=ROOT), layers(**resource_control([ALL, NO_S3]))).layer is RESOURCE


SERVICE_LINKED = PolicyPrincipal(
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSServiceRoleForX/s",
    account_id=ACCOUNT,
    kind=PrincipalKind.ASSUMED_ROLE,
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
)


def test_a_service_linked_role_is_bound_by_no_control_policy() -> None:
    asked = layers(YES, **service_control([ALL, NO_S3]), **resource_control([ALL, NO_S3]))
    assert decide(request(principal=SERVICE_LINKED), asked).allowed
    assert not decide(request(principal=WEB), asked).allowed


@pytest.mark.parametrize("principal", [EC2, ANONYMOUS])
def test_service_control_binds_only_who_has_an_account_and_resource_control_everyone(
    principal: PolicyPrincipal,
) -> None:
    """AWS: "SCPs affect only IAM users and roles that are managed by accounts that are part of the
    organization"; RCPs restrict "IAM principals that are external to your organization" too."""
    assert decide(request(principal=principal), layers(resource=PUBLIC, **service_control(NO_S3))).allowed
    bound = layers(resource=PUBLIC, **resource_control([ALL, NO_S3]))
    assert decide(request(principal=principal), bound).layer is RESOURCE


def test_resource_control_asks_only_about_the_services_that_know_it() -> None:
    """AWS: "RCPs apply to actions for the following AWS services" """
    control = resource_control([ALL, statement("Deny", action=["ec2:*", "sts:*"])])
    identity = statement(action="*")
    assert decide(request(action="ec2:RunInstances"), layers(identity, **control)).allowed
    role = {"action": "sts:AssumeRole", "resource": f"arn:aws:iam::{ACCOUNT}:role/web"}
    trusting = trust({"Principal": {"AWS": ALICE.arn}})
    assert decide(request(**role), layers(identity, resource=trusting)).allowed
    assert decide(request(**role), layers(identity, resource=trusting, **control)).layer is RESOURCE


def test_across_accounts_each_side_has_its_own_control_policies() -> None:
    both = {"resource": PUBLIC, **service_control(ALL), **resource_control(ALL)}
    asked = request(resource_account=OTHER_ACCOUNT)
    assert decide(asked, layers(YES, **both)).allowed
    assert decide(asked, layers(YES, **{**both, **service_control(SQS_ONLY)})).layer is SERVICE
    assert decide(asked, layers(YES, **{**both, **resource_control([ALL, NO_S3])})).layer is RESOURCE


@pytest.mark.parametrize(
    ("control", "ending"),
    [
        (service_control(SQS_ONLY), "because no service control policy allows the s3:GetObject action"),
        (service_control([ALL, NO_S3]), "with an explicit deny in a service control policy"),
        (resource_control(SQS_ONLY), "because no resource control policy allows the s3:GetObject action"),
        (resource_control([ALL, NO_S3]), "with an explicit deny in a resource control policy"),
    ],
)
def test_a_denial_names_the_kind_of_control_policy(control: dict[str, object], ending: str) -> None:
    asked = layers(YES, **control)
    decision = decide(request(), asked)
    assert denial_sentence(request(), decision).endswith(ending)
    assert explain(request(), asked).findings[0].layer is decision.layer


def test_full_access_lets_everything_pass_and_grants_nothing() -> None:
    def full(document: Document) -> tuple[object, ...]:
        return (compile_policies([NamedDocument("full", document)]),)

    control = {
        "service_control": full(SERVICE_CONTROL_FULL_ACCESS),
        "resource_control": full(RESOURCE_CONTROL_FULL_ACCESS),
    }
    assert decide(request(), layers(YES, **control)).allowed
    assert not decide(request(), layers(**control)).allowed


def _parsed(tree: dict[str, object], kind: DocumentKind, version: str = "2012-10-17") -> Document:
    return parse_document(json.dumps({"Version": version, "Statement": [tree]}), kind=kind)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Effect": "Deny", "Action": None, "NotAction": ["iam:*", "sts:*"]},
        {"Resource": None, "NotResource": "arn:aws:s3:::b/*"},
        {"Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}},
    ],
)
def test_a_service_control_policy_knows_every_element_but_principals(changes: dict[str, object]) -> None:
    tree = statement(**{"Action": "s3:*", **changes})
    assert _parsed(tree, DocumentKind.SERVICE_CONTROL).statements
    with pytest.raises(MalformedPolicyDocument, match="should not specify a principal"):
        _parsed({**tree, "Principal": "*"}, DocumentKind.SERVICE_CONTROL)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Principal": None}, "Missing required field Principal"),
        ({"Principal": {"AWS": ACCOUNT}}, r"Invalid principal in policy\."),
        ({"Principal": None, "NotPrincipal": "*"}, "Has prohibited field NotPrincipal"),
        ({"Action": None, "NotAction": "s3:*"}, "Has prohibited field NotAction"),
        ({"Resource": None}, r"Policy statement must contain resources\."),
    ],
)
def test_a_resource_control_policy_is_for_everyone(changes: dict[str, object], sentence: str) -> None:
    tree = statement("Deny", **{"Principal": "*", **changes})
    with pytest.raises(MalformedPolicyDocument, match=sentence):
        _parsed(tree, DocumentKind.RESOURCE_CONTROL)


@pytest.mark.parametrize(
    ("tree", "version", "sentence"),
    [
        (statement("Deny", Principal="*"), "2012-10-17", None),
        (statement("Deny", Principal={"AWS": "*"}), "2012-10-17", None),
        (statement("Deny", Principal="*"), "2008-10-17", "must be version"),
        (statement("Allow", Principal="*"), "2012-10-17", "must be Deny"),
        (statement("Deny", action="*", Principal="*"), "2012-10-17", "must name a service"),
    ],
)
def test_a_customer_writes_resource_control_that_only_denies(
    tree: dict[str, object], version: str, sentence: str | None
) -> None:
    document = _parsed(tree, DocumentKind.RESOURCE_CONTROL, version)
    if sentence is None:
        require_customer_resource_control(document)
        return
    with pytest.raises(MalformedPolicyDocument, match=sentence):
        require_customer_resource_control(document)
