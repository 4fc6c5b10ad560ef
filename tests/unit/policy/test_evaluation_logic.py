"""How the layers combine.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html,
…/reference_policies_evaluation-logic-cross-account.html, …/access_policies_boundaries.html and
…/access_policies.html#policies_session
"""

import pytest

from tabard.policy import (
    CompiledPolicies,
    Effect,
    Layer,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    compile_policies,
    decide,
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
    policies,
    request,
    statement,
    trust,
)

ALLOW, EXPLICIT, IMPLICIT = Effect.ALLOW, Effect.EXPLICIT_DENY, Effect.IMPLICIT_DENY
IDENTITY, RESOURCE, BOUNDARY, SESSION = Layer.IDENTITY, Layer.RESOURCE, Layer.BOUNDARY, Layer.SESSION
YES, NO = statement(), statement("Deny")
NOTHING = compile_policies([])
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/web"


def _allowing(who: object) -> CompiledPolicies:
    return about_resource(statement(Principal=who))


@pytest.mark.parametrize("principal", [ALICE, WEB])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (layers(), (IMPLICIT, IDENTITY)),
        (layers(YES), (ALLOW, IDENTITY)),
        (layers(NO), (EXPLICIT, IDENTITY)),
        (layers(YES, NO), (EXPLICIT, IDENTITY)),
        # "If you set a permissions boundary …, only actions allowed by both"
        (layers(YES, boundary=policies(YES)), (ALLOW, IDENTITY)),
        (layers(YES, boundary=NOTHING), (IMPLICIT, BOUNDARY)),
        (layers(YES, boundary=policies(YES, NO)), (EXPLICIT, BOUNDARY)),
        (layers(boundary=policies(YES)), (IMPLICIT, IDENTITY)),
        # "The resulting session's permissions are the intersection …"
        (layers(YES, session=policies(YES)), (ALLOW, IDENTITY)),
        (layers(YES, session=NOTHING), (IMPLICIT, SESSION)),
        (layers(YES, session=policies(NO)), (EXPLICIT, SESSION)),
        (layers(session=policies(YES)), (IMPLICIT, IDENTITY)),
        (layers(YES, boundary=policies(YES), session=policies(YES)), (ALLOW, IDENTITY)),
        # A resource policy that says nothing of the principal takes nothing away.
        (layers(YES, resource=NOTHING), (ALLOW, IDENTITY)),
        (layers(YES, resource=_allowing({"AWS": OTHER_ACCOUNT})), (ALLOW, IDENTITY)),
        (layers(resource=_allowing({"AWS": OTHER_ACCOUNT})), (IMPLICIT, IDENTITY)),
        # "For IAM users and role principals within your account, no other permissions are required."
        (layers(resource=_allowing("*")), (ALLOW, RESOURCE)),
        (layers(resource=_allowing("*"), boundary=NOTHING, session=NOTHING), (ALLOW, RESOURCE)),
        (layers(resource=_allowing("*"), session=policies(NO)), (EXPLICIT, SESSION)),
        # "This delegates authority to the account."
        (layers(resource=_allowing({"AWS": ACCOUNT})), (IMPLICIT, IDENTITY)),
        (layers(YES, resource=_allowing({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})), (ALLOW, IDENTITY)),
        # "An explicit deny in any of these policies overrides the allow."
        (layers(YES, resource=about_resource(statement("Deny", Principal="*"))), (EXPLICIT, RESOURCE)),
        (
            layers(YES, resource=about_resource(statement("Deny", Principal={"AWS": ACCOUNT}))),
            (EXPLICIT, RESOURCE),
        ),
        (
            layers(YES, resource=about_resource(statement("Deny", Principal={"AWS": OTHER_ACCOUNT}))),
            (ALLOW, IDENTITY),
        ),
    ],
)
def test_layers_within_one_account(
    asked: object, expected: tuple[Effect, Layer], principal: PolicyPrincipal
) -> None:
    decision = decide(request(principal=principal, resource_account=ACCOUNT), asked)
    assert (decision.effect, decision.layer) == expected
    assert decision.allowed is (expected[0] is ALLOW)


