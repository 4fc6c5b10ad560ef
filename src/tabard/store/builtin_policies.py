"""Tabard's built-in policy documents: for the root, for hosts, and AdministratorAccess."""

from datetime import UTC, datetime

from tabard.model.host import Host
from tabard.model.join_token import JoinToken
from tabard.model.policies import ManagedPolicy, PolicyVersion

ROOT_POLICY_NAME = "root"

ALLOW_ALL = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
"""The root's policy: it allows everything, like AWS's root. It is also AdministratorAccess's document."""

HOST_POLICY_NAME = "host"

_HOST_POLICY = (
    '{"Version":"2012-10-17","Statement":['
    '{"Sid":"OwnInstances","Effect":"Allow",'
    '"Action":["hosts:DescribeHostInstances","hosts:ReportInstances",'
    '"hosts:RenewHostCertificate"],"Resource":"%(host_arn)s"},'
    '{"Sid":"OfOwnInstances","Effect":"Allow","Action":["hosts:GetInstanceSession","hosts:GetInstanceIdentity","hosts:PutConsoleOutput"],'
    '"Resource":"arn:*:ec2:*:*:instance/*",'
    '"Condition":{"StringEquals":{"hosts:InstanceHostId":"${hosts:HostId}"}}}]}'
)

ENROLLMENT_POLICY_NAME = "enrollment"

_ENROLLMENT_POLICY = (
    '{"Version":"2012-10-17","Statement":['
    '{"Sid":"Enroll","Effect":"Allow","Action":"hosts:EnrollHost","Resource":"%(token_arn)s"}]}'
)

ADMINISTRATOR_ACCESS_NAME = "AdministratorAccess"


def host_policy(host: Host) -> str:
    """Return a host's policy: it may only read and report its own instances, and get their sessions."""
    return _HOST_POLICY % {"host_arn": host.arn}


def join_token_policy(token: JoinToken) -> str:
    """Return the policy for the bearer of a join token: it may only use the token."""
    return _ENROLLMENT_POLICY % {"token_arn": token.arn}


def administrator_access(partition: str = "aws") -> ManagedPolicy:
    """Return AWS's own managed policy `arn:aws:iam::aws:policy/AdministratorAccess`, with its id and dates.

    AWS: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AdministratorAccess.html
    """
    created_at = datetime(2015, 2, 6, 18, 39, 46, tzinfo=UTC)
    return ManagedPolicy(
        policy_id="ANPAIWMBCKSKIEE64ZLYK",
        name=ADMINISTRATOR_ACCESS_NAME,
        path="/",
        partition=partition,
        account_id="aws",
        description="Provides full access to AWS services and resources.",
        default_version_id="v1",
        versions=(PolicyVersion(version_id="v1", document=ALLOW_ALL, created_at=created_at),),
        created_at=created_at,
        updated_at=created_at,
    )
