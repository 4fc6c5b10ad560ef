"""Hosts ⇄ rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row

from tabard.model.host import Host
from tabard.store.changes import ChangeKind, Journal
from tabard.store.rows.single_table import SingleTable
from tabard.store.schema import hosts


def _to_row(host: Host) -> dict[str, object]:
    return asdict(host)


def _from_row(row: Row[Any]) -> Host:
    return Host(**row._mapping)


HOSTS: SingleTable[str, Host] = SingleTable(
    kind=ChangeKind.HOST, key=hosts.c.host_id, to_row=_to_row, from_row=_from_row
)


@dataclass(frozen=True, slots=True)
class SqlHosts:
    """Satisfies `ports.Hosts`."""

    journal: Journal

    def get(self, host_id: str) -> Host | None:
        return HOSTS.get(self.journal.connection, host_id)

    def all(self) -> Sequence[Host]:
        return list(HOSTS.read(self.journal.connection).values())

    def insert(self, host: Host) -> None:
        HOSTS.insert(self.journal, host)

    def update(self, host: Host) -> None:
        HOSTS.update(self.journal, host)

    def delete(self, host_id: str) -> None:
        HOSTS.delete(self.journal, host_id)
