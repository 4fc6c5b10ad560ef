"""Sessions: temporary credentials of one assumed role."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

RoleDelivery = Literal["1.0", "2.0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """The instance for which a session was minted: inputs of condition keys."""

    instance_id: str
    host_id: str
    role_delivery: RoleDelivery
    vpc_id: str
    private_ip_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The content of a sealed session token. Times are whole seconds, aware, UTC.

    `session_policies` are documents; `session_policy_arns` name managed policies, read again at each request.
    `transitive_tag_keys` are those of `tags` that later sessions of this one inherit. `instance` is None for
    a session of AssumeRole. `secret_access_key` signs requests. It leaves the process only inside the sealed
    token and in the one answer that contains the new session.
    """

    access_key_id: str
    account_id: str
    role_id: str
    session_name: str
    issued_at: datetime
    expires_at: datetime
    secret_access_key: str = field(repr=False)
    instance: InstanceFacts | None = None
    session_policies: tuple[str, ...] = ()
    session_policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MintedSession:
    """A new session with its token."""

    session: Session
    session_token: str = field(repr=False)
