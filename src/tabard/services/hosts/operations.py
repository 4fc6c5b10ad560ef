"""The operations of the `hosts` service; `model/hosts_service.py` describes them to `wire`."""

from tabard.services.hosts import (
    consoles,
    enrollment,
    faults,
    host_instances,
    hosts,
    instance_events,
    instance_identity,
    instance_sessions,
    join_tokens,
)
from tabard.services.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *consoles.OPERATIONS,
    *enrollment.OPERATIONS,
    *faults.OPERATIONS,
    *host_instances.OPERATIONS,
    *hosts.OPERATIONS,
    *instance_events.OPERATIONS,
    *instance_identity.OPERATIONS,
    *instance_sessions.OPERATIONS,
    *join_tokens.OPERATIONS,
)
