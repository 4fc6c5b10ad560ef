"""Instances, and the options of their metadata service."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from tabard.model.faults import NO_FAULTS, Faults
from tabard.model.instance_events import NO_EVENTS, InstanceEvents
from tabard.model.messages import DriverName
from tabard.model.tag import Tag


class InstanceState(StrEnum):
    """EC2's instance states, with the codes EC2 gives them."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"

    @property
    def code(self) -> int:
        return _STATE_CODES[self]


_STATE_CODES = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
    InstanceState.STOPPING: 64,
    InstanceState.STOPPED: 80,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataOptions:
    """The five options of an instance's metadata service.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html
    """

    http_tokens: Literal["optional", "required"] = "required"
    http_endpoint: Literal["enabled", "disabled"] = "enabled"
    http_put_response_hop_limit: int = 2
    http_protocol_ipv6: Literal["enabled", "disabled"] = "disabled"
    instance_metadata_tags: Literal["enabled", "disabled"] = "disabled"

    def __post_init__(self) -> None:
        if not 1 <= self.http_put_response_hop_limit <= 64:
            raise ValueError("a hop limit is 1 to 64")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataDefaults:
    """An account's defaults for the metadata options of new launches in one region; None: no default.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataDefaultsResponse.html
    """

    http_tokens: Literal["optional", "required"] | None = None
    http_endpoint: Literal["enabled", "disabled"] | None = None
    http_put_response_hop_limit: int | None = None
    instance_metadata_tags: Literal["enabled", "disabled"] | None = None
    http_tokens_enforced: Literal["enabled", "disabled"] | None = None

    def __post_init__(self) -> None:
        limit = self.http_put_response_hop_limit
        if limit is not None and not 1 <= limit <= 64:
            raise ValueError("a hop limit is 1 to 64")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownOptions:
    """Protection against API termination and stop, and the behavior when an instance ends by itself.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html
    """

    disable_api_termination: bool = False
    disable_api_stop: bool = False
    instance_initiated: Literal["stop", "terminate"] = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One machine, placed on one host permanently. `user_data` is decoded (at most 16 KiB).

    `public_key` is that of the key pair `key_name` at the launch; both are empty without one.

    `state_reason` is EC2's pair of code and message, or empty. `boot_number` counts the requested starts and
    reboots since the launch. Each report of a host is about one of them.
    """

    instance_id: str
    reservation_id: str
    owner_account_id: str
    image_id: str
    host_id: str
    instance_type: str
    region: str
    availability_zone: str
    private_ip_address: str
    mac_address: str
    state: InstanceState
    metadata_options: MetadataOptions
    launched_at: datetime
    launched_by: str
    boot_number: int = 0
    ami_launch_index: int = 0
    client_token: str = ""
    user_data: bytes = field(default=b"", repr=False)
    key_name: str = ""
    public_key: str = ""
    state_reason_code: str = ""
    state_reason_message: str = ""
    state_changed_at: datetime | None = None
    shutdown_options: ShutdownOptions = ShutdownOptions()
    tags: tuple[Tag, ...] = ()
    faults: Faults = NO_FAULTS
    events: InstanceEvents = NO_EVENTS

    @property
    def private_dns_name(self) -> str:
        return f"ip-{self.private_ip_address.replace('.', '-')}.{self.region}.compute.internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image: the source of an instance. It selects the driver."""

    image_id: str
    name: str
    description: str
    driver: DriverName
    imds_support: Literal["v2.0", ""]
    architecture: str
    created_at: datetime
