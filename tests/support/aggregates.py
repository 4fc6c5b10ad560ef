"""Aggregates to store, as plain as they can be; every argument is keyword and has a default."""

from datetime import UTC, datetime, timedelta

from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.account_alias import AccountAlias
from tabard.model.association import Association, AssociationState
from tabard.model.audit_event import AuditEvent, DecidedCheck, Outcome
from tabard.model.group import Group
from tabard.model.host import Host
from tabard.model.instance import Image, Instance, InstanceState, MetadataOptions, ShutdownOptions
from tabard.model.instance_profile import InstanceProfile
from tabard.model.join_token import JoinToken
from tabard.model.key_pair import KeyPair
from tabard.model.organization import (
    FULL_ACCESS,
    ControlPolicy,
    ControlType,
    NodeKind,
    Organization,
    OrganizationNode,
)
from tabard.model.policies import InlinePolicy, ManagedPolicy, PolicyVersion
from tabard.model.revocation import Revocation, RevocationSubject
from tabard.model.role import Role
from tabard.model.sealing_key import SealingKey
from tabard.model.tag import Tag
from tabard.model.user import User
from tabard.policy import Effect, Layer, MatchedStatement

ACCOUNT_ID = "111122223333"
NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOST_ID = "h-0123456789abcdef0"

TRUSTS_EC2 = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
    '"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
)


def allows(action: str, resource: str = "*") -> str:
    """A document that allows one action."""
    return (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
        f'"Action":"{action}","Resource":"{resource}"}}]}}'
    )


def user(
    n: int = 1,
    *,
    name: str = "",
    inline: tuple[InlinePolicy, ...] = (),
    attached: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    boundary: str | None = None,
    tags: tuple[Tag, ...] = (),
) -> User:
    return User(
        user_id=f"AIDA{n:017d}",
        name=name or f"user-{n}",
        path="/team/",
        partition="aws",
        account_id=ACCOUNT_ID,
        created_at=NOW,
        inline_policies=inline,
        attached_policy_arns=attached,
        group_ids=groups,
        permissions_boundary_arn=boundary,
        tags=tags,
    )


def group(
    n: int = 1,
    *,
    name: str = "",
    inline: tuple[InlinePolicy, ...] = (),
    attached: tuple[str, ...] = (),
) -> Group:
    return Group(
        group_id=f"AGPA{n:017d}",
        name=name or f"group-{n}",
        path="/team/",
        partition="aws",
        account_id=ACCOUNT_ID,
        created_at=NOW,
        inline_policies=inline,
        attached_policy_arns=attached,
    )


def role(
    n: int = 1,
    *,
    name: str = "",
    inline: tuple[InlinePolicy, ...] = (),
    attached: tuple[str, ...] = (),
    boundary: str | None = None,
    tags: tuple[Tag, ...] = (),
    trust_policy: str = TRUSTS_EC2,
) -> Role:
    return Role(
        role_id=f"AROA{n:017d}",
        name=name or f"role-{n}",
        path="/",
        partition="aws",
        account_id=ACCOUNT_ID,
        description="a role of café size",
        trust_policy=trust_policy,
        trusted=(("arn:aws:iam::111122223333:role/trusted", "AROA00000000000000099"),),
        max_session_duration_seconds=7200,
        created_at=NOW,
        inline_policies=inline,
        attached_policy_arns=attached,
        permissions_boundary_arn=boundary,
        tags=tags,
    )


def managed_policy(
    n: int = 1, *, name: str = "", documents: tuple[str, ...] = (), default: int = 1
) -> ManagedPolicy:
    return ManagedPolicy(
        policy_id=f"ANPA{n:017d}",
        name=name or f"policy-{n}",
        path="/",
        partition="aws",
        account_id=ACCOUNT_ID,
        description="",
        default_version_id=f"v{default}",
        versions=tuple(
            PolicyVersion(version_id=f"v{number}", document=document, created_at=NOW)
            for number, document in enumerate(documents or (allows("s3:GetObject"),), start=1)
        ),
        created_at=NOW,
        updated_at=NOW + HOUR,
        tags=(Tag("team", "blue"), Tag("empty", "")),
    )


