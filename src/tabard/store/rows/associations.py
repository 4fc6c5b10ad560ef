"""Associations ⇄ rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from tabard.model.association import Association, AssociationState
from tabard.store.changes import ChangeKind, Journal
from tabard.store.rows.single_table import SingleTable
from tabard.store.schema import associations


def _to_row(association: Association) -> dict[str, object]:
    return {
        "association_id": association.association_id,
        "instance_id": association.instance_id,
        "instance_profile_id": association.instance_profile_id,
        "instance_profile_arn": association.instance_profile_arn,
        "state": association.state.value,
        "changed_at": association.changed_at,
    }


def _from_row(row: Row[Any]) -> Association:
    return Association(
        association_id=row.association_id,
        instance_id=row.instance_id,
        instance_profile_id=row.instance_profile_id,
        instance_profile_arn=row.instance_profile_arn,
        state=AssociationState(row.state),
        changed_at=row.changed_at,
    )


ASSOCIATIONS: SingleTable[str, Association] = SingleTable(
    kind=ChangeKind.ASSOCIATION,
    key=associations.c.association_id,
    to_row=_to_row,
    from_row=_from_row,
)


@dataclass(frozen=True, slots=True)
class SqlAssociations:
    """Satisfies `ports.Associations`; a second active association of one instance is AlreadyStored."""

    journal: Journal

    def get(self, association_id: str) -> Association | None:
        return ASSOCIATIONS.get(self.journal.connection, association_id)

    def of_instance(self, instance_id: str) -> Sequence[Association]:
        return ASSOCIATIONS.where(self.journal.connection, associations.c.instance_id == instance_id)

    def with_instance_profile(self, instance_profile_id: str) -> Sequence[Association]:
        return ASSOCIATIONS.where(
            self.journal.connection, associations.c.instance_profile_id == instance_profile_id
        )

    def insert(self, association: Association) -> None:
        ASSOCIATIONS.insert(self.journal, association)

    def update(self, association: Association) -> None:
        ASSOCIATIONS.update(self.journal, association)

    def delete(self, association_id: str) -> None:
        ASSOCIATIONS.delete(self.journal, association_id)
