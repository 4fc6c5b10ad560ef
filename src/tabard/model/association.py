"""The link instance → instance profile."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AssociationState(StrEnum):
    """EC2's states of an association.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IamInstanceProfileAssociation.html
    """

    ASSOCIATING = "associating"
    ASSOCIATED = "associated"
    DISASSOCIATING = "disassociating"
    DISASSOCIATED = "disassociated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """An instance has at most one that is not `disassociated`; `association_id` is `iip-assoc-…`."""

    association_id: str
    instance_id: str
    instance_profile_id: str
    instance_profile_arn: str
    state: AssociationState
    changed_at: datetime

    @property
    def is_active(self) -> bool:
        return self.state in (AssociationState.ASSOCIATING, AssociationState.ASSOCIATED)
