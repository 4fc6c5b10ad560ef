"""Authenticated caller. Only authentication makes one, from a verified signature, certificate or token."""

from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from types import MappingProxyType

from tabard.clock import iso8601
from tabard.model.access_key import AccessKey
from tabard.model.host import Host
from tabard.model.join_token import JoinToken
from tabard.model.role import Role
from tabard.model.session import Session
from tabard.model.tag import Tag
from tabard.policy import PolicyPrincipal, PrincipalKind
from tabard.store.snapshot import Snapshot

_PROOF = object()


class CallerKind(StrEnum):
    """Kind of principal that sends a request."""

    USER = "user"
    ASSUMED_ROLE = "assumed-role"
    ROOT = "root"
    HOST = "host"
    JOIN_TOKEN = "join-token"  # noqa: S105 - a kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated sender of one request.

    `user_id` is the UserId that GetCallerIdentity returns: `AIDA…`, `AROA…:session-name`, the account id for
    the root user, `h-…` for a host, `jt-…` for a join token. `access_key_id` identifies the credential. For a
    host with a certificate, it is the fingerprint of the key. For a join token, it is the token's id.
    `owner_id` identifies the identity policies that apply. It is the id of the user, role, host or join
    token, or the account id for the root user. `condition_keys` (lower case) are inputs to decisions about
    the caller.

    INVARIANT: `proof` is a value that nothing outside this module has, and no Caller stores it. So no other
    code can make a Caller, or alter one with `dataclasses.replace`.
    """

    kind: CallerKind
    arn: str
    account_id: str
    user_id: str
    owner_id: str
    access_key_id: str
    session: Session | None
    principal: PolicyPrincipal
    condition_keys: MappingProxyType[str, tuple[str, ...]] = field(repr=False)
    proof: InitVar[object]

    def __post_init__(self, proof: object) -> None:
        if proof is not _PROOF:
            raise TypeError("only authenticate makes a Caller")


def caller_of_session(session: Session, role: Role, snapshot: Snapshot) -> Caller:
    """Make the caller of a session: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION-NAME`."""
    arn = f"arn:{role.partition}:sts::{role.account_id}:assumed-role/{role.name}/{session.session_name}"
    user_id = f"{role.role_id}:{session.session_name}"
    keys = _principal_keys(role.arn, role.account_id, "AssumedRole", user_id, role.tags)
    keys["aws:tokenissuetime"] = (iso8601(session.issued_at),)
    # AWS: included "only when the principal uses temporary credentials". Tabard has no MFA, so it is false.
    keys["aws:multifactorauthpresent"] = ("false",)
    for key, value in session.tags:
        keys[f"aws:principaltag/{key.lower()}"] = (value,)
    if session.source_identity:
        keys["aws:sourceidentity"] = (session.source_identity,)
    facts = session.instance
    if facts is not None:
        keys["ec2:roledelivery"] = (facts.role_delivery,)
        keys["aws:ec2instancesourcevpc"] = (facts.vpc_id,)
        keys["aws:ec2instancesourceprivateipv4"] = (facts.private_ip_address,)
        instance = snapshot.instances.get(facts.instance_id)
        if instance is not None:
            keys["ec2:sourceinstancearn"] = (
                f"arn:{role.partition}:ec2:{instance.region}:{role.account_id}:instance/{facts.instance_id}",
            )
    return Caller(
        kind=CallerKind.ASSUMED_ROLE,
        arn=arn,
        account_id=role.account_id,
        user_id=user_id,
        owner_id=role.role_id,
        access_key_id=session.access_key_id,
        session=session,
        principal=PolicyPrincipal(
            kind=PrincipalKind.ASSUMED_ROLE,
            arn=arn,
            account_id=role.account_id,
            role_arn=role.arn,
            unique_id=role.role_id,
        ),
        condition_keys=MappingProxyType(keys),
        proof=_PROOF,
    )


def caller_of_key(access_key: AccessKey, snapshot: Snapshot) -> Caller | None:
    """Make the caller of a long-term key: a user, root or host. Return None if the owner no longer exists."""
    owner_id = access_key.owner_id
    unique_id = ""
    account_id, partition = access_key.account_id, snapshot.partition
    if (user := snapshot.users.get(owner_id)) is not None:
        keys = _principal_keys(user.arn, account_id, "User", user.user_id, user.tags)
        keys["aws:username"] = (user.name,)
        kind, policy_kind, arn, unique_id = CallerKind.USER, PrincipalKind.USER, user.arn, user.user_id
    elif owner_id == account_id:
        arn = f"arn:{partition}:iam::{account_id}:root"
        keys = _principal_keys(arn, account_id, "Account", account_id, ())
        kind, policy_kind = CallerKind.ROOT, PrincipalKind.ROOT
    elif (host := snapshot.hosts.get(owner_id)) is not None:
        return caller_of_host(host, access_key.access_key_id)
    else:
        return None
    return Caller(
        kind=kind,
        arn=arn,
        account_id=account_id,
        user_id=owner_id,
        owner_id=owner_id,
        access_key_id=access_key.access_key_id,
        session=None,
        principal=PolicyPrincipal(kind=policy_kind, arn=arn, account_id=account_id, unique_id=unique_id),
        condition_keys=MappingProxyType(keys),
        proof=_PROOF,
    )


def caller_of_host(host: Host, held: str) -> Caller:
    """Make the caller of a host. `held` is its access key id, or the fingerprint of its certificate's key."""
    keys = _principal_keys(host.arn, host.account_id, "Host", host.host_id, ())
    keys["hosts:hostid"] = (host.host_id,)
    return _machine(CallerKind.HOST, host.arn, host.account_id, host.host_id, held, keys)


def caller_of_join_token(token: JoinToken) -> Caller:
    """Make the caller of a join token. Such a caller may only enroll as a host."""
    keys = _principal_keys(token.arn, token.account_id, "JoinToken", token.token_id, ())
    return _machine(CallerKind.JOIN_TOKEN, token.arn, token.account_id, token.token_id, token.token_id, keys)


def _machine(
    kind: CallerKind, arn: str, account_id: str, owner_id: str, held: str, keys: dict[str, tuple[str, ...]]
) -> Caller:
    return Caller(
        kind=kind,
        arn=arn,
        account_id=account_id,
        user_id=owner_id,
        owner_id=owner_id,
        access_key_id=held,
        session=None,
        principal=PolicyPrincipal(kind=PrincipalKind.HOST, arn=arn, account_id=account_id),
        condition_keys=MappingProxyType(keys),
        proof=_PROOF,
    )


def _principal_keys(
    principal_arn: str, account_id: str, principal_type: str, user_id: str, tags: tuple[Tag, ...]
) -> dict[str, tuple[str, ...]]:
    """AWS: reference_policies_condition-keys.html, "Properties of the principal"."""
    keys: dict[str, tuple[str, ...]] = {
        "aws:principalarn": (principal_arn,),
        "aws:principalaccount": (account_id,),
        "aws:principaltype": (principal_type,),
        "aws:principalisawsservice": ("false",),
        "aws:userid": (user_id,),
    }
    for tag in tags:
        keys[f"aws:principaltag/{tag.key.lower()}"] = (tag.value,)
    return keys
