"""What an instance's metadata service tells, as a value: the next agent goes on with it where one ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tabard.agent.reconcile import RoleOf
from tabard.agent.rotation import Rotation
from tabard.imds.source import RemovedRole
from tabard.model.messages import DesiredInstance, GetInstanceIdentityResult
from tabard.model.session import RoleDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Facts, identity document and sessions of one instance at one moment.

    Its deadlines are on the boot-time and wall clocks, which are the same for all processes of the machine.
    """

    facts: DesiredInstance
    identity: GetInstanceIdentityResult | None = None
    removed_role: RemovedRole | None = None
    sessions: Mapping[RoleDelivery, tuple[RoleOf, Rotation]] = field(default_factory=dict)
