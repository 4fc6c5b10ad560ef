"""The `tabard` service: with it an administrator reads the audit and governs the account."""

from types import MappingProxyType
from typing import Final

from tabard.model import tabard_messages
from tabard.model.own_service import OwnService

TABARD: Final = OwnService(
    name="tabard",
    full_name="Tabard",
    target_prefix="Tabard_20261101",
    messages=tabard_messages,
    errors=MappingProxyType(
        {
            "EventNotFound": 400,
            "InvalidOrganization": 400,
            "OrganizationNotFound": 400,
            "PrincipalNotFound": 400,
        }
    ),
)
