"""Instance profiles ⇄ rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from tabard.model.instance_profile import InstanceProfile
from tabard.store.changes import ChangeKind, Journal
from tabard.store.rows.single_table import SingleTable
from tabard.store.rows.tags import tags_from_json, tags_to_json
from tabard.store.schema import instance_profiles


def _to_row(profile: InstanceProfile) -> dict[str, object]:
    return {
        "instance_profile_id": profile.instance_profile_id,
        "name": profile.name,
        "name_key": profile.name.lower(),
        "path": profile.path,
        "partition": profile.partition,
        "account_id": profile.account_id,
        "created_at": profile.created_at,
        "role_id": profile.role_id,
        "tags": tags_to_json(profile.tags),
    }


def _from_row(row: Row[Any]) -> InstanceProfile:
    return InstanceProfile(
        instance_profile_id=row.instance_profile_id,
        name=row.name,
        path=row.path,
        partition=row.partition,
        account_id=row.account_id,
        created_at=row.created_at,
        role_id=row.role_id,
        tags=tags_from_json(row.tags),
    )


INSTANCE_PROFILES: SingleTable[str, InstanceProfile] = SingleTable(
    kind=ChangeKind.INSTANCE_PROFILE,
    key=instance_profiles.c.instance_profile_id,
    to_row=_to_row,
    from_row=_from_row,
)


@dataclass(frozen=True, slots=True)
class SqlInstanceProfiles:
    """Satisfies `ports.InstanceProfiles`."""

    journal: Journal

    def get(self, instance_profile_id: str) -> InstanceProfile | None:
        return INSTANCE_PROFILES.get(self.journal.connection, instance_profile_id)

    def named(self, name: str) -> InstanceProfile | None:
        found = INSTANCE_PROFILES.where(self.journal.connection, instance_profiles.c.name_key == name.lower())
        return found[0] if found else None

    def holding(self, role_id: str) -> Sequence[InstanceProfile]:
        return INSTANCE_PROFILES.where(self.journal.connection, instance_profiles.c.role_id == role_id)

    def insert(self, instance_profile: InstanceProfile) -> None:
        INSTANCE_PROFILES.insert(self.journal, instance_profile)

    def update(self, instance_profile: InstanceProfile) -> None:
        INSTANCE_PROFILES.update(self.journal, instance_profile)

    def delete(self, instance_profile_id: str) -> None:
        INSTANCE_PROFILES.delete(self.journal, instance_profile_id)
