"""The CPU credits of burstable instances: always unlimited, because nothing throttles an instance."""

from tabard.access.authorize import Permit
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation, InvalidParameterValue
from tabard.services.ec2.filters import Filter, matcher
from tabard.services.ec2.instance_types import UNLIMITED, is_burstable
from tabard.services.ec2.instances.listing import instances_after
from tabard.services.ec2.pages import page_in_order
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.listings import by_launch
from tabard.store.snapshot import Snapshot


class DescribeInstanceCreditSpecificationsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceCreditSpecifications.html"""

    instance_ids: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


def describe_instance_credit_specifications(
    permit: Permit, request: DescribeInstanceCreditSpecificationsRequest, snapshot: Snapshot
) -> Output:
    """Describe the CPU credits of the named instances, or of every burstable one.

    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidParameterValue (an instance that is
        not burstable; an unknown filter), InvalidParameterCombination, InvalidNextToken (400 each),
        DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceCreditSpecifications.html
    Differs: the credits are always `unlimited`; AWS omits those that were never changed from `standard`.
    """
    if request.dry_run:
        raise DryRunOperation
    found = instances_after(request.instance_ids, permit, snapshot, max_results=request.max_results)
    named = found(None) if request.instance_ids else ()
    steady = next((each for each in named if not is_burstable(each.instance_type)), None)
    if steady is not None:
        raise InvalidParameterValue(
            reason=f"{steady.instance_id} is not a burstable performance instance: it has no CPU credits."
        )
    matches = matcher(request.filters, {"instance-id": lambda it: (it.instance_id,)})
    instances, next_token = page_in_order(
        lambda key: (each for each in found(key) if is_burstable(each.instance_type) and matches(each)),
        key=by_launch,
        max_results=request.max_results,
        next_token=request.next_token,
    )
    answer: dict[str, object] = {
        "InstanceCreditSpecifications": [
            {"InstanceId": each.instance_id, "CpuCredits": UNLIMITED} for each in instances
        ]
    }
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


OPERATIONS: tuple[Operation, ...] = (
    Read(
        DescribeInstanceCreditSpecificationsRequest,
        on_everything("ec2:DescribeInstanceCreditSpecifications"),
        describe_instance_credit_specifications,
    ),
)
