"""Asking for faults, as an administrator's command and a test do it."""

from tabard.model.messages import DesiredFaults, SetInstanceFaultsRequest
from tabard.wiring.endpoint import Endpoint


async def set_instance_faults(admin: Endpoint, request: SetInstanceFaultsRequest) -> DesiredFaults:
    """The faults that are then in force. Raises EdgeError."""
    async with admin.client() as edge:
        return (await edge.set_instance_faults(request)).faults
