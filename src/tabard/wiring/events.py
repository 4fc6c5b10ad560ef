"""Announcing to an instance, as an administrator's command does it."""

from tabard.model.messages import CancelInstanceEventsRequest, PutInstanceEventRequest
from tabard.wiring.endpoint import Endpoint


async def announce(admin: Endpoint, request: PutInstanceEventRequest | CancelInstanceEventsRequest) -> str:
    """Announce, or take back; the id of a scheduled event, else nothing. Raises EdgeError."""
    async with admin.client() as edge:
        if isinstance(request, CancelInstanceEventsRequest):
            await edge.cancel_instance_events(request)
            return ""
        return (await edge.put_instance_event(request)).event_id
