"""The operations of the `tabard` service; `model/tabard_service.py` describes them to `wire`."""

from tabard.services.operation import Operation
from tabard.services.tabard import audit_events, audit_flush, certificate, organization, principal_policies

OPERATIONS: tuple[Operation, ...] = (
    *audit_events.OPERATIONS,
    *audit_flush.OPERATIONS,
    *certificate.OPERATIONS,
    *organization.OPERATIONS,
    *principal_policies.OPERATIONS,
)
