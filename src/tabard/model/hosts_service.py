"""The `hosts` service, which agents use: its messages and its errors."""

from types import MappingProxyType
from typing import Final

from tabard.model import messages
from tabard.model.own_service import OwnService

HOSTS: Final = OwnService(
    name="hosts",
    full_name="Tabard Hosts",
    target_prefix="TabardHosts_20261101",
    messages=messages,
    errors=MappingProxyType(
        {
            "AssumeRoleUnauthorizedAccess": 403,
            "HostNotFound": 400,
            "InstanceNotFound": 400,
            "InstanceNotOnHost": 400,
            "InstanceNotRunning": 400,
            "InstanceProfileNotAssociated": 400,
            "InstanceProfileNotFound": 400,
            "InstanceProfileWithoutRole": 400,
            "InvalidCertificateRequest": 400,
            "InvalidFault": 400,
            "InvalidInstanceEvent": 400,
            "InvalidReport": 400,
            "JoinTokenForAnotherHost": 400,
            "JoinTokenNotFound": 400,
            "JoinTokenUsed": 400,
        }
    ),
)
