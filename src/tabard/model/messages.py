"""The messages between agents and the edge: the shapes of the `hosts` service, in its JSON names."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from tabard.model import member_bounds as bounds
from tabard.model.instance_events import LifecycleState, ScheduledEventCode, ScheduledEventState, SpotAction

DriverName = Literal["process", "netns", "container", "vm", "machine"]

EDGE_NAME = "edge.tabard.internal"
"""The name in every edge's certificate. A machine verifies it for any address of an edge."""

JOIN_TOKEN_SECRET_BYTES = 32
DesiredRunState = Literal["running", "stopped", "terminated"]


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """A message. Its members are written like AWS's: `InstanceId`."""


class DesiredMetadataOptions(Message, frozen=True):
    """The five metadata options of one instance."""

    http_tokens: Literal["optional", "required"]
    http_endpoint: Literal["enabled", "disabled"]
    http_put_response_hop_limit: bounds.HopLimit
    http_protocol_ipv6: Literal["enabled", "disabled"]
    instance_metadata_tags: Literal["enabled", "disabled"]


class DesiredInstanceProfile(Message, frozen=True):
    """The desired association of an instance; `role_name` is empty if the instance profile has no role.

    is_deleted: whether the instance profile was deleted while the association remains.
    """

    association_id: bounds.AssociationId
    instance_profile_arn: str
    instance_profile_id: str
    role_name: str = ""
    role_id: str = ""
    is_deleted: bool = False


class InstanceTag(Message, frozen=True):
    """One tag of an instance."""

    key: str
    value: str


class DesiredFaults(Message, frozen=True):
    """The faults to inject into the metadata service, as in `Faults`."""

    metadata_delay_milliseconds: int = 0
    metadata_status: int = 0
    credentials_code: bounds.FaultCode = ""
    clock_skew_seconds: int = 0
    rotations: int = 0


class DesiredScheduledEvent(Message, frozen=True):
    """Announced maintenance of an instance."""

    event_id: str
    code: ScheduledEventCode
    description: str
    not_before: datetime
    state: ScheduledEventState
    not_after: datetime | None = None


class DesiredEvents(Message, frozen=True):
    """The announcements to an instance; by default none."""

    spot_action: SpotAction = "terminate"
    spot_action_at: datetime | None = None
    rebalance_noticed_at: datetime | None = None
    target_lifecycle_state: LifecycleState | None = None
    scheduled: tuple[DesiredScheduledEvent, ...] = ()


class DesiredInstance(Message, frozen=True):
    """The desired state of one instance, and all values of its metadata service."""

    instance_id: bounds.InstanceId
    run_state: DesiredRunState
    driver: DriverName
    image_id: str
    instance_type: str
    reservation_id: str
    account_id: str
    partition: str
    region: str
    availability_zone: str
    availability_zone_id: str
    host_id: bounds.HostId
    private_ip_address: str
    private_dns_name: str
    mac_address: str
    vpc_id: str
    vpc_cidr_block: str
    subnet_id: str
    subnet_cidr_block: str
    network_interface_id: str
    security_group_id: str
    security_group_name: str
    ami_launch_index: int
    architecture: str
    boot_number: int
    launched_at: datetime
    metadata_options: DesiredMetadataOptions
    instance_profile: DesiredInstanceProfile | None = None
    user_data: bounds.UserData = b""
    key_name: str = ""
    public_key: str = ""
    tags: tuple[InstanceTag, ...] = ()
    faults: DesiredFaults | None = None
    events: DesiredEvents = DesiredEvents()

    def __repr__(self) -> str:
        return f"DesiredInstance({self.instance_id!r}, run_state={self.run_state!r})"


class DescribeHostInstancesRequest(Message, frozen=True):
    """Ask for a host's desired state. The answer comes at once if its version is not `known_version`,
    otherwise after a change or `wait_seconds` (0 to 60)."""

    host_id: bounds.HostId
    known_version: bounds.Version = -1
    wait_seconds: bounds.WaitSeconds = 0


