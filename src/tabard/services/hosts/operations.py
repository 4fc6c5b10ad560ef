"""What the `hosts` service can do; `model/hosts_service.py` says the same to `wire`."""

from tabard.model.messages import (
    CancelInstanceEventsRequest,
    CreateJoinTokenRequest,
    DeleteJoinTokenRequest,
    DeregisterHostRequest,
    DescribeHostInstancesRequest,
    DescribeHostsRequest,
    DescribeJoinTokensRequest,
    EnrollHostRequest,
    GetInstanceIdentityRequest,
    GetInstanceSessionRequest,
    PutConsoleOutputRequest,
    PutInstanceEventRequest,
    RegisterHostRequest,
    RenewHostCertificateRequest,
    ReportInstancesRequest,
    SetInstanceFaultsRequest,
)
from tabard.services.hosts.checks import (
    deregister_host_checks,
    describe_host_instances_checks,
    describe_hosts_checks,
    get_instance_identity_checks,
    get_instance_session_checks,
    put_console_output_checks,
    register_host_checks,
    report_instances_checks,
)
from tabard.services.hosts.consoles import put_console_output
from tabard.services.hosts.enrollment import (
    enroll_host,
    enroll_host_checks,
    renew_host_certificate,
    renew_host_certificate_checks,
)
from tabard.services.hosts.faults import set_instance_faults, set_instance_faults_checks
from tabard.services.hosts.host_instances import describe_host_instances, report_instances
from tabard.services.hosts.hosts import deregister_host, describe_hosts, register_host
from tabard.services.hosts.instance_events import (
    cancel_instance_events,
    cancel_instance_events_checks,
    put_instance_event,
    put_instance_event_checks,
)
from tabard.services.hosts.instance_identity import get_instance_identity
from tabard.services.hosts.instance_sessions import get_instance_session
from tabard.services.hosts.join_tokens import (
    create_join_token,
    create_join_token_checks,
    delete_join_token,
    delete_join_token_checks,
    describe_join_tokens,
    describe_join_tokens_checks,
)
from tabard.services.operation import Minting, Operation, Read, Vouching, Watch, Write

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
    Vouching(
        "GetInstanceIdentity", GetInstanceIdentityRequest, get_instance_identity_checks, get_instance_identity
    ),
    Write("PutConsoleOutput", PutConsoleOutputRequest, put_console_output_checks, put_console_output),
    Write("ReportInstances", ReportInstancesRequest, report_instances_checks, report_instances),
    Write("RegisterHost", RegisterHostRequest, register_host_checks, register_host),
    Write("CreateJoinToken", CreateJoinTokenRequest, create_join_token_checks, create_join_token),
    Read("DescribeJoinTokens", DescribeJoinTokensRequest, describe_join_tokens_checks, describe_join_tokens),
    Write("DeleteJoinToken", DeleteJoinTokenRequest, delete_join_token_checks, delete_join_token),
    Write("EnrollHost", EnrollHostRequest, enroll_host_checks, enroll_host),
    Write(
        "RenewHostCertificate",
        RenewHostCertificateRequest,
        renew_host_certificate_checks,
        renew_host_certificate,
    ),
    Read("DescribeHosts", DescribeHostsRequest, describe_hosts_checks, describe_hosts),
    Write("PutInstanceEvent", PutInstanceEventRequest, put_instance_event_checks, put_instance_event),
    Write(
        "CancelInstanceEvents",
        CancelInstanceEventsRequest,
        cancel_instance_events_checks,
        cancel_instance_events,
    ),
    Write("DeregisterHost", DeregisterHostRequest, deregister_host_checks, deregister_host),
    Write("SetInstanceFaults", SetInstanceFaultsRequest, set_instance_faults_checks, set_instance_faults),
)