def instance_profile(n: int = 1, *, name: str = "", role_id: str | None = None) -> InstanceProfile:
    return InstanceProfile(
        instance_profile_id=f"AIPA{n:017d}",
        name=name or f"instance-profile-{n}",
        path="/",
        partition="aws",
        account_id=ACCOUNT_ID,
        created_at=NOW,
        role_id=role_id,
        tags=(Tag("k", "v"),),
    )


def instance(
    n: int = 1,
    *,
    host_id: str = HOST_ID,
    state: InstanceState = InstanceState.PENDING,
    client_token: str = "",
) -> Instance:
    return Instance(
        instance_id=f"i-{n:017x}",
        reservation_id="r-0123456789abcdef0",
        owner_account_id=ACCOUNT_ID,
        image_id="ami-0123456789abcdef0",
        host_id=host_id,
        instance_type="t3.micro",
        region="us-east-1",
        availability_zone="us-east-1a",
        private_ip_address="10.0.0.7",
        mac_address="02:00:00:00:00:07",
        state=state,
        metadata_options=MetadataOptions(http_tokens="optional", http_put_response_hop_limit=3),
        launched_at=NOW,
        launched_by=f"arn:aws:iam::{ACCOUNT_ID}:user/admin",
        client_token=client_token,
        user_data=b"#!/bin/sh\n\x00\xff",
        shutdown_options=ShutdownOptions(
            disable_api_termination=True, disable_api_stop=True, instance_initiated="terminate"
        ),
        key_name="mine",
        public_key="ssh-ed25519 AAAA mine",
        state_changed_at=NOW if n % 2 else None,
        tags=(Tag("Name", "web"),),
    )


def association(
    n: int = 1,
    *,
    instance_id: str = "i-00000000000000001",
    state: AssociationState = AssociationState.ASSOCIATING,
) -> Association:
    return Association(
        association_id=f"iip-assoc-{n:017x}",
        instance_id=instance_id,
        instance_profile_id="AIPA00000000000000001",
        instance_profile_arn=f"arn:aws:iam::{ACCOUNT_ID}:instance-profile/instance-profile-1",
        state=state,
        changed_at=NOW,
    )


def image(n: int = 1) -> Image:
    return Image(
        image_id=f"ami-{n:017x}",
        name="process",
        description="a process of this machine",
        driver="process",
        imds_support="v2.0",
        architecture="x86_64",
        created_at=NOW,
    )


def host(host_id: str = HOST_ID, *, last_seen_at: datetime = NOW) -> Host:
    return Host(
        host_id=host_id,
        name="here",
        partition="aws",
        region="us-east-1",
        account_id=ACCOUNT_ID,
        registered_at=NOW,
        last_seen_at=last_seen_at,
        ephemeral=True,
        registered_by="AIDA00000000000000001",
    )


def join_token(n: int = 1, *, expires_at: datetime = NOW + HOUR) -> JoinToken:
    return JoinToken(
        token_id=f"jt-{n:017x}",
        secret_hash="0" * 64,
        host_name="there",
        instance_profile_id="AIPA00000000000000001",
        partition="aws",
        region="us-east-1",
        account_id=ACCOUNT_ID,
        created_at=NOW,
        created_by="AIDA00000000000000001",
        expires_at=expires_at,
    )


def key_pair(n: int = 1, *, name: str = "", region: str = "us-east-1") -> KeyPair:
    return KeyPair(
        key_pair_id=f"key-{n:017x}",
        name=name or f"key pair {n}",
        region=region,
        account_id=ACCOUNT_ID,
        key_type="ed25519",
        fingerprint="MB/ohVoE55bcBlKQk+oDHbXPcXSvCJU0cbKkNJKTEgQ=",
        public_key=f"ssh-ed25519 AAAA key pair {n}",
        created_at=NOW,
        tags=(Tag("team", "blue"), Tag("empty", "")),
    )


