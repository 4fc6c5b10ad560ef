"""Lookup of the instances in a request, for operations on several at once: all of them or none."""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Instance
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.context import instance_check
from tabard.services.ec2.errors import InvalidInstanceIDNotFound, MissingParameter
from tabard.services.ec2.ids import guard_instance_id
from tabard.services.operation import Facts
from tabard.store.ports import Transaction


def instance_checks(action: str, instance_ids: Sequence[str], facts: Facts) -> list[Check]:
    """Require the action on each instance; on `instance/*` if the request names none."""
    return [instance_check(action, each, facts) for each in dict.fromkeys(instance_ids or ("*",))]


def looked_up_instance(permit: Permit, action: str, instance_id: str, tx: Transaction) -> Instance:
    """Find one instance for which the permit's action was decided.

    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed (400 each).
    """
    return looked_up_instances(permit, action, (instance_id,), tx)[0]


def looked_up_instances(
    permit: Permit, action: str, instance_ids: Sequence[str], tx: Transaction
) -> list[Instance]:
    """Find the instances, for each of which the permit's action was decided, in the request's order.

    Raises:
        MissingParameter: no ids. InvalidInstanceID.NotFound, InvalidInstanceID.Malformed (400 each).
    """
    if not instance_ids:
        raise MissingParameter(parameter="InstanceId")
    found: list[Instance] = []
    missing: list[str] = []
    for instance_id in dict.fromkeys(instance_ids):
        guard_instance_id(instance_id)
        permit.require(action, ec2_arn(permit, f"instance/{instance_id}"))
        instance = tx.instances.get(instance_id)
        if instance is None or instance.region != permit.region:
            missing.append(instance_id)
        else:
            found.append(instance)
    if missing:
        raise InvalidInstanceIDNotFound.among(missing)
    return found
