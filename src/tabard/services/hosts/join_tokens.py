"""Join tokens: an administrator's permission for one machine to enroll."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.access.machine_callers import hash_of_secret
from tabard.credentials.certificate_authority import (
    CA_CERTIFICATE,
    CA_SEALED_KEY,
    CertificateAuthority,
    open_certificate_authority,
)
from tabard.model.join_token import JoinToken
from tabard.model.messages import (
    JOIN_TOKEN_SECRET_BYTES,
    CreateJoinTokenRequest,
    CreateJoinTokenResult,
    DeleteJoinTokenRequest,
    DescribeJoinTokensRequest,
    DescribeJoinTokensResult,
    JoinTokenDescription,
)
from tabard.names import Place, new_resource_id
from tabard.services.ec2.pass_role import (
    IamInstanceProfileSpecification,
    find_instance_profile,
    pass_role_checks,
    passed_instance_profile,
)
from tabard.services.hosts.answers import answer
from tabard.services.hosts.errors import JoinTokenNotFound
from tabard.services.operation import Facts, Operation, Output, Read, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

_ACTION = "hosts:CreateJoinToken"
_DESCRIBE = "hosts:DescribeJoinTokens"
_DELETE = "hosts:DeleteJoinToken"
_DECIDED_AS = "hosts:instanceprofile"


def join_token_arn(place: Place, token_id: str) -> str:
    """Return `arn:aws:hosts:REGION:ACCOUNT:join-token/jt-…`."""
    return f"arn:{place.partition}:hosts:{place.region}:{place.account_id}:join-token/{token_id}"


def create_join_token_checks(request: CreateJoinTokenRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:CreateJoinToken on any token, and iam:PassRole, because the machine gets the role."""
    wanted = _specification(request)
    found = find_instance_profile(wanted, facts.snapshot.instance_profile_named) if wanted else None
    check = Check(
        action=_ACTION,
        resource=join_token_arn(facts, "*"),
        context={_DECIDED_AS: (found.arn,)} if found is not None else {},
    )
    return [check, *pass_role_checks(found, facts)]


def create_join_token(permit: Permit, request: CreateJoinTokenRequest, tx: Transaction) -> Output:
    """Make a join token: the machine with this name that sends it becomes a host with an instance.

    Args:
        permit: proof that the caller may hosts:CreateJoinToken, and iam:PassRole on the role of the instance
            profile.
        request: lifetime_seconds 60 to 604,800, an hour by default; the instance profile by name, or none.
    Returns:
        The token's id and secret (32 random bytes in base64url; shown only here, stored as a hash), and the
        SHA-256 of the certificate that verifies edges.
    Raises:
        InvalidParameterValue (400): no such instance profile.
    Differs: EC2 has no such operation; Systems Manager's hybrid activations are the nearest.
    """
    permit.require(_ACTION, join_token_arn(permit, "*"))
    wanted = _specification(request)
    instance_profile = passed_instance_profile(permit, wanted, tx, decided_as=_DECIDED_AS) if wanted else None
    secret = secrets.token_urlsafe(JOIN_TOKEN_SECRET_BYTES)
    token = JoinToken(
        token_id=new_resource_id("jt"),
        secret_hash=hash_of_secret(secret),
        host_name=request.host_name,
        instance_profile_id=instance_profile.instance_profile_id if instance_profile is not None else "",
        partition=permit.partition,
        region=permit.region,
        account_id=permit.account_id,
        created_at=permit.now,
        created_by=permit.caller.owner_id,
        expires_at=permit.now + timedelta(seconds=request.lifetime_seconds),
    )
    tx.join_tokens.insert(token)
    return answer(
        CreateJoinTokenResult(
            join_token_id=token.token_id,
            arn=token.arn,
            secret=secret,
            ca_fingerprint=certificate_authority(tx).fingerprint,
            expiration=token.expires_at,
        )
    )


def describe_join_tokens_checks(_: DescribeJoinTokensRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:DescribeJoinTokens on any token."""
    return [Check(action=_DESCRIBE, resource=join_token_arn(facts, "*"))]


def describe_join_tokens(permit: Permit, _: DescribeJoinTokensRequest, snapshot: Snapshot) -> Output:
    """List the join tokens in the request's region by expiry, without secrets.

    A used token stays until it expires: until then its machine may retry.
    """
    permit.require(_DESCRIBE, join_token_arn(permit, "*"))
    tokens = [each for each in snapshot.join_tokens.values() if each.region == permit.region]
    tokens.sort(key=lambda token: (token.expires_at, token.token_id))
    return answer(DescribeJoinTokensResult(join_tokens=tuple(_described(token) for token in tokens)))


def delete_join_token_checks(request: DeleteJoinTokenRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:DeleteJoinToken on the token."""
    return [Check(action=_DELETE, resource=join_token_arn(facts, request.join_token_id))]


def delete_join_token(permit: Permit, request: DeleteJoinTokenRequest, tx: Transaction) -> Output:
    """Remove a join token: no machine can enroll with it any longer. Its host stays.

    Raises:
        JoinTokenNotFound (400).
    """
    permit.require(_DELETE, join_token_arn(permit, request.join_token_id))
    token = tx.join_tokens.get(request.join_token_id)
    if token is None or token.region != permit.region:
        raise JoinTokenNotFound(token_id=request.join_token_id, region=permit.region)
    tx.join_tokens.delete(token.token_id)
    return {}


def _described(token: JoinToken) -> JoinTokenDescription:
    return JoinTokenDescription(
        join_token_id=token.token_id,
        arn=token.arn,
        host_name=token.host_name,
        created_at=token.created_at,
        created_by=token.created_by,
        expiration=token.expires_at,
        host_id=token.host_id,
    )


def certificate_authority(tx: Transaction) -> CertificateAuthority:
    """Return the installation's authority from the transaction."""
    return open_certificate_authority(
        {setting: tx.installation.get(setting) for setting in (CA_CERTIFICATE, CA_SEALED_KEY)}, tx.vault
    )


def _specification(request: CreateJoinTokenRequest) -> IamInstanceProfileSpecification | None:
    if request.instance_profile_name is None:
        return None
    return IamInstanceProfileSpecification(name=request.instance_profile_name)


OPERATIONS: tuple[Operation, ...] = (
    Write(
        CreateJoinTokenRequest,
        create_join_token_checks,
        create_join_token,
        actions=("hosts:CreateJoinToken", "iam:PassRole"),
    ),
    Read(DescribeJoinTokensRequest, describe_join_tokens_checks, describe_join_tokens),
    Write(DeleteJoinTokenRequest, delete_join_token_checks, delete_join_token),
)
