"""Associations: the links between instances and instance profiles."""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.association import Association, AssociationState
from tabard.model.instance import Instance, InstanceState
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.context import instance_check, on_everything
from tabard.services.ec2.errors import (
    IncorrectInstanceState,
    IncorrectState,
    InvalidAssociationIDNotFound,
    InvalidInstanceIDNotFound,
)
from tabard.services.ec2.filters import Filter, keep
from tabard.services.ec2.ids import guard_instance_id
from tabard.services.ec2.instances.lifecycle import REVOKE_ON_DISASSOCIATE, end_sessions
from tabard.services.ec2.pages import page
from tabard.services.ec2.pass_role import (
    IamInstanceProfileSpecification,
    find_instance_profile,
    guard_specification,
    new_association,
    pass_role_checks,
    passed_instance_profile,
)
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

_ASSOCIATE = "ec2:AssociateIamInstanceProfile"
_REPLACE = "ec2:ReplaceIamInstanceProfileAssociation"
_DISASSOCIATE = "ec2:DisassociateIamInstanceProfile"


class AssociateIamInstanceProfileRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html"""

    iam_instance_profile: IamInstanceProfileSpecification
    instance_id: str


class ReplaceIamInstanceProfileAssociationRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html"""

    iam_instance_profile: IamInstanceProfileSpecification
    association_id: str


class DisassociateIamInstanceProfileRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateIamInstanceProfile.html"""

    association_id: str


class DescribeIamInstanceProfileAssociationsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeIamInstanceProfileAssociations.html"""

    association_ids: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None


def associate_iam_instance_profile_checks(
    request: AssociateIamInstanceProfileRequest, facts: Facts
) -> Sequence[Check]:
    """Require ec2:AssociateIamInstanceProfile on the instance, and iam:PassRole on the profile's role."""
    found = find_instance_profile(request.iam_instance_profile, facts.snapshot.instance_profile_named)
    more = {"ec2:newinstanceprofile": (found.arn,)} if found is not None else {}
    return [instance_check(_ASSOCIATE, request.instance_id, facts, more), *pass_role_checks(found, facts)]


def associate_iam_instance_profile(
    permit: Permit, request: AssociateIamInstanceProfileRequest, tx: Transaction
) -> Output:
    """Give an instance the role of an instance profile.

    An instance profile without a role is accepted: the instance has no credentials until it gets one.

    Args:
        permit: proof that the caller may ec2:AssociateIamInstanceProfile and iam:PassRole.
        request: instance_id "i-" + 17 hex digits; the instance profile by name or by ARN, not both.
    Returns:
        The association in state `associating`. It is `associated` once its host has confirmed, or at once if
        the instance is stopped.
    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidParameterValue (no such instance
        profile), InvalidParameterCombination, MissingParameter, IncorrectInstanceState (neither running nor
        stopped), IncorrectState (an association exists already) (400 each).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html
    Differs: no eventual consistency; the next Describe sees it.
    """
    guard_specification(request.iam_instance_profile)
    guard_instance_id(request.instance_id)
    instance = tx.instances.get(request.instance_id)
    if instance is None or instance.region != permit.region:
        raise InvalidInstanceIDNotFound.among([request.instance_id])
    permit.require(_ASSOCIATE, ec2_arn(permit, f"instance/{instance.instance_id}"))
    instance_profile = passed_instance_profile(
        permit, request.iam_instance_profile, tx, decided_as="ec2:newinstanceprofile"
    )
    if instance.state not in (InstanceState.RUNNING, InstanceState.STOPPED):
        raise IncorrectInstanceState(instance_id=instance.instance_id)
    if any(not _is_over(each) for each in tx.associations.of_instance(instance.instance_id)):
        raise IncorrectState(reason=f"There is an existing association for instance {instance.instance_id}")
    association = new_association(permit, instance, instance_profile)
    tx.associations.insert(association)
    return {"IamInstanceProfileAssociation": _view(association)}


def replace_iam_instance_profile_association_checks(
    request: ReplaceIamInstanceProfileAssociationRequest, facts: Facts
) -> Sequence[Check]:
    """Require ec2:ReplaceIamInstanceProfileAssociation on the association's instance, and iam:PassRole on the
    role of the new instance profile; on `instance/*` without such an association."""
    found = find_instance_profile(request.iam_instance_profile, facts.snapshot.instance_profile_named)
    more = {"ec2:newinstanceprofile": (found.arn,)} if found is not None else {}
    association = facts.snapshot.associations.get(request.association_id)
    instance_id = association.instance_id if association is not None else "*"
    return [instance_check(_REPLACE, instance_id, facts, more), *pass_role_checks(found, facts)]


def replace_iam_instance_profile_association(
    permit: Permit, request: ReplaceIamInstanceProfileAssociationRequest, tx: Transaction
) -> Output:
    """Replace the instance profile of an instance, without a time between them.

    Sessions of the former role stay valid until they expire, as on EC2.

    The same instance profile changes nothing, and its association keeps its id: observed on EC2.

    Returns:
        A new association in state `associating`. It is `associated` once its host has confirmed, or at once
        if the instance is stopped. The former one is `disassociating` until its host no longer serves it.
    Raises:
        InvalidAssociationID.NotFound, InvalidParameterValue (no such instance profile),
        InvalidParameterCombination, MissingParameter, IncorrectInstanceState (neither running nor stopped),
        IncorrectState (the association is ending) (400 each).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html
    """
    guard_specification(request.iam_instance_profile)
    association = tx.associations.get(request.association_id)
    instance = tx.instances.get(association.instance_id) if association is not None else None
    if association is None or instance is None or not _is_visible(association, instance, permit):
        raise InvalidAssociationIDNotFound(association_id=request.association_id)
    permit.require(_REPLACE, ec2_arn(permit, f"instance/{instance.instance_id}"))
    instance_profile = passed_instance_profile(
        permit, request.iam_instance_profile, tx, decided_as="ec2:newinstanceprofile"
    )
    if instance.state not in (InstanceState.RUNNING, InstanceState.STOPPED):
        raise IncorrectInstanceState(instance_id=instance.instance_id)
    if not association.is_active:
        raise IncorrectState(reason=f"The association {association.association_id} is being disassociated")
    if association.instance_profile_id == instance_profile.instance_profile_id:
        return {"IamInstanceProfileAssociation": _view(association)}
    stopped = instance.state is InstanceState.STOPPED
    ending = AssociationState.DISASSOCIATED if stopped else AssociationState.DISASSOCIATING
    tx.associations.update(replace(association, state=ending, changed_at=permit.now))
    successor = new_association(permit, instance, instance_profile)
    tx.associations.insert(successor)
    return {"IamInstanceProfileAssociation": _view(successor)}


