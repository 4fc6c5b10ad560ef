"""Join tokens ⇄ rows."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, update

from tabard.model.join_token import JoinToken
from tabard.store.changes import ChangeKind, Journal
from tabard.store.rows.single_table import SingleTable
from tabard.store.schema import join_tokens


def _to_row(token: JoinToken) -> dict[str, object]:
    return asdict(token)


def _from_row(row: Row[Any]) -> JoinToken:
    return JoinToken(**row._mapping)


JOIN_TOKENS: SingleTable[str, JoinToken] = SingleTable(
    kind=ChangeKind.JOIN_TOKEN, key=join_tokens.c.token_id, to_row=_to_row, from_row=_from_row
)


@dataclass(frozen=True, slots=True)
class SqlJoinTokens:
    """Satisfies `ports.JoinTokens`."""

    journal: Journal

    def get(self, token_id: str) -> JoinToken | None:
        return JOIN_TOKENS.get(self.journal.connection, token_id)

    def insert(self, token: JoinToken) -> None:
        JOIN_TOKENS.insert(self.journal, token)

    def delete(self, token_id: str) -> None:
        JOIN_TOKENS.delete(self.journal, token_id)

    def claim(self, token_id: str, *, key_fingerprint: str, host_id: str, now: datetime) -> bool:
        """Use the token, if it is unused and has not expired.

        INVARIANT: the condition is the database's to judge, in the statement that writes: of two claims at
        once one finds the token used, whatever either has read before.
        """
        unused = (
            (join_tokens.c.token_id == token_id)
            & (join_tokens.c.claimed_by == "")
            & (join_tokens.c.expires_at > now)
        )
        with self.journal.write(ChangeKind.JOIN_TOKEN, token_id) as connection:
            claimed = connection.execute(
                update(join_tokens).where(unused).values(claimed_by=key_fingerprint, host_id=host_id)
            )
        return bool(claimed.rowcount)

    def forget_until(self, now: datetime) -> int:
        """Remove the tokens that have expired; how many there were."""
        gone = JOIN_TOKENS.where(self.journal.connection, join_tokens.c.expires_at <= now)
        for token in gone:
            JOIN_TOKENS.delete(self.journal, token.token_id)
        return len(gone)
