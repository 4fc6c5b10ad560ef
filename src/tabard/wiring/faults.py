"""Asking a running system for faults, as its IAM user `admin`."""

from tabard.agent.edge_client import EdgeClient
from tabard.clock import SystemClock
from tabard.model.messages import DesiredFaults, SetInstanceFaultsRequest
from tabard.sigv4.sign import Credentials
from tabard.wiring.foreground import Endpoint
from tabard.wiring.running import RunningSystem


async def set_instance_faults(system: RunningSystem, request: SetInstanceFaultsRequest) -> DesiredFaults:
    """The faults that are then in force. Raises EdgeError."""
    credentials = Credentials(
        access_key_id=system.admin_key.access_key_id, secret_access_key=system.admin_key.secret_access_key
    )
    exchange = Endpoint(system.endpoint, system.region, credentials).exchange()
    try:
        result = await EdgeClient("", exchange, clock=SystemClock()).set_instance_faults(request)
    finally:
        await exchange.close()
    return result.faults
