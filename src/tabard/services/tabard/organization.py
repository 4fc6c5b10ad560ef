"""Reading, replacing and removing the account's organization.

These operations replace those of the management account. A control policy that does not allow them has no
effect; one that denies them does.
"""

import json
from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.organization_tree import as_tree, organization_of, refuse_other_account
from tabard.model.tabard_messages import (
    DeleteOrganizationRequest,
    DeleteOrganizationResult,
    GetOrganizationRequest,
    GetOrganizationResult,
    PutOrganizationRequest,
)
from tabard.names import Place
from tabard.services.hosts.answers import answer
from tabard.services.operation import Facts, Operation, Output, Read, Write
from tabard.services.tabard.errors import InvalidOrganization, OrganizationNotFound
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


def organization_arn(place: Place) -> str:
    """Return `arn:aws:tabard:REGION:ACCOUNT:organization`."""
    return f"arn:{place.partition}:tabard:{place.region}:{place.account_id}:organization"


def get_organization_checks(_: GetOrganizationRequest, facts: Facts) -> Sequence[Check]:
    """Require tabard:GetOrganization on the organization."""
    return [
        Check(action="tabard:GetOrganization", resource=organization_arn(facts), governs_organization=True)
    ]


def put_organization_checks(_: PutOrganizationRequest, facts: Facts) -> Sequence[Check]:
    """Require tabard:PutOrganization on the organization."""
    return [
        Check(action="tabard:PutOrganization", resource=organization_arn(facts), governs_organization=True)
    ]


def delete_organization_checks(_: DeleteOrganizationRequest, facts: Facts) -> Sequence[Check]:
    """Require tabard:DeleteOrganization on the organization."""
    return [
        Check(action="tabard:DeleteOrganization", resource=organization_arn(facts), governs_organization=True)
    ]


def get_organization(permit: Permit, _: GetOrganizationRequest, snapshot: Snapshot) -> Output:
    """Return the organization.

    Raises:
        OrganizationNotFound (400).
    """
    permit.require("tabard:GetOrganization", organization_arn(permit))
    for organization in snapshot.organizations.values():
        return answer(GetOrganizationResult(organization=json.dumps(as_tree(organization))))
    raise OrganizationNotFound


def put_organization(permit: Permit, request: PutOrganizationRequest, tx: Transaction) -> Output:
    """Replace the organization; no-op if it is equal.

    Differs: AWS's organization belongs to the management account; here a principal of the account may change
    it, if its policies allow the action.
    Raises:
        InvalidOrganization (400).
    """
    permit.require("tabard:PutOrganization", organization_arn(permit))
    try:
        organization = organization_of(json.loads(request.organization))
        refuse_other_account(organization, permit.account_id)
    except (ValueError, RecursionError) as error:
        raise InvalidOrganization(reason=str(error)) from error
    if tx.organizations.get() != organization:
        tx.organizations.put(organization)
    return {}


def delete_organization(permit: Permit, _: DeleteOrganizationRequest, tx: Transaction) -> Output:
    """Remove the account from its organization, whose policies then no longer apply.

    Raises:
        OrganizationNotFound (400).
    """
    permit.require("tabard:DeleteOrganization", organization_arn(permit))
    organization = tx.organizations.get()
    if organization is None:
        raise OrganizationNotFound
    tx.organizations.delete()
    return answer(DeleteOrganizationResult(organization_id=organization.organization_id))


OPERATIONS: tuple[Operation, ...] = (
    Read(GetOrganizationRequest, get_organization_checks, get_organization),
    Write(PutOrganizationRequest, put_organization_checks, put_organization),
    Write(DeleteOrganizationRequest, delete_organization_checks, delete_organization),
)
