"""Session tokens: sealed, not stored.

Any edge can open a token with only the keyring. The edge trusts the content, because only a holder of the
keyring can have sealed it.
"""

from datetime import UTC, datetime

import msgspec

from tabard.credentials.envelope import NotSealedHere, open_envelope, seal_envelope
from tabard.credentials.keyring import Keyring
from tabard.errors import AwsError
from tabard.model.session import InstanceFacts, RoleDelivery, Session

MAX_TOKEN_CHARACTERS = 6144
_VERSION = 1


class PackedPolicyTooLarge(AwsError):
    """AWS: the session policies and tags together exceed the capacity of a session token.

    AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors
    """

    code = "PackedPolicyTooLarge"
    status = 400
    sentence = (
        "Packed size of session policies and tags consumes {percent}% of allotted space. "
        "Please use smaller policies or fewer tags."
    )


class TokenNotOurs(Exception):
    """The text is not a token that this installation's keyring sealed."""


class _Claims(msgspec.Struct, frozen=True, array_like=True):
    """The claims on the wire, by position. Never reorder; append only, with defaults."""

    access_key_id: str
    secret_access_key: str
    account_id: str
    role_id: str
    session_name: str
    issued_at: int
    expires_at: int
    instance: tuple[str, str, RoleDelivery, str, str] | None = None
    session_policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    source_identity: str = ""
    session_policy_arns: tuple[str, ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"_Claims(access_key_id={self.access_key_id!r}, role_id={self.role_id!r})"


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Claims).decode


def seal(session: Session, keyring: Keyring) -> str:
    """Seal a session under the newest key.

    Raises:
        PackedPolicyTooLarge: the token would be longer than `MAX_TOKEN_CHARACTERS`.
    """
    facts = session.instance
    claims = _Claims(
        session.access_key_id,
        session.secret_access_key,
        session.account_id,
        session.role_id,
        session.session_name,
        int(session.issued_at.timestamp()),
        int(session.expires_at.timestamp()),
        None
        if facts is None
        else (facts.instance_id, facts.host_id, facts.role_delivery, facts.vpc_id, facts.private_ip_address),
        session.session_policies,
        session.tags,
        session.source_identity,
        session.session_policy_arns,
        session.transitive_tag_keys,
    )
    token = seal_envelope(_encode(claims), keyring, version=_VERSION)
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise PackedPolicyTooLarge(percent=-(len(token) * -100 // MAX_TOKEN_CHARACTERS))
    return token


def open_token(token: str, keyring: Keyring) -> Session:
    """Open a token and return its session. The caller must check expiry and revocation every time.

    Raises:
        TokenNotOurs: not a token, altered, or sealed under a key that is not in the keyring.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise TokenNotOurs
    try:
        return _session(_decode(open_envelope(token, keyring, version=_VERSION)))
    except (NotSealedHere, msgspec.DecodeError):
        raise TokenNotOurs from None


def _session(claims: _Claims) -> Session:
    facts = claims.instance
    return Session(
        access_key_id=claims.access_key_id,
        account_id=claims.account_id,
        role_id=claims.role_id,
        session_name=claims.session_name,
        issued_at=datetime.fromtimestamp(claims.issued_at, UTC),
        expires_at=datetime.fromtimestamp(claims.expires_at, UTC),
        secret_access_key=claims.secret_access_key,
        instance=None
        if facts is None
        else InstanceFacts(
            instance_id=facts[0],
            host_id=facts[1],
            role_delivery=facts[2],
            vpc_id=facts[3],
            private_ip_address=facts[4],
        ),
        session_policies=claims.session_policies,
        session_policy_arns=claims.session_policy_arns,
        tags=claims.tags,
        transitive_tag_keys=claims.transitive_tag_keys,
        source_identity=claims.source_identity,
    )
