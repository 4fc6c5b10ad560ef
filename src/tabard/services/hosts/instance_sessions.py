"""Sessions of instances, which a host requests for the instances placed on it."""

from tabard.access.authorize import Permit
from tabard.access.mint import Mint
from tabard.model.association import Association
from tabard.model.instance import InstanceState
from tabard.model.messages import GetInstanceSessionRequest, GetInstanceSessionResult
from tabard.model.role import Role
from tabard.model.session import InstanceFacts
from tabard.services.ec2.network.default_vpc import vpc_of
from tabard.services.hosts.answers import answer
from tabard.services.hosts.checks import get_instance_session_checks
from tabard.services.hosts.errors import (
    InstanceNotRunning,
    InstanceProfileNotAssociated,
    InstanceProfileNotFound,
    InstanceProfileWithoutRole,
)
from tabard.services.hosts.own_instances import own_instance
from tabard.services.operation import Minted, Minting, Operation
from tabard.store.snapshot import Snapshot

_ACTION = "hosts:GetInstanceSession"


def get_instance_session(permit: Permit, request: GetInstanceSessionRequest, mint: Mint) -> Minted:
    """Make a session of the role that is now in the instance's instance profile.

    Args:
        permit: proof that the caller may hosts:GetInstanceSession on the instance.
        request: role_delivery is "1.0" for reads without a metadata token, "2.0" for those with one.
    Returns:
        The session, named by the instance's id; its lifetime in whole seconds from now.
    Raises:
        AccessDenied: the caller is not the host of the instance, whatever its policies allow.
        InstanceNotRunning, InstanceProfileNotAssociated, InstanceProfileNotFound, InstanceProfileWithoutRole
        (400 each); AssumeRoleUnauthorizedAccess (403): the role's trust policy does not let EC2 assume it.
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
    """
    snapshot = mint.snapshot
    instance = own_instance(permit, _ACTION, request.instance_id, snapshot.instances)
    if instance.state not in (InstanceState.PENDING, InstanceState.RUNNING):
        raise InstanceNotRunning(instance_id=instance.instance_id, state=instance.state.value)
    association = snapshot.active_association_of(instance.instance_id)
    if association is None:
        raise InstanceProfileNotAssociated(instance_id=instance.instance_id)
    role = _role_held(association, snapshot)
    vpc = vpc_of(instance)
    minted, trust = mint.for_instance(
        permit,
        role=role,
        instance=InstanceFacts(
            instance_id=instance.instance_id,
            host_id=instance.host_id,
            role_delivery=request.role_delivery,
            vpc_id=vpc.vpc_id,
            private_ip_address=instance.private_ip_address,
        ),
    )
    session = minted.session
    output = answer(
        GetInstanceSessionResult(
            access_key_id=session.access_key_id,
            secret_access_key=session.secret_access_key,
            session_token=minted.session_token,
            expiration=session.expires_at,
            last_updated=session.issued_at,
            lifetime_seconds=int((session.expires_at - permit.now).total_seconds()),
            role_name=role.name,
            role_id=role.role_id,
            association_id=association.association_id,
        )
    )
    return Minted(output, (trust,))


def _role_held(association: Association, snapshot: Snapshot) -> Role:
    instance_profile = snapshot.instance_profiles.get(association.instance_profile_id)
    if instance_profile is None:
        raise InstanceProfileNotFound(instance_profile_arn=association.instance_profile_arn)
    role = snapshot.roles.get(instance_profile.role_id) if instance_profile.role_id else None
    if role is None:
        raise InstanceProfileWithoutRole(instance_profile_arn=instance_profile.arn)
    return role


OPERATIONS: tuple[Operation, ...] = (
    Minting(GetInstanceSessionRequest, get_instance_session_checks, get_instance_session),
)
