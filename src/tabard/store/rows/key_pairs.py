"""Key pairs ⇄ rows."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from tabard.model.key_pair import KeyPair
from tabard.store.changes import ChangeKind, Journal
from tabard.store.rows.single_table import SingleTable
from tabard.store.rows.tags import tags_from_json, tags_to_json
from tabard.store.schema import key_pairs


def _to_row(key_pair: KeyPair) -> dict[str, object]:
    return {
        "key_pair_id": key_pair.key_pair_id,
        "name": key_pair.name,
        "region": key_pair.region,
        "account_id": key_pair.account_id,
        "key_type": key_pair.key_type,
        "fingerprint": key_pair.fingerprint,
        "public_key": key_pair.public_key,
        "created_at": key_pair.created_at,
        "tags": tags_to_json(key_pair.tags),
    }


def _from_row(row: Row[Any]) -> KeyPair:
    return KeyPair(**{**row._mapping, "tags": tags_from_json(row.tags)})


KEY_PAIRS: SingleTable[str, KeyPair] = SingleTable(
    kind=ChangeKind.KEY_PAIR, key=key_pairs.c.key_pair_id, to_row=_to_row, from_row=_from_row
)


@dataclass(frozen=True, slots=True)
class SqlKeyPairs:
    """Satisfies `ports.KeyPairs`."""

    journal: Journal

    def get(self, key_pair_id: str) -> KeyPair | None:
        return KEY_PAIRS.get(self.journal.connection, key_pair_id)

    def named(self, region: str, name: str) -> KeyPair | None:
        of_this_name = (key_pairs.c.region == region) & (key_pairs.c.name == name)
        return next(iter(KEY_PAIRS.where(self.journal.connection, of_this_name)), None)

    def insert(self, key_pair: KeyPair) -> None:
        KEY_PAIRS.insert(self.journal, key_pair)

    def update(self, key_pair: KeyPair) -> None:
        KEY_PAIRS.update(self.journal, key_pair)

    def delete(self, key_pair_id: str) -> None:
        KEY_PAIRS.delete(self.journal, key_pair_id)
