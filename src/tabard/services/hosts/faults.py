"""Fault injection: a slow or failing metadata service, and keys that end early."""

from collections.abc import Sequence
from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.faults import LARGEST_SKEW_SECONDS, LONGEST_DELAY_MILLISECONDS, NO_FAULTS, Faults
from tabard.model.instance import InstanceState
from tabard.model.messages import DesiredFaults, SetInstanceFaultsRequest, SetInstanceFaultsResult
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.instances.lifecycle import end_sessions
from tabard.services.hosts.answers import answer
from tabard.services.hosts.errors import InstanceNotFound, InvalidFault
from tabard.services.operation import Facts, Operation, Output, Write
from tabard.store.ports import Transaction

SET_INSTANCE_FAULTS = "hosts:SetInstanceFaults"
_ALIVE = frozenset((InstanceState.PENDING, InstanceState.RUNNING))


def set_instance_faults_checks(request: SetInstanceFaultsRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:SetInstanceFaults on the instance."""
    return [Check(action=SET_INSTANCE_FAULTS, resource=ec2_arn(facts, f"instance/{request.instance_id}"))]


def set_instance_faults(permit: Permit, request: SetInstanceFaultsRequest, tx: Transaction) -> Output:
    """Inject faults into one instance's metadata service, or end them.

    Args:
        permit: proof that the caller may hosts:SetInstanceFaults on the instance.
        request: absent faults do not change; zero or empty ends a fault; clear ends all absent faults.
            rotate_now makes new keys at once; expire_now also ends the issued sessions.
    Returns:
        The faults that are then active.
    Raises:
        InstanceNotFound (400): missing, or neither pending nor running. InvalidFault (400).
    Differs: AWS has no such operation; its Fault Injection Service has no such fault.
    """
    permit.require(SET_INSTANCE_FAULTS, ec2_arn(permit, f"instance/{request.instance_id}"))
    instance = tx.instances.get(request.instance_id)
    if instance is None or instance.region != permit.region or instance.state not in _ALIVE:
        raise InstanceNotFound(instance_id=request.instance_id, region=permit.region)
    faults = _changed(instance.faults, request)
    if request.expire_now:
        end_sessions(tx, instance.instance_id, permit.now)
    tx.instances.update(replace(instance, faults=faults))
    return answer(SetInstanceFaultsResult(faults=desired_faults(faults) or DesiredFaults()))


def desired_faults(faults: Faults) -> DesiredFaults | None:
    """Return the faults for the desired state; None if there never were any."""
    if faults == NO_FAULTS:
        return None
    return DesiredFaults(
        metadata_delay_milliseconds=faults.metadata_delay_milliseconds,
        metadata_status=faults.metadata_status,
        credentials_code=faults.credentials_code,
        clock_skew_seconds=faults.clock_skew_seconds,
        rotations=faults.rotations,
    )


def _changed(before: Faults, request: SetInstanceFaultsRequest) -> Faults:
    named = {
        "metadata_delay_milliseconds": request.metadata_delay_milliseconds,
        "metadata_status": request.metadata_status,
        "credentials_code": request.credentials_code,
        "clock_skew_seconds": request.clock_skew_seconds,
    }
    kept = Faults(rotations=before.rotations) if request.clear else before
    rotations = before.rotations + (request.rotate_now or request.expire_now)
    try:
        changes = {name: value for name, value in named.items() if value is not None}
        return replace(kept, **changes, rotations=rotations)  # type: ignore[arg-type] # each of its own type
    except ValueError:
        raise InvalidFault(
            reason=f"A delay is 0 to {LONGEST_DELAY_MILLISECONDS} milliseconds, a status 500 to 599, "
            f"a clock wrong by {LARGEST_SKEW_SECONDS} seconds at most"
        ) from None


OPERATIONS: tuple[Operation, ...] = (
    Write(SetInstanceFaultsRequest, set_instance_faults_checks, set_instance_faults),
)
