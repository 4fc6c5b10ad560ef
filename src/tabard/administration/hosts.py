"""An administrator's requests about hosts, join tokens, and faults and events of instances."""

from collections.abc import Sequence

from tabard.administration.client import SystemClient
from tabard.model.messages import (
    CancelInstanceEventsRequest,
    CreateJoinTokenRequest,
    CreateJoinTokenResult,
    DeleteJoinTokenRequest,
    DeregisterHostRequest,
    DescribeHostsRequest,
    DescribeHostsResult,
    DescribeJoinTokensRequest,
    DescribeJoinTokensResult,
    DesiredFaults,
    HostDescription,
    JoinTokenDescription,
    PutInstanceEventRequest,
    PutInstanceEventResult,
    RegisterHostRequest,
    RegisterHostResult,
    SetInstanceFaultsRequest,
    SetInstanceFaultsResult,
)

# Every function raises ClientUnusable and CallFailed.


def register_ephemeral_host(client: SystemClient, *, name: str) -> RegisterHostResult:
    """Register a host that lives as long as this process reports; its secret is in this answer only."""
    return client.call("RegisterHost", RegisterHostRequest(name=name, ephemeral=True), RegisterHostResult)


def deregister_host(client: SystemClient, host_id: str) -> None:
    """Remove a host: its instances are terminated and its sessions revoked."""
    client.send("DeregisterHost", DeregisterHostRequest(host_id=host_id))


def list_hosts(client: SystemClient) -> Sequence[HostDescription]:
    """Return the hosts of the client's region."""
    return client.call("DescribeHosts", DescribeHostsRequest(), DescribeHostsResult).hosts


def create_join_token(client: SystemClient, request: CreateJoinTokenRequest) -> CreateJoinTokenResult:
    """Let one machine enroll; the secret is in this answer only."""
    return client.call("CreateJoinToken", request, CreateJoinTokenResult)


def list_join_tokens(client: SystemClient) -> Sequence[JoinTokenDescription]:
    """Return the join tokens of the client's region."""
    return client.call(
        "DescribeJoinTokens", DescribeJoinTokensRequest(), DescribeJoinTokensResult
    ).join_tokens


def remove_join_token(client: SystemClient, join_token_id: str) -> None:
    """Let nobody enroll with it any more."""
    client.send("DeleteJoinToken", DeleteJoinTokenRequest(join_token_id=join_token_id))


def set_instance_faults(client: SystemClient, request: SetInstanceFaultsRequest) -> DesiredFaults:
    """Inject faults into one instance; the faults that are then in force."""
    return client.call("SetInstanceFaults", request, SetInstanceFaultsResult).faults


def announce(client: SystemClient, request: PutInstanceEventRequest | CancelInstanceEventsRequest) -> str:
    """Announce an event to an instance, or cancel it; the id of a scheduled event, else nothing."""
    if isinstance(request, CancelInstanceEventsRequest):
        client.send("CancelInstanceEvents", request)
        return ""
    return client.call("PutInstanceEvent", request, PutInstanceEventResult).event_id
