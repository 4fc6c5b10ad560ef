"""A principal may be named by the id that no other ever has."""

import json

import pytest

from tabard.policy import (
    AccessRequest,
    DocumentKind,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    compile_policies,
    decide,
    parse_document,
    with_unique_ids,
)

ACCOUNT_ID = "111122223333"
ALICE, WEB = f"arn:aws:iam::{ACCOUNT_ID}:user/alice", f"arn:aws:iam::{ACCOUNT_ID}:role/web"
IDS = {ALICE: "AIDA1", WEB: "AROA1"}
DOCUMENT = parse_document(
    json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": [ALICE, WEB]}, "Action": "sts:AssumeRole"}
            ],
        }
    ),
    kind=DocumentKind.TRUST,
)
IDENTITY = parse_document(
    '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}', kind=DocumentKind.IDENTITY
)


def is_trusted(principal: PolicyPrincipal) -> bool:
    trust = compile_policies((NamedDocument("trust policy", with_unique_ids(DOCUMENT, IDS)),))
    request = AccessRequest(
        action="sts:AssumeRole",
        resource=f"arn:aws:iam::{ACCOUNT_ID}:role/target",
        principal=principal,
        context=RequestContext({}),
    )
    return decide(request, PolicyLayers(identity=compile_policies(()), resource=trust)).allowed


@pytest.mark.parametrize(("unique_id", "trusted"), [("AIDA1", True), ("AIDA2", False), ("", False)])
def test_of_two_users_of_one_arn_the_one_with_the_id_is_named(unique_id: str, trusted: bool) -> None:
    alice = PolicyPrincipal(kind=PrincipalKind.USER, arn=ALICE, account_id=ACCOUNT_ID, unique_id=unique_id)
    assert is_trusted(alice) is trusted


@pytest.mark.parametrize(("unique_id", "trusted"), [("AROA1", True), ("AROA2", False), ("", False)])
def test_of_two_roles_of_one_arn_the_one_with_the_id_is_named(unique_id: str, trusted: bool) -> None:
    session = PolicyPrincipal(
        kind=PrincipalKind.ASSUMED_ROLE,
        arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/me",
        account_id=ACCOUNT_ID,
        role_arn=WEB,
        unique_id=unique_id,
    )
    assert is_trusted(session) is trusted


def test_a_document_without_such_principals_is_the_same() -> None:
    assert with_unique_ids(DOCUMENT, {}) is DOCUMENT
    assert with_unique_ids(IDENTITY, IDS) == IDENTITY
