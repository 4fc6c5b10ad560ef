"""The instance profile that a request names, what passing its role needs, and the association it becomes."""

from collections.abc import Callable, Mapping

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.association import Association, AssociationState
from tabard.model.instance import Instance, InstanceState
from tabard.model.instance_profile import InstanceProfile
from tabard.names import new_resource_id
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.errors import InvalidParameterCombination, InvalidParameterValue, MissingParameter
from tabard.services.operation import Facts, Request
from tabard.store.ports import Transaction

TRUST_EC2: Mapping[str, object] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
"""The trust policy of a role that is for instances, and for nobody else."""

Named = Callable[[str], InstanceProfile | None]


class IamInstanceProfileSpecification(Request, frozen=True, kw_only=True):
    """An instance profile by name or by ARN, not both."""

    arn: str | None = None
    name: str | None = None


def guard_specification(wanted: IamInstanceProfileSpecification) -> None:
    """Insist on a name or an ARN. Raises InvalidParameterCombination, MissingParameter (400)."""
    if wanted.arn and wanted.name:
        raise InvalidParameterCombination(
            reason="The parameter 'iamInstanceProfile.name' may not be used in combination with "
            "'iamInstanceProfile.arn'"
        )
    if not wanted.arn and not wanted.name:
        raise MissingParameter(parameter="iamInstanceProfile.name or iamInstanceProfile.arn")


def find_instance_profile(wanted: IamInstanceProfileSpecification, named: Named) -> InstanceProfile | None:
    """Find the requested instance profile; an ARN must match exactly."""
    if wanted.name:
        return named(wanted.name)
    found = named(wanted.arn.rpartition("/")[2]) if wanted.arn else None
    return found if found is not None and found.arn == wanted.arn else None


def pass_role_checks(found: InstanceProfile | None, facts: Facts) -> list[Check]:
    """Return the PassRole check on the role of an instance profile, if it has one.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    role = facts.snapshot.roles.get(found.role_id) if found is not None and found.role_id else None
    if role is None:
        return []
    context = {
        "iam:passedtoservice": ("ec2.amazonaws.com",),
        "iam:associatedresourcearn": (ec2_arn(facts, "instance/*"),),
    }
    return [Check(action="iam:PassRole", resource=role.arn, context=context)]


def passed_instance_profile(
    permit: Permit, wanted: IamInstanceProfileSpecification, tx: Transaction, *, decided_as: str
) -> InstanceProfile:
    """Read the requested instance profile again; refuse it if it changed since the decision.

    Args:
        decided_as: the condition key that contained the instance profile's ARN in the decision.
    Raises:
        InvalidParameterValue: it does not exist, or did not exist at the decision.
        AccessDenied: it has another role than the one that the caller was allowed to pass.
    """
    found = find_instance_profile(wanted, tx.instance_profiles.named)
    # INVARIANT: the decision compared conditions with exactly this instance profile.
    if found is None or not any(check.context.get(decided_as) == (found.arn,) for check in permit.checks):
        raise _unknown(wanted)
    role = tx.roles.get(found.role_id) if found.role_id else None
    if role is not None:
        permit.require("iam:PassRole", role.arn)
    return found


def new_association(permit: Permit, instance: Instance, instance_profile: InstanceProfile) -> Association:
    """Make an association: `associating` until its host confirms; `associated` at once if stopped."""
    stopped = instance.state is InstanceState.STOPPED
    return Association(
        association_id=new_resource_id("iip-assoc"),
        instance_id=instance.instance_id,
        instance_profile_id=instance_profile.instance_profile_id,
        instance_profile_arn=instance_profile.arn,
        state=AssociationState.ASSOCIATED if stopped else AssociationState.ASSOCIATING,
        changed_at=permit.now,
    )


def _unknown(wanted: IamInstanceProfileSpecification) -> InvalidParameterValue:
    value, parameter, kind = (wanted.name, "name", "name") if wanted.name else (wanted.arn, "arn", "ARN")
    return InvalidParameterValue(
        reason=f"Value ({value}) for parameter iamInstanceProfile.{parameter} is invalid. "
        f"Invalid IAM Instance Profile {kind}"
    )