@pytest.mark.parametrize(
    ("principal", "named", "limits", "expected"),
    [
        # "Resource-based policies and implicit denies in other policy types (same account)"
        (ALICE, ALICE.arn, {"boundary": NOTHING}, (ALLOW, RESOURCE)),
        (WEB, WEB.arn, {"boundary": NOTHING, "session": NOTHING}, (ALLOW, RESOURCE)),
        (WEB, ROLE_ARN, {}, (ALLOW, RESOURCE)),
        (WEB, ROLE_ARN, {"boundary": policies(YES), "session": policies(YES)}, (ALLOW, RESOURCE)),
        (WEB, ROLE_ARN, {"boundary": NOTHING}, (IMPLICIT, BOUNDARY)),
        (WEB, ROLE_ARN, {"session": NOTHING}, (IMPLICIT, SESSION)),
        (WEB, f"arn:aws:iam::{ACCOUNT}:role/other", {}, (IMPLICIT, IDENTITY)),
        (ROOT, ROOT.arn, {}, (ALLOW, RESOURCE)),
    ],
)
def test_how_a_resource_policy_names_a_principal_decides_what_limits_it(
    principal: PolicyPrincipal,
    named: str,
    limits: dict[str, CompiledPolicies],
    expected: tuple[Effect, Layer],
) -> None:
    decision = decide(request(principal=principal), layers(resource=_allowing({"AWS": named}), **limits))
    assert (decision.effect, decision.layer) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (layers(YES), (IMPLICIT, RESOURCE)),
        (layers(resource=_allowing("*")), (IMPLICIT, IDENTITY)),
        (layers(resource=_allowing({"AWS": ALICE.arn})), (IMPLICIT, IDENTITY)),
        (layers(YES, resource=NOTHING), (IMPLICIT, RESOURCE)),
        (layers(YES, resource=_allowing({"AWS": ACCOUNT})), (ALLOW, IDENTITY)),
        (layers(YES, resource=_allowing({"AWS": ALICE.arn})), (ALLOW, IDENTITY)),
        (layers(YES, resource=_allowing({"AWS": ALICE.arn}), boundary=NOTHING), (IMPLICIT, BOUNDARY)),
        (layers(YES, NO, resource=_allowing("*")), (EXPLICIT, IDENTITY)),
    ],
)
def test_across_accounts_both_sides_must_allow(asked: object, expected: tuple[Effect, Layer]) -> None:
    decision = decide(request(resource_account=OTHER_ACCOUNT), asked)
    assert (decision.effect, decision.layer) == expected


def test_a_decision_across_accounts_rests_on_both_statements() -> None:
    decision = decide(request(resource_account=OTHER_ACCOUNT), layers(YES, resource=_allowing("*")))
    assert [(matched.policy, matched.index) for matched in decision.matched] == [("p", 0), ("p", 0)]


def test_the_root_of_an_account_needs_no_policy_and_heeds_a_deny() -> None:
    """AWS: "with the exception of the AWS account root user, which has full access" """
    assert decide(request(principal=ROOT), layers()).allowed
    assert decide(request(principal=ROOT), layers()).matched == ()
    denying = about_resource(statement("Deny", Principal="*"))
    assert decide(request(principal=ROOT), layers(resource=denying)).effect is EXPLICIT
    assert not decide(request(principal=ROOT, resource_account=OTHER_ACCOUNT), layers()).allowed


ASSUME = {"action": "sts:AssumeRole", "resource": ROLE_ARN}
MAY_ASSUME = statement(action="sts:AssumeRole")