def access_key(
    n: int = 1, *, owner_id: str = ACCOUNT_ID, status: AccessKeyStatus = AccessKeyStatus.ACTIVE
) -> AccessKey:
    return AccessKey(
        access_key_id=f"AKIA{n:016d}",
        account_id=ACCOUNT_ID,
        owner_id=owner_id,
        sealed_secret=b"\x00sealed\xff",
        status=status,
        created_at=NOW,
    )


def account_alias(alias: str = "finance") -> AccountAlias:
    return AccountAlias(alias=alias, account_id=ACCOUNT_ID)


def sealing_key(key_id: int = 2**32 - 1) -> SealingKey:
    return SealingKey(key_id=key_id, sealed_material=b"\x00sealed\xff", created_at=NOW)


def revocation(
    subject: RevocationSubject = "instance",
    subject_id: str = "i-00000000000000001",
    *,
    not_before: datetime = NOW,
    forget_after: datetime = NOW + 12 * HOUR,
) -> Revocation:
    return Revocation(
        subject=subject, subject_id=subject_id, not_before=not_before, forget_after=forget_after
    )


def audit_event(n: int = 1, *, outcome: Outcome = "allowed", at: datetime = NOW) -> AuditEvent:
    return AuditEvent(
        request_id=f"request-{n}",
        at=at,
        service="s3",
        operation="GetObject",
        principal_arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/i-00000000000000001",
        access_key_id="ASIAIOSFODNN7EXAMPLE",
        source_ip="127.0.0.1",
        user_agent="Boto3/1.36",
        region="us-east-1",
        resources=("arn:aws:s3:::b/one", "arn:aws:s3:::b/two"),
        outcome=outcome,
        error_code="AccessDenied" if outcome == "denied" else "",
        reason="because",
        http_status=403 if outcome == "denied" else 200,
        snapshot_version=7,
        decisions=(
            DecidedCheck(
                "s3:GetObject",
                "arn:aws:s3:::b/two",
                Effect.EXPLICIT_DENY if outcome == "denied" else Effect.ALLOW,
                Layer.IDENTITY,
                (MatchedStatement("read", "Reports", 0),),
            ),
        ),
        account_id=ACCOUNT_ID,
        principal_id="AROAIOSFODNN7EXAMPLE1",
        instance_id="i-00000000000000001",
        explanation='{"context": {}}' if outcome == "denied" else "",
    )


def denies(action: str, *, control_type: ControlType = ControlType.SERVICE) -> str:
    """A control policy that denies one action."""
    principal = '"Principal":"*",' if control_type is ControlType.RESOURCE else ""
    return (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Deny",'
        f'{principal}"Action":"{action}","Resource":"*"}}]}}'
    )


def organization(
    *policies: ControlPolicy,
    organization_id: str = "o-exampleorg1",
    management_account_id: str = "999988887777",
    service_control: tuple[str, ...] = (FULL_ACCESS,),
    resource_control: tuple[str, ...] = (),
    account_id: str = ACCOUNT_ID,
) -> Organization:
    """A root, a unit and in it the account, to which these policies are attached; full access elsewhere."""
    return Organization(
        organization_id=organization_id,
        management_account_id=management_account_id,
        policies=policies,
        nodes=(
            OrganizationNode(node_id="r-root", kind=NodeKind.ROOT, name="Root", parent_id=""),
            OrganizationNode(
                node_id="ou-root-workload1", kind=NodeKind.UNIT, name="Workloads", parent_id="r-root"
            ),
            OrganizationNode(
                node_id=account_id,
                kind=NodeKind.ACCOUNT,
                name="web",
                parent_id="ou-root-workload1",
                service_control=service_control,
                resource_control=resource_control,
            ),
        ),
    )
