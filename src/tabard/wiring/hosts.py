"""What an administrator does about hosts and join tokens: let one enroll, list them, take a token back."""

from collections.abc import Sequence

from tabard.model.messages import (
    CreateJoinTokenRequest,
    CreateJoinTokenResult,
    HostDescription,
    JoinTokenDescription,
)
from tabard.wiring.endpoint import Endpoint


async def create_join_token(admin: Endpoint, request: CreateJoinTokenRequest) -> CreateJoinTokenResult:
    """Make a join token. Raises EdgeError."""
    async with admin.client() as edge:
        return await edge.create_join_token(request)


async def list_hosts(admin: Endpoint) -> Sequence[HostDescription]:
    """The hosts of the installation's region. Raises EdgeError."""
    async with admin.client() as edge:
        return (await edge.describe_hosts()).hosts


async def list_join_tokens(admin: Endpoint) -> Sequence[JoinTokenDescription]:
    """The join tokens of the installation's region. Raises EdgeError."""
    async with admin.client() as edge:
        return (await edge.describe_join_tokens()).join_tokens


async def remove_join_token(admin: Endpoint, join_token_id: str) -> None:
    """Let nobody enroll with it any more. Raises EdgeError."""
    async with admin.client() as edge:
        await edge.delete_join_token(join_token_id)
