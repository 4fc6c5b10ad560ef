"""What the `tabard` service can do; `model/tabard_service.py` says the same to `wire`."""

from tabard.model.tabard_messages import (
    DeleteOrganizationRequest,
    ExplainEventRequest,
    GetIdentityCertificateRequest,
    GetOrganizationRequest,
    GetPrincipalPoliciesRequest,
    LookupEventsRequest,
    PutOrganizationRequest,
)
from tabard.services.operation import Operation, Read, StoreRead, Write
from tabard.services.tabard.audit_events import (
    explain_event,
    explain_event_checks,
    lookup_events,
    lookup_events_checks,
)
from tabard.services.tabard.certificate import get_identity_certificate, get_identity_certificate_checks
from tabard.services.tabard.organization import (
    delete_organization,
    delete_organization_checks,
    get_organization,
    get_organization_checks,
    put_organization,
    put_organization_checks,
)
from tabard.services.tabard.principal_policies import get_principal_policies, get_principal_policies_checks

OPERATIONS: tuple[Operation, ...] = (
    StoreRead("LookupEvents", LookupEventsRequest, lookup_events_checks, lookup_events),
    StoreRead("ExplainEvent", ExplainEventRequest, explain_event_checks, explain_event),
    Read("GetOrganization", GetOrganizationRequest, get_organization_checks, get_organization),
    Write("PutOrganization", PutOrganizationRequest, put_organization_checks, put_organization),
    Write("DeleteOrganization", DeleteOrganizationRequest, delete_organization_checks, delete_organization),
    Read(
        "GetPrincipalPolicies",
        GetPrincipalPoliciesRequest,
        get_principal_policies_checks,
        get_principal_policies,
    ),
    Read(
        "GetIdentityCertificate",
        GetIdentityCertificateRequest,
        get_identity_certificate_checks,
        get_identity_certificate,
    ),
)
