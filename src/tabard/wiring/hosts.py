"""What an administrator does about hosts: let one enrol, list them, revoke one."""

from collections.abc import Sequence

from tabard.agent.edge_client import EdgeClient
from tabard.clock import SystemClock
from tabard.model.messages import CreateJoinTokenRequest, CreateJoinTokenResult, HostDescription
from tabard.wiring.foreground import Endpoint


async def create_join_token(admin: Endpoint, request: CreateJoinTokenRequest) -> CreateJoinTokenResult:
    """Make a join token. Raises EdgeError."""
    exchange = admin.exchange()
    try:
        return await EdgeClient("", exchange, clock=SystemClock()).create_join_token(request)
    finally:
        await exchange.close()


async def list_hosts(admin: Endpoint) -> Sequence[HostDescription]:
    """The hosts of the installation's region. Raises EdgeError."""
    exchange = admin.exchange()
    try:
        return (await EdgeClient("", exchange, clock=SystemClock()).describe_hosts()).hosts
    finally:
        await exchange.close()