class DescribeHostInstancesResult(Message, frozen=True):
    """The whole desired state of one host at one version."""

    version: bounds.Version
    instances: tuple[DesiredInstance, ...] = ()


class GetInstanceSessionRequest(Message, frozen=True):
    """Ask for a session of the role in the instance's instance profile."""

    instance_id: bounds.InstanceId
    role_delivery: Literal["1.0", "2.0"]


class GetInstanceSessionResult(Message, frozen=True):
    """A session. `lifetime_seconds` counts from the answer: hosts count it on their own clocks."""

    access_key_id: str
    secret_access_key: bounds.Secret
    session_token: bounds.Secret
    expiration: datetime
    last_updated: datetime
    lifetime_seconds: int
    role_name: str
    role_id: str
    association_id: bounds.AssociationId

    def __repr__(self) -> str:
        return (
            f"GetInstanceSessionResult(access_key_id={self.access_key_id!r}, expiration={self.expiration!r})"
        )


class GetInstanceIdentityRequest(Message, frozen=True):
    """Ask for the signed identity document of an instance."""

    instance_id: bounds.InstanceId


class GetInstanceIdentityResult(Message, frozen=True):
    """The document, and its signatures in base64 by the installation's own certificate."""

    document: str
    signature: str
    pkcs7: str
    rsa2048: str


InstanceEventKind = Literal[
    "spot-interruption", "rebalance-recommendation", "target-lifecycle-state", "scheduled-event"
]


class PutInstanceEventRequest(Message, frozen=True):
    """Announce an event to an instance. `event` selects the kind and the used members."""

    instance_id: bounds.InstanceId
    event: InstanceEventKind
    action: SpotAction = "terminate"
    at: datetime | None = None
    lifecycle_state: LifecycleState | None = None
    code: ScheduledEventCode = "system-reboot"
    description: str = ""
    not_after: datetime | None = None


class PutInstanceEventResult(Message, frozen=True):
    """The id of a scheduled event; absent for others."""

    event_id: str = ""


class CancelInstanceEventsRequest(Message, frozen=True):
    """Withdraw announcements, of one kind or all. Scheduled events stay in the history."""

    instance_id: bounds.InstanceId
    event: InstanceEventKind | None = None
    completed: bool = False


class PutConsoleOutputRequest(Message, frozen=True):
    """Send the last 64 KiB of an instance's console output."""

    instance_id: bounds.InstanceId
    output: bounds.ConsoleOutput

    def __repr__(self) -> str:
        return f"PutConsoleOutputRequest({self.instance_id!r})"


class InstanceReport(Message, frozen=True):
    """A host's report on one boot of one instance. The instance now serves `association_id`."""

    instance_id: bounds.InstanceId
    boot_number: int
    run_state: Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
    association_id: bounds.AssociationId = ""
    reason_code: bounds.ReasonCode = ""
    reason_message: bounds.ReasonMessage = ""


class ReportInstancesRequest(Message, frozen=True):
    """Report the state of instances. It also shows that the host is alive."""

    host_id: bounds.HostId
    reports: Annotated[tuple[InstanceReport, ...], bounds.Bound(name="InstanceReportList", most=1000)] = ()


class RegisterHostRequest(Message, frozen=True):
    """Make a host with its own key. An `ephemeral` host exists as long as it reports."""

    name: bounds.HostName
    ephemeral: bool = False


class RegisterHostResult(Message, frozen=True):
    """The host's own key, shown once."""

    host_id: bounds.HostId
    arn: str
    access_key_id: str
    secret_access_key: bounds.Secret

    def __repr__(self) -> str:
        return f"RegisterHostResult(host_id={self.host_id!r}, access_key_id={self.access_key_id!r})"


