"""An administrator's requests about the account: organization, a principal's policies, certificate."""

import json

from tabard.administration.call_errors import CallFailed
from tabard.administration.client import TABARD, SystemClient
from tabard.model.organization import Organization
from tabard.model.organization_tree import as_tree, organization_of
from tabard.model.tabard_messages import (
    DeleteOrganizationRequest,
    DeleteOrganizationResult,
    GetIdentityCertificateRequest,
    GetIdentityCertificateResult,
    GetOrganizationRequest,
    GetOrganizationResult,
    GetPrincipalPoliciesRequest,
    GetPrincipalPoliciesResult,
    PutOrganizationRequest,
)

NO_ORGANIZATION = "OrganizationNotFound"

# Every function raises ClientUnusable and CallFailed.


def organization_of_account(client: SystemClient) -> Organization | None:
    """Return the organization that the account is in."""
    try:
        answer = client.call(
            "GetOrganization", GetOrganizationRequest(), GetOrganizationResult, service=TABARD
        )
    except CallFailed as error:
        if error.code == NO_ORGANIZATION:
            return None
        raise
    return organization_of(json.loads(answer.organization))


def put_organization(client: SystemClient, organization: Organization) -> None:
    """Put an organization in force, in place of the one before."""
    request = PutOrganizationRequest(organization=json.dumps(as_tree(organization)))
    client.send("PutOrganization", request, service=TABARD)


def delete_organization(client: SystemClient) -> str | None:
    """Take the account out of its organization; the id of the one that it was in."""
    try:
        return client.call(
            "DeleteOrganization", DeleteOrganizationRequest(), DeleteOrganizationResult, service=TABARD
        ).organization_id
    except CallFailed as error:
        if error.code == NO_ORGANIZATION:
            return None
        raise


def principal_policies(
    client: SystemClient, request: GetPrincipalPoliciesRequest
) -> GetPrincipalPoliciesResult:
    """Return all that a simulation of a principal needs."""
    return client.call("GetPrincipalPolicies", request, GetPrincipalPoliciesResult, service=TABARD)


def identity_certificate(client: SystemClient) -> str:
    """Return the certificate (PEM) with which instance identity documents are signed."""
    return client.call(
        "GetIdentityCertificate",
        GetIdentityCertificateRequest(),
        GetIdentityCertificateResult,
        service=TABARD,
    ).certificate
