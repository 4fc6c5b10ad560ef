"""What the `hosts` service can do; `model.json` beside it says the same to `wire`."""

from tabard.model.messages import (
    DeregisterHostRequest,
    DescribeHostInstancesRequest,
    GetInstanceSessionRequest,
    RegisterHostRequest,
    ReportInstancesRequest,
    SetInstanceFaultsRequest,
)
from tabard.services.hosts.checks import (
    deregister_host_checks,
    describe_host_instances_checks,
    get_instance_session_checks,
    register_host_checks,
    report_instances_checks,
)
from tabard.services.hosts.faults import set_instance_faults, set_instance_faults_checks
from tabard.services.hosts.host_instances import describe_host_instances, report_instances
from tabard.services.hosts.hosts import deregister_host, register_host
from tabard.services.hosts.instance_sessions import get_instance_session
from tabard.services.operation import Minting, Operation, Watch, Write

OPERATIONS: tuple[Operation, ...] = (
    Watch(
        "DescribeHostInstances",
        DescribeHostInstancesRequest,
        describe_host_instances_checks,
        describe_host_instances,
    ),
    Minting(
        "GetInstanceSession", GetInstanceSessionRequest, get_instance_session_checks, get_instance_session
    ),
    Write("ReportInstances", ReportInstancesRequest, report_instances_checks, report_instances),
    Write("RegisterHost", RegisterHostRequest, register_host_checks, register_host),
    Write("DeregisterHost", DeregisterHostRequest, deregister_host_checks, deregister_host),
    Write("SetInstanceFaults", SetInstanceFaultsRequest, set_instance_faults_checks, set_instance_faults),
)