class CreateJoinTokenRequest(Message, frozen=True):
    """Let one machine with this name enroll within `lifetime_seconds` (60 to 604800)."""

    host_name: bounds.HostName
    instance_profile_name: bounds.InstanceProfileName | None = None
    lifetime_seconds: bounds.LifetimeSeconds = 3600


class CreateJoinTokenResult(Message, frozen=True):
    """Its secret is shown only here. `ca_fingerprint` is the SHA-256 (hex) of the CA's certificate."""

    join_token_id: bounds.JoinTokenId
    arn: str
    secret: bounds.Secret
    ca_fingerprint: str
    expiration: datetime

    def __repr__(self) -> str:
        return f"CreateJoinTokenResult(join_token_id={self.join_token_id!r})"


class DescribeJoinTokensRequest(Message, frozen=True):
    """List the join tokens."""


class JoinTokenDescription(Message, frozen=True):
    """One join token, without its secret. `host_id` is the host that used it; empty while unused."""

    join_token_id: bounds.JoinTokenId
    arn: str
    host_name: bounds.HostName
    created_at: datetime
    created_by: str
    expiration: datetime
    host_id: str


class DescribeJoinTokensResult(Message, frozen=True):
    """The account's join tokens in the request's region; used ones stay until they expire."""

    join_tokens: tuple[JoinTokenDescription, ...]


class DeleteJoinTokenRequest(Message, frozen=True):
    """Remove a join token. Its host stays."""

    join_token_id: bounds.JoinTokenId


class EnrollHostRequest(Message, frozen=True):
    """Enroll as a host with a join token and the key of a certificate signing request (PEM)."""

    join_token_id: bounds.JoinTokenId
    join_token_secret: bounds.JoinTokenSecret
    host_name: bounds.HostName
    certificate_request: bounds.CertificateRequest

    def __repr__(self) -> str:
        return f"EnrollHostRequest(join_token_id={self.join_token_id!r}, host_name={self.host_name!r})"


class EnrollHostResult(Message, frozen=True):
    """Host, instance and certificate (PEM). It contains no secret: the machine made its own key."""

    host_id: bounds.HostId
    arn: str
    instance_id: bounds.InstanceId
    region: str
    certificate: str


class RenewHostCertificateRequest(Message, frozen=True):
    """Ask for a certificate (PEM) of another key; the present key stays until the new one is first used."""

    host_id: bounds.HostId
    certificate_request: bounds.CertificateRequest


class RenewHostCertificateResult(Message, frozen=True):
    """The certificate (PEM) of the new key."""

    certificate: str


class DescribeHostsRequest(Message, frozen=True):
    """List the hosts."""


class HostDescription(Message, frozen=True):
    """One host. `enrolled`: a machine that enrolled itself, with a certificate for the fingerprint's key."""

    host_id: bounds.HostId
    arn: str
    name: bounds.HostName
    region: str
    registered_at: datetime
    last_seen_at: datetime
    ephemeral: bool
    enrolled: bool
    key_fingerprint: str
    instance_ids: tuple[bounds.InstanceId, ...]


class DescribeHostsResult(Message, frozen=True):
    """The hosts of the account in the request's region."""

    hosts: tuple[HostDescription, ...]


class DeregisterHostRequest(Message, frozen=True):
    """Remove a host, terminate its instances and revoke its sessions."""

    host_id: bounds.HostId


class SetInstanceFaultsRequest(Message, frozen=True):
    """Inject faults into one instance. Absent faults do not change, or end with `clear`."""

    instance_id: bounds.InstanceId
    metadata_delay_milliseconds: int | None = None
    metadata_status: int | None = None
    credentials_code: bounds.FaultCode | None = None
    clock_skew_seconds: int | None = None
    rotate_now: bool = False
    expire_now: bool = False
    clear: bool = False


class SetInstanceFaultsResult(Message, frozen=True):
    """The active faults."""

    faults: DesiredFaults
