"""What an administrator does about hosts: let one enrol, list them."""

from collections.abc import Sequence

from tabard.model.messages import CreateJoinTokenRequest, CreateJoinTokenResult, HostDescription
from tabard.wiring.endpoint import Endpoint


async def create_join_token(admin: Endpoint, request: CreateJoinTokenRequest) -> CreateJoinTokenResult:
    """Make a join token. Raises EdgeError."""
    async with admin.client() as edge:
        return await edge.create_join_token(request)


async def list_hosts(admin: Endpoint) -> Sequence[HostDescription]:
    """The hosts of the installation's region. Raises EdgeError."""
    async with admin.client() as edge:
        return (await edge.describe_hosts()).hosts
