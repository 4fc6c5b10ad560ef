"""The instances for which a host may act: only those placed on it."""

from typing import Protocol

from tabard.access.authorize import Permit
from tabard.access.caller import CallerKind
from tabard.access.refusals import AccessDenied
from tabard.model.instance import Instance
from tabard.services.ec2.arns import ec2_arn


class Instances(Protocol):
    """Instances by id, from a snapshot or a transaction."""

    def get(self, instance_id: str, /) -> Instance | None: ...


def own_instance(permit: Permit, action: str, instance_id: str, instances: Instances) -> Instance:
    """Return the instance if the caller is its host.

    Raises:
        AccessDenied.
    INVARIANT: policies alone never give access to an instance's data: a principal with `hosts:*` is not a
    host. An instance that does not exist is refused with the same sentence.
    """
    arn = ec2_arn(permit, f"instance/{instance_id}")
    permit.require(action, arn)
    caller = permit.caller
    instance = instances.get(instance_id)
    if (
        instance is None
        or instance.region != permit.region
        or caller.kind is not CallerKind.HOST
        or caller.owner_id != instance.host_id
    ):
        raise AccessDenied(
            "hosts",
            f"User: {caller.arn} is not authorized to perform: {action} on resource: {arn} "
            "because only the host that an instance is placed on is given what is the instance's",
        )
    return instance
