"""Inputs of the metadata service: description, identity and credentials of one instance, all from memory."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from tabard.model.messages import DesiredInstance, GetInstanceIdentityResult
from tabard.model.session import RoleDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCredentials:
    """A session that may be handed out now; it belongs to one association and one role."""

    association_id: str
    role_id: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime
    last_updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCredentials:
    """EC2 may not assume the role: the code and the message that the document shows instead of keys."""

    association_id: str
    role_id: str
    code: str
    message: str
    last_updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRole:
    """The instance profile held a role since it was associated, and holds none now."""

    association_id: str
    removed_at: datetime


CredentialsView: TypeAlias = ServedCredentials | RefusedCredentials | RemovedRole | None
"""None: nothing valid to serve at this moment."""


class CredentialSource(Protocol):
    """Answers from memory alone, always at once: a metadata request never mints."""

    def desired(self) -> DesiredInstance:
        """Return the edge's latest description of the instance."""

    def identity(self) -> GetInstanceIdentityResult | None:
        """Return the signed identity document; None if the edge has not given it yet."""

    def credentials(self, role_delivery: RoleDelivery) -> CredentialsView:
        """Return the session for reads without a metadata token ("1.0") or with one ("2.0")."""
