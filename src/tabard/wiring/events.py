"""Announcing to an instance, as an administrator's command does it."""

from tabard.agent.edge_client import EdgeClient
from tabard.clock import SystemClock
from tabard.model.messages import CancelInstanceEventsRequest, PutInstanceEventRequest
from tabard.wiring.foreground import Endpoint


async def announce(admin: Endpoint, request: PutInstanceEventRequest | CancelInstanceEventsRequest) -> str:
    """Announce, or take back; the id of a scheduled event, else nothing. Raises EdgeError."""
    exchange = admin.exchange()
    try:
        client = EdgeClient("", exchange, clock=SystemClock())
        if isinstance(request, CancelInstanceEventsRequest):
            await client.cancel_instance_events(request)
            return ""
        return (await client.put_instance_event(request)).event_id
    finally:
        await exchange.close()
