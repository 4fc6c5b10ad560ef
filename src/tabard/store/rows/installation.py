"""Settings of the installation ⇄ rows."""

from collections.abc import Collection

from sqlalchemy import Connection, Table, bindparam, delete, insert, select

from tabard.store import ports
from tabard.store.changes import Journal
from tabard.store.schema import key_column, metadata, text_column

installation = Table("installation", metadata, key_column("name"), text_column("value"))

ACCOUNT_ID = "account_id"
"""The installation setting with its account."""

_ALL = select(installation)
_BY_NAME = _ALL.where(installation.c.name.in_(bindparam("names", expanding=True)))


def installation_account(connection: Connection) -> str:
    """Return the id of the installation's account; empty before it has one."""
    row = connection.execute(_BY_NAME, {"names": [ACCOUNT_ID]}).one_or_none()
    return "" if row is None else row.value


class SqlInstallation(ports.Installation):
    """Satisfies `ports.Installation`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def read(self, keys: Collection[str] | None = None) -> dict[str, str]:
        """Read the existing settings of these names, or all of them."""
        statement, parameters = (_ALL, {}) if keys is None else (_BY_NAME, {"names": list(keys)})
        return {row.name: row.value for row in self._journal.connection.execute(statement, parameters)}

    def get(self, name: str) -> str | None:
        return self.read((name,)).get(name)

    def put(self, name: str, value: str) -> None:
        with self._journal.write(name) as connection:
            connection.execute(delete(installation).where(installation.c.name == name))
            connection.execute(insert(installation), {"name": name, "value": value})