def disassociate_iam_instance_profile_checks(
    request: DisassociateIamInstanceProfileRequest, facts: Facts
) -> Sequence[Check]:
    """Require ec2:DisassociateIamInstanceProfile on the association's instance; else on `instance/*`."""
    association = facts.snapshot.associations.get(request.association_id)
    return [instance_check(_DISASSOCIATE, association.instance_id if association else "*", facts)]


def disassociate_iam_instance_profile(
    permit: Permit, request: DisassociateIamInstanceProfileRequest, tx: Transaction
) -> Output:
    """Remove the instance profile of an instance.

    The instance's sessions stay valid until they expire, as on EC2, unless the installation revokes them
    (`revoke_on_disassociate`). Termination of the instance always ends them.

    Returns:
        The association in state `disassociating`, until its host no longer serves it. For a stopped instance
        it ends at once. An association that is already disassociating is returned unchanged.
    Raises:
        InvalidAssociationID.NotFound (400).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateIamInstanceProfile.html
    """
    association = tx.associations.get(request.association_id)
    instance = tx.instances.get(association.instance_id) if association is not None else None
    if association is None or instance is None or not _is_visible(association, instance, permit):
        raise InvalidAssociationIDNotFound(association_id=request.association_id)
    permit.require(_DISASSOCIATE, ec2_arn(permit, f"instance/{instance.instance_id}"))
    shown = replace(association, state=AssociationState.DISASSOCIATING, changed_at=permit.now)
    if association.state is AssociationState.DISASSOCIATING:
        return {"IamInstanceProfileAssociation": _view(association)}
    if tx.installation.get(REVOKE_ON_DISASSOCIATE):
        end_sessions(tx, instance.instance_id, permit.now)
    if instance.state is InstanceState.STOPPED:
        tx.associations.update(replace(shown, state=AssociationState.DISASSOCIATED))
    else:
        tx.associations.update(shown)
    return {"IamInstanceProfileAssociation": _view(shown)}


def describe_iam_instance_profile_associations(
    permit: Permit, request: DescribeIamInstanceProfileAssociationsRequest, snapshot: Snapshot
) -> Output:
    """Describe the associations of the region's instances.

    Returns:
        Associations that are associating, associated or disassociating, but not ended ones.
    Raises:
        InvalidAssociationID.NotFound, InvalidParameterValue (an unknown filter), InvalidNextToken (400 each).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeIamInstanceProfileAssociations.html
    """
    here = {
        each.association_id: each
        for each in snapshot.associations.values()
        if _is_visible(each, snapshot.instances.get(each.instance_id), permit)
    }
    for association_id in request.association_ids:
        if association_id not in here:
            raise InvalidAssociationIDNotFound(association_id=association_id)
    wanted = dict.fromkeys(request.association_ids or here)
    found = keep(
        [here[association_id] for association_id in wanted],
        request.filters,
        {
            "instance-id": lambda each: (each.instance_id,),
            "state": lambda each: (each.state.value,),
        },
    )
    associations, next_token = page(
        found,
        key=lambda each: (each.association_id,),
        max_results=request.max_results,
        next_token=request.next_token,
    )
    answer: dict[str, object] = {"IamInstanceProfileAssociations": [_view(each) for each in associations]}
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


def _is_over(association: Association) -> bool:
    return association.state is AssociationState.DISASSOCIATED


def _is_visible(association: Association, instance: Instance | None, permit: Permit) -> bool:
    return instance is not None and instance.region == permit.region and not _is_over(association)


def _view(association: Association) -> Output:
    return {
        "AssociationId": association.association_id,
        "InstanceId": association.instance_id,
        "IamInstanceProfile": {
            "Arn": association.instance_profile_arn,
            "Id": association.instance_profile_id,
        },
        "State": association.state.value,
        "Timestamp": association.changed_at,
    }


OPERATIONS: tuple[Operation, ...] = (
    Write(
        AssociateIamInstanceProfileRequest,
        associate_iam_instance_profile_checks,
        associate_iam_instance_profile,
        actions=("ec2:AssociateIamInstanceProfile", "iam:PassRole"),
    ),
    Write(
        ReplaceIamInstanceProfileAssociationRequest,
        replace_iam_instance_profile_association_checks,
        replace_iam_instance_profile_association,
        actions=("ec2:ReplaceIamInstanceProfileAssociation", "iam:PassRole"),
    ),
    Write(
        DisassociateIamInstanceProfileRequest,
        disassociate_iam_instance_profile_checks,
        disassociate_iam_instance_profile,
    ),
    Read(
        DescribeIamInstanceProfileAssociationsRequest,
        on_everything("ec2:DescribeIamInstanceProfileAssociations"),
        describe_iam_instance_profile_associations,
    ),
)
