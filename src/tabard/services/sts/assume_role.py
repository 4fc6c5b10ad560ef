"""AssumeRole: a session of a role, for a caller whom the role's trust policy names.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from collections.abc import Sequence
from datetime import timedelta

from tabard.access.authorize import Permit
from tabard.access.caller import Caller, CallerKind
from tabard.access.check import Check
from tabard.access.mint import Mint
from tabard.credentials.token import MAX_TOKEN_CHARACTERS
from tabard.model.role import Role
from tabard.model.session import MintedSession
from tabard.names import Arn
from tabard.policy import Multivalued
from tabard.services.iam.checks import entity_tags, tags_of_request
from tabard.services.iam.tags import TagInput
from tabard.services.operation import Facts, Minted, Minting, Operation, Request
from tabard.services.sts.errors import (
    InvalidRoleArn,
    InvalidSessionInput,
    LongerThanChainingAllows,
    LongerThanRoleAllows,
    MayNotAssumeRole,
    MultiFactorAuthenticationFailed,
    RootMayNotAssumeRoles,
)
from tabard.services.sts.session_policies import PolicyArnInput, refuse_bad_session_policies
from tabard.services.sts.session_tags import inherited_tags, session_tags
from tabard.store.snapshot import Snapshot

DEFAULT_DURATION_SECONDS = 3600
LONGEST_CHAINED_SECONDS = 3600


class ProvidedContextInput(Request, frozen=True, kw_only=True):
    """A context assertion; none is accepted."""

    provider_arn: str = ""
    context_assertion: str = ""


class AssumeRoleRequest(Request, frozen=True, kw_only=True):
    """`duration_seconds` is 900 to 43,200; `policy` is JSON text, `policy_arns` managed policies."""

    role_arn: str
    role_session_name: str
    policy_arns: tuple[PolicyArnInput, ...] = ()
    policy: str | None = None
    duration_seconds: int = DEFAULT_DURATION_SECONDS
    tags: tuple[TagInput, ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    external_id: str | None = None
    serial_number: str | None = None
    token_code: str | None = None
    source_identity: str | None = None
    provided_contexts: tuple[ProvidedContextInput, ...] = ()
    minimum_session_token_size: int = 0


def assume_role_checks(request: AssumeRoleRequest, facts: Facts) -> Sequence[Check]:
    """Require sts:AssumeRole, and sts:TagSession and sts:SetSourceIdentity if they apply, each also against
    the role's trust policy.

    A role that does not exist has a trust policy that trusts nobody. So the answer is the same as for a role
    that the caller may not assume.

    Raises:
        RootMayNotAssumeRoles, InvalidRoleArn; MayNotAssumeRole: hosts never may.
    """
    caller = facts.caller
    if caller.kind is CallerKind.ROOT:
        raise RootMayNotAssumeRoles
    if caller.kind is CallerKind.HOST:
        raise MayNotAssumeRole(caller_arn=caller.arn, role_arn=request.role_arn)
    _refuse_other_than_role_arn(request.role_arn)
    role = _role_of_arn(facts.snapshot, request.role_arn)
    source_identity = _source_identity(request, caller)
    context = _context(request, role, source_identity)
    actions = ["sts:AssumeRole"]
    # Tags that a chain of roles inherits need permission at each role.
    if request.tags or inherited_tags(caller.session).tags:
        actions.append("sts:TagSession")
    if source_identity:
        actions.append("sts:SetSourceIdentity")
    trust_policy = facts.snapshot.trust_policy("" if role is None else role.role_id)
    return [
        Check(action=action, resource=request.role_arn, context=context, resource_policy=trust_policy)
        for action in actions
    ]


def assume_role(permit: Permit, request: AssumeRoleRequest, mint: Mint) -> Minted:
    """Make a session of a role for a caller whom its trust policy names.

    Raises:
        LongerThanRoleAllows, LongerThanChainingAllows: 3,600 seconds at most for a caller who is an assumed
        role; InvalidSessionInput, InvalidSessionTags, MalformedPolicyDocument, PackedPolicyTooLarge,
        MultiFactorAuthenticationFailed; MayNotAssumeRole: the role does not exist.
    AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    Differs: MFA, provided contexts and MinimumSessionTokenSize are refused.
    """
    role = _role_of_arn(mint.snapshot, request.role_arn)
    if role is None:
        raise MayNotAssumeRole(caller_arn=permit.caller.arn, role_arn=request.role_arn)
    _refuse_unsupported(request)
    if permit.caller.session is not None and request.duration_seconds > LONGEST_CHAINED_SECONDS:
        raise LongerThanChainingAllows
    if request.duration_seconds > role.max_session_duration_seconds:
        raise LongerThanRoleAllows
    inherited = inherited_tags(permit.caller.session)
    tagged = session_tags(request.tags, request.transitive_tag_keys, inherited)
    refuse_bad_session_policies(request.policy, request.policy_arns, mint.snapshot, permit.account_id)
    source_identity = _source_identity(request, permit.caller)
    minted = mint.assume_role(
        permit,
        role=role,
        session_name=request.role_session_name,
        lifetime=timedelta(seconds=request.duration_seconds),
        session_policies=() if request.policy is None else (request.policy,),
        session_policy_arns=tuple(policy.arn or "" for policy in request.policy_arns),
        tags=tagged.tags,
        transitive_tag_keys=tagged.transitive_keys,
        source_identity=source_identity,
    )
    answer = _answer(role, minted)
    if request.policy is not None or request.policy_arns or tagged.tags:
        answer["PackedPolicySize"] = _percent_of_room(minted.session_token)
    if source_identity:
        answer["SourceIdentity"] = source_identity
    return Minted(answer)


def _answer(role: Role, minted: MintedSession) -> dict[str, object]:
    session = minted.session
    caller_arn = (
        f"arn:{role.partition}:sts::{role.account_id}:assumed-role/{role.name}/{session.session_name}"
    )
    return {
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": minted.session_token,
            "Expiration": session.expires_at,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"{role.role_id}:{session.session_name}",
            "Arn": caller_arn,
        },
    }


def _percent_of_room(session_token: str) -> int:
    return -(-len(session_token) * 100 // MAX_TOKEN_CHARACTERS)


def _refuse_other_than_role_arn(text: str) -> None:
    arn = Arn.parse(text)
    if arn is None or arn.service != "iam" or arn.region or not arn.resource.startswith("role/"):
        raise InvalidRoleArn(role_arn=text)


def _role_of_arn(snapshot: Snapshot, text: str) -> Role | None:
    """Find the role with exactly this ARN, including path and case."""
    role = snapshot.role_named(text.rpartition("/")[2])
    return role if role is not None and role.arn == text else None


def _source_identity(request: AssumeRoleRequest, caller: Caller) -> str:
    """Return the source identity of the new session.

    AWS: "The source identity value persists across chained role sessions", and cannot be changed there.
    """
    kept = "" if caller.session is None else caller.session.source_identity
    asked = request.source_identity or ""
    if kept and asked and asked != kept:
        raise InvalidSessionInput(reason="The source identity is already set for this assume role session.")
    if asked.lower().startswith("aws:"):
        raise InvalidSessionInput(reason="A source identity may not begin with the reserved prefix aws:.")
    return kept or asked


def _context(
    request: AssumeRoleRequest, role: Role | None, source_identity: str
) -> dict[str, tuple[str, ...]]:
    """AWS: reference_policies_iam-condition-keys.html, "Available keys for AWS STS"."""
    context = {"sts:rolesessionname": (request.role_session_name,), **tags_of_request(request.tags)}
    if role is not None:
        context.update(entity_tags(role.tags, "aws", "iam"))
    if request.external_id is not None:
        context["sts:externalid"] = (request.external_id,)
    if source_identity:
        context["sts:sourceidentity"] = (source_identity,)
    if request.transitive_tag_keys:
        context["sts:transitivetagkeys"] = Multivalued(request.transitive_tag_keys)
    return context


def _refuse_unsupported(request: AssumeRoleRequest) -> None:
    if request.serial_number is not None or request.token_code is not None:
        raise MultiFactorAuthenticationFailed
    if request.provided_contexts:
        raise InvalidSessionInput(reason="Provided contexts are not supported; leave ProvidedContexts out.")
    if request.minimum_session_token_size:
        raise InvalidSessionInput(
            reason="A minimum session token size is not supported; leave MinimumSessionTokenSize out."
        )


OPERATIONS: tuple[Operation, ...] = (
    Minting(
        AssumeRoleRequest,
        assume_role_checks,
        assume_role,
        actions=("sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"),
    ),
)
