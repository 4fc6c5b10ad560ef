"""Facts about the installation ⇄ rows."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from tabard.store.changes import ChangeKind, Journal
from tabard.store.schema import installation

_ALL = select(installation)
_BY_NAME = _ALL.where(installation.c.name.in_(bindparam("names", expanding=True)))


def read_installation(connection: Connection, names: Collection[str] | None = None) -> dict[str, str]:
    """The facts of these names that are there, or all of them."""
    if names is None:
        return {row.name: row.value for row in connection.execute(_ALL)}
    if not names:
        return {}
    return {row.name: row.value for row in connection.execute(_BY_NAME, {"names": list(names)})}


@dataclass(frozen=True, slots=True)
class SqlInstallation:
    """Satisfies `ports.Installation`."""

    journal: Journal

    def get(self, name: str) -> str | None:
        return read_installation(self.journal.connection, (name,)).get(name)

    def put(self, name: str, value: str) -> None:
        with self.journal.write(ChangeKind.INSTALLATION, name) as connection:
            connection.execute(delete(installation).where(installation.c.name == name))
            connection.execute(insert(installation), {"name": name, "value": value})
