"""Instance status: whether an instance that should run is known to run."""

from datetime import datetime

from tabard.access.authorize import Permit
from tabard.model.host import Host
from tabard.model.instance import Instance, InstanceState
from tabard.model.instance_events import ScheduledEvent
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation
from tabard.services.ec2.filters import Filter, matcher
from tabard.services.ec2.instances.listing import instances_after
from tabard.services.ec2.instances.view import state_view
from tabard.services.ec2.pages import page_in_order
from tabard.services.ec2.placement import SILENT_AFTER
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.listings import by_launch
from tabard.store.snapshot import Snapshot


class DescribeInstanceStatusRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html"""

    instance_ids: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    include_all_instances: bool = False
    include_managed_resources: bool = False
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


def describe_instance_status(
    permit: Permit, request: DescribeInstanceStatusRequest, snapshot: Snapshot
) -> Output:
    """Describe the status of running instances, or with IncludeAllInstances of all.

    Returns:
        `ok` if the instance runs and its host has reported within three minutes, `impaired` if the host is
        silent, `initializing` while the instance is pending, else `not-applicable`.
    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidParameterValue (an unknown filter),
        InvalidParameterCombination, InvalidNextToken (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html
    Differs: system status and instance status are the same: both come from the host's reports.
    """
    if request.dry_run:
        raise DryRunOperation
    found = instances_after(request.instance_ids, permit, snapshot, max_results=request.max_results)
    matches = matcher(
        request.filters,
        {
            "availability-zone": lambda it: (it.availability_zone,),
            "instance-state-code": lambda it: (str(it.state.code),),
            "instance-state-name": lambda it: (it.state.value,),
            "instance-status.status": lambda it: (_status(it, snapshot, permit.now),),
            "system-status.status": lambda it: (_status(it, snapshot, permit.now),),
        },
    )

    def is_wanted(instance: Instance) -> bool:
        is_shown = request.include_all_instances or instance.state is InstanceState.RUNNING
        return is_shown and matches(instance)

    instances, next_token = page_in_order(
        lambda key: filter(is_wanted, found(key)),
        key=by_launch,
        max_results=request.max_results,
        next_token=request.next_token,
    )
    answer: dict[str, object] = {
        "InstanceStatuses": [_view(it, _status(it, snapshot, permit.now)) for it in instances]
    }
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


def _status(instance: Instance, snapshot: Snapshot, now: datetime) -> str:
    if instance.state is InstanceState.PENDING:
        return "initializing"
    if instance.state is not InstanceState.RUNNING:
        return "not-applicable"
    return "ok" if _is_heard_of(snapshot.hosts.get(instance.host_id), now) else "impaired"


def _is_heard_of(host: Host | None, now: datetime) -> bool:
    return host is not None and now - host.last_seen_at <= SILENT_AFTER


def _view(instance: Instance, status: str) -> Output:
    reachability = {"ok": "passed", "impaired": "failed", "initializing": "initializing"}.get(status)
    summary: dict[str, object] = {"Status": status}
    if reachability is not None:
        summary["Details"] = [{"Name": "reachability", "Status": reachability}]
    return {
        "InstanceId": instance.instance_id,
        "AvailabilityZone": instance.availability_zone,
        "Events": [_event_view(each) for each in instance.events.scheduled],
        "InstanceState": state_view(instance.state),
        "InstanceStatus": summary,
        "SystemStatus": summary,
    }


def _event_view(event: ScheduledEvent) -> Output:
    """AWS: the description of a past event begins with `[Completed]` or `[Canceled]`."""
    mark = "" if event.state == "active" else f"[{event.state.title()}] "
    view: dict[str, object] = {
        "InstanceEventId": event.event_id,
        "Code": event.code,
        "Description": f"{mark}{event.description}",
        "NotBefore": event.not_before,
    }
    if event.not_after is not None:
        view["NotAfter"] = event.not_after
    return view


OPERATIONS: tuple[Operation, ...] = (
    Read(
        DescribeInstanceStatusRequest, on_everything("ec2:DescribeInstanceStatus"), describe_instance_status
    ),
)
