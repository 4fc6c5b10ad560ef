"""Join tokens ⇄ rows."""

from datetime import datetime

from sqlalchemy import Table, bindparam, update

from tabard.model.join_token import JoinToken
from tabard.store import ports
from tabard.store.rows.aggregate_table import AggregateTable, TableRows
from tabard.store.schema import account_column, account_index, key_column, metadata, text_column, time_column

join_tokens = Table(
    "join_tokens",
    metadata,
    account_column(),
    key_column("token_id"),
    text_column("secret_hash"),
    text_column("host_name"),
    text_column("instance_profile_id"),
    text_column("partition"),
    text_column("region"),
    time_column("created_at"),
    text_column("created_by"),
    time_column("expires_at"),
    text_column("claimed_by"),
    text_column("host_id"),
    account_index("expires_at"),
)


class SqlJoinTokens(TableRows[str, JoinToken], ports.JoinTokens):
    """Satisfies `ports.JoinTokens`."""

    table = AggregateTable(JoinToken, join_tokens.c.token_id)
    _expired = table.query(join_tokens.c.expires_at <= bindparam("now"))

    def claim(self, token_id: str, *, key_fingerprint: str, host_id: str, now: datetime) -> bool:
        """Use the token if it is unused and has not expired.

        INVARIANT: the writing statement itself checks the condition. Of two concurrent claims, one finds the
        token used, whatever it read before.
        """
        unused = (
            (join_tokens.c.account_id == self.journal.account_id)
            & (join_tokens.c.token_id == token_id)
            & (join_tokens.c.claimed_by == "")
            & (join_tokens.c.expires_at > now)
        )
        with self.journal.write(token_id) as connection:
            claimed = connection.execute(
                update(join_tokens).where(unused).values(claimed_by=key_fingerprint, host_id=host_id)
            )
        return bool(claimed.rowcount)

    def forget_until(self, now: datetime) -> int:
        """Remove the expired tokens; return their number."""
        gone = self.where(self._expired, now=now)
        for token in gone:
            self.delete(token.token_id)
        return len(gone)
