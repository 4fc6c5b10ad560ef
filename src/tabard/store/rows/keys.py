"""Access keys and sealing keys ⇄ rows. Secrets are encrypted before they come here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row

from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.sealing_key import SealingKey
from tabard.store.changes import ChangeKind, Journal
from tabard.store.rows.single_table import SingleTable
from tabard.store.schema import access_keys, sealing_keys


def _access_key_to_row(access_key: AccessKey) -> dict[str, object]:
    return {
        "access_key_id": access_key.access_key_id,
        "owner_id": access_key.owner_id,
        "sealed_secret": access_key.sealed_secret,
        "status": access_key.status.value,
        "created_at": access_key.created_at,
    }


def _access_key_from_row(row: Row[Any]) -> AccessKey:
    return AccessKey(
        access_key_id=row.access_key_id,
        owner_id=row.owner_id,
        sealed_secret=row.sealed_secret,
        status=AccessKeyStatus(row.status),
        created_at=row.created_at,
    )


def _sealing_key_to_row(key: SealingKey) -> dict[str, object]:
    return asdict(key)


def _sealing_key_from_row(row: Row[Any]) -> SealingKey:
    return SealingKey(**row._mapping)


ACCESS_KEYS: SingleTable[str, AccessKey] = SingleTable(
    kind=ChangeKind.ACCESS_KEY,
    key=access_keys.c.access_key_id,
    to_row=_access_key_to_row,
    from_row=_access_key_from_row,
)

SEALING_KEYS: SingleTable[int, SealingKey] = SingleTable(
    kind=ChangeKind.SEALING_KEY,
    key=sealing_keys.c.key_id,
    to_row=_sealing_key_to_row,
    from_row=_sealing_key_from_row,
)


@dataclass(frozen=True, slots=True)
class SqlAccessKeys:
    """Satisfies `ports.AccessKeys`."""

    journal: Journal

    def get(self, access_key_id: str) -> AccessKey | None:
        return ACCESS_KEYS.get(self.journal.connection, access_key_id)

    def of_owner(self, owner_id: str) -> Sequence[AccessKey]:
        return ACCESS_KEYS.where(self.journal.connection, access_keys.c.owner_id == owner_id)

    def insert(self, access_key: AccessKey) -> None:
        ACCESS_KEYS.insert(self.journal, access_key)

    def update(self, access_key: AccessKey) -> None:
        ACCESS_KEYS.update(self.journal, access_key)

    def delete(self, access_key_id: str) -> None:
        ACCESS_KEYS.delete(self.journal, access_key_id)


@dataclass(frozen=True, slots=True)
class SqlSealingKeys:
    """Satisfies `ports.SealingKeys`."""

    journal: Journal

    def all(self) -> Sequence[SealingKey]:
        return list(SEALING_KEYS.read(self.journal.connection).values())

    def insert(self, key: SealingKey) -> None:
        SEALING_KEYS.insert(self.journal, key)

    def delete(self, key_id: int) -> None:
        SEALING_KEYS.delete(self.journal, key_id)
