"""The checks that requests to the `hosts` service need."""

from collections.abc import Sequence

from tabard.access.check import Check
from tabard.model.messages import (
    DeregisterHostRequest,
    DescribeHostInstancesRequest,
    DescribeHostsRequest,
    GetInstanceIdentityRequest,
    GetInstanceSessionRequest,
    PutConsoleOutputRequest,
    RegisterHostRequest,
    ReportInstancesRequest,
)
from tabard.names import Place
from tabard.services.ec2.arns import ec2_arn
from tabard.services.ec2.context import visible_instance
from tabard.services.operation import Facts


def host_arn(place: Place, host_id: str) -> str:
    """Return `arn:aws:hosts:REGION:ACCOUNT:host/h-…`."""
    return f"arn:{place.partition}:hosts:{place.region}:{place.account_id}:host/{host_id}"


def describe_host_instances_checks(request: DescribeHostInstancesRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:DescribeHostInstances on the host."""
    return [Check(action="hosts:DescribeHostInstances", resource=host_arn(facts, request.host_id))]


def report_instances_checks(request: ReportInstancesRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:ReportInstances on the host."""
    return [Check(action="hosts:ReportInstances", resource=host_arn(facts, request.host_id))]


def register_host_checks(_: RegisterHostRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:RegisterHost on any host: the new one has no id yet."""
    return [Check(action="hosts:RegisterHost", resource=host_arn(facts, "*"))]


def deregister_host_checks(request: DeregisterHostRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:DeregisterHost on the host."""
    return [Check(action="hosts:DeregisterHost", resource=host_arn(facts, request.host_id))]


def describe_hosts_checks(_: DescribeHostsRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:DescribeHosts on any host."""
    return [Check(action="hosts:DescribeHosts", resource=host_arn(facts, "*"))]


def get_instance_session_checks(request: GetInstanceSessionRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:GetInstanceSession on the instance; `hosts:instancehostid` is the instance's host.

    INVARIANT: an instance that does not exist has no host. So a host gets the same denial as for another
    host's instance.
    """
    return [_own_instance_check("hosts:GetInstanceSession", request.instance_id, facts)]


def get_instance_identity_checks(request: GetInstanceIdentityRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:GetInstanceIdentity on the instance; `hosts:instancehostid` is the instance's host."""
    return [_own_instance_check("hosts:GetInstanceIdentity", request.instance_id, facts)]


def put_console_output_checks(request: PutConsoleOutputRequest, facts: Facts) -> Sequence[Check]:
    """Require hosts:PutConsoleOutput on the instance; `hosts:instancehostid` is the instance's host."""
    return [_own_instance_check("hosts:PutConsoleOutput", request.instance_id, facts)]


def _own_instance_check(action: str, instance_id: str, facts: Facts) -> Check:
    instance = visible_instance(instance_id, facts)
    return Check(
        action=action,
        resource=ec2_arn(facts, f"instance/{instance_id}"),
        context={"hosts:instancehostid": (instance.host_id if instance is not None else "",)},
    )