@pytest.mark.parametrize(
    ("principal", "asked", "expected"),
    [
        # "IAM role trust policies … must explicitly allow access for principals."
        (ALICE, layers(MAY_ASSUME), (IMPLICIT, RESOURCE)),
        (
            ALICE,
            layers(MAY_ASSUME, resource=trust({"Principal": {"Service": "ec2.amazonaws.com"}})),
            (IMPLICIT, RESOURCE),
        ),
        (ALICE, layers(MAY_ASSUME, resource=trust({"Principal": {"AWS": ACCOUNT}})), (ALLOW, IDENTITY)),
        (ALICE, layers(resource=trust({"Principal": {"AWS": ACCOUNT}})), (IMPLICIT, IDENTITY)),
        (ALICE, layers(resource=trust({"Principal": {"AWS": ALICE.arn}})), (ALLOW, RESOURCE)),
        (WEB, layers(resource=trust({"Principal": {"AWS": ROLE_ARN}})), (ALLOW, RESOURCE)),
        (ALICE, layers(NO, resource=trust({"Principal": {"AWS": ALICE.arn}})), (ALLOW, RESOURCE)),
        (
            ALICE,
            layers(MAY_ASSUME, resource=trust({"Effect": "Deny", "Principal": {"AWS": ACCOUNT}})),
            (EXPLICIT, RESOURCE),
        ),
        (EC2, layers(resource=trust({"Principal": {"Service": "ec2.amazonaws.com"}})), (ALLOW, RESOURCE)),
        (EC2, layers(resource=trust({"Principal": {"Service": "ecs.amazonaws.com"}})), (IMPLICIT, RESOURCE)),
        (EC2, layers(resource=trust({"Principal": {"AWS": ACCOUNT}})), (IMPLICIT, RESOURCE)),
        (EC2, layers(MAY_ASSUME), (IMPLICIT, RESOURCE)),
    ],
)
def test_a_role_is_assumed_by_whom_its_trust_policy_names(
    principal: PolicyPrincipal, asked: object, expected: tuple[Effect, Layer]
) -> None:
    decision = decide(request(principal=principal, resource_account=ACCOUNT, **ASSUME), asked)
    assert (decision.effect, decision.layer) == expected


def test_an_external_id_is_a_condition_of_the_trust_policy() -> None:
    """AWS: …/id_roles_create_for-user_externalid.html"""
    trusting = trust(
        {"Principal": {"AWS": ALICE.arn}, "Condition": {"StringEquals": {"sts:ExternalId": "42"}}}
    )
    assert decide(request(sts__ExternalId="42", **ASSUME), layers(resource=trusting)).allowed
    assert not decide(request(**ASSUME), layers(resource=trusting)).allowed


def test_a_key_policy_must_name_the_principal_too() -> None:
    key = {"action": "kms:Decrypt", "resource": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"}
    may = statement(action="kms:*")
    assert decide(request(**key), layers(may)).layer is RESOURCE
    delegating = about_resource(statement(action="kms:*", Principal={"AWS": ACCOUNT}))
    assert decide(request(**key), layers(may, resource=delegating)).allowed


FEDERATED = PolicyPrincipal(
    arn="", account_id="", kind=PrincipalKind.FEDERATED, federated="accounts.google.com"
)
CANONICAL = PolicyPrincipal(arn="", account_id="", kind=PrincipalKind.ANONYMOUS, canonical_user="79a5")


@pytest.mark.parametrize(
    ("principal", "named", "expected"),
    [
        (ANONYMOUS, "*", True),
        (ANONYMOUS, {"AWS": "*"}, True),
        (ANONYMOUS, {"AWS": ACCOUNT}, False),
        (EC2, "*", True),
        (FEDERATED, {"Federated": "accounts.google.com"}, True),
        (FEDERATED, {"Federated": "www.amazon.com"}, False),
        (CANONICAL, {"CanonicalUser": "79a5"}, True),
        (CANONICAL, {"CanonicalUser": "79a6"}, False),
    ],
)
def test_whoever_has_no_account_needs_the_resource_alone(
    principal: PolicyPrincipal, named: object, expected: bool
) -> None:
    assert decide(request(principal=principal), layers(YES, resource=_allowing(named))).allowed is expected


SESSION_ROLE_ACCOUNT = [WEB.arn, ROLE_ARN, f"arn:aws:iam::{ACCOUNT}:root"]


@pytest.mark.parametrize(
    ("principal", "named", "expected"),
    [
        # "you must also specify the account ARN of the not-denied principal"
        (ALICE, [ALICE.arn, ACCOUNT], True),
        (ALICE, [ALICE.arn], False),
        (ALICE, [ACCOUNT], False),
        # "include both the ARN for a role and the ARN for the account containing that role"
        (WEB, SESSION_ROLE_ACCOUNT, True),
        (WEB, SESSION_ROLE_ACCOUNT[1:], False),
        (WEB, [WEB.arn, ACCOUNT], False),
        (ROOT, [ACCOUNT], True),
        (ROOT, [OTHER_ACCOUNT], False),
        (ALICE, ["*"], True),
    ],
)
def test_not_principal_with_deny_spares_only_whom_it_names_wholly(
    principal: PolicyPrincipal, named: list[str], expected: bool
) -> None:
    denying = about_resource(statement("Deny", NotPrincipal={"AWS": named}))
    assert decide(request(principal=principal), layers(YES, resource=denying)).allowed is expected
    # "will always deny any IAM principal that has a permissions boundary policy attached"
    assert not decide(
        request(principal=principal), layers(YES, resource=denying, boundary=policies(YES))
    ).allowed


def test_not_principal_with_deny_spares_a_service_that_it_names() -> None:
    resource = about_resource(
        statement(Principal="*"), statement("Deny", NotPrincipal={"Service": "ec2.amazonaws.com"})
    )
    assert decide(request(principal=EC2), layers(resource=resource)).allowed
    assert not decide(request(principal=ANONYMOUS), layers(resource=resource)).allowed


@pytest.mark.parametrize(
    ("named", "expected"), [(OTHER_ACCOUNT, True), (ACCOUNT, False), (ALICE.arn, False), ("*", False)]
)
def test_not_principal_with_allow_is_for_nobody_whom_it_names(named: str, expected: bool) -> None:
    allowing = about_resource(statement(NotPrincipal={"AWS": named}))
    assert decide(request(), layers(resource=allowing)).allowed is expected


def test_a_statement_that_names_nobody_is_no_use_in_a_resource_policy() -> None:
    assert not decide(request(), layers(resource=policies(YES))).allowed


def test_the_most_direct_naming_counts() -> None:
    resource = about_resource(
        statement(Principal={"AWS": ACCOUNT}),
        statement(Principal={"AWS": WEB.arn}, Resource="arn:aws:s3:::bucket/*"),
        statement(Principal={"AWS": ROLE_ARN}, Resource="arn:aws:s3:*:*:bucket/key"),
    )
    decision = decide(request(principal=WEB), layers(resource=resource, session=NOTHING))
    assert (decision.effect, [matched.index for matched in decision.matched]) == (ALLOW, [1])


def test_context_keys_are_found_in_any_case() -> None:
    context = RequestContext.of({"AWS:UserName": "alice", "aws:TagKeys": ["a", "b"]})
    assert context.get("aws:username") == context.get("AWS:USERNAME") == ("alice",)
    assert context.get("aws:tagkeys") == ("a", "b")
    assert context.get("aws:SourceIp") is None


def test_a_deny_about_another_resource_is_no_deny() -> None:
    elsewhere = {"Resource": "arn:aws:s3:::a/*"}
    resource = about_resource(
        statement("Deny", Principal="*", **elsewhere), statement(Principal="*", Resource="arn:aws:s3:::a*")
    )
    asked = layers(YES, statement("Deny", **elsewhere), resource=resource)
    assert decide(request(), asked).layer is IDENTITY
    assert decide(request(resource="arn:aws:s3:::a/k"), asked).effect is EXPLICIT
