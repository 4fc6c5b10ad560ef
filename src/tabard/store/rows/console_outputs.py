"""Console outputs ⇄ rows. Neither decisions nor snapshots depend on them, so they add no change."""

from dataclasses import asdict, dataclass

from sqlalchemy import Column, ColumnElement, LargeBinary, Table, delete, insert, select

from tabard.model.console_output import ConsoleOutput
from tabard.store import ports
from tabard.store.changes import TransactionScope
from tabard.store.schema import account_column, key_column, metadata, time_column

console_outputs = Table(
    "console_outputs",
    metadata,
    account_column(),
    key_column("instance_id"),
    Column("output", LargeBinary, nullable=False),
    time_column("reported_at"),
)

_OUTPUT = select(console_outputs.c.instance_id, console_outputs.c.output, console_outputs.c.reported_at)


@dataclass(frozen=True, slots=True)
class SqlConsoleOutputs(ports.ConsoleOutputs):
    """Satisfies `ports.ConsoleOutputs`."""

    scope: TransactionScope

    def get(self, instance_id: str) -> ConsoleOutput | None:
        row = self.scope.connection.execute(_OUTPUT.where(*self._is(instance_id))).one_or_none()
        return None if row is None else ConsoleOutput(**row._mapping)

    def put(self, console_output: ConsoleOutput) -> None:
        self.delete(console_output.instance_id)
        row = {"account_id": self.scope.account_id, **asdict(console_output)}
        self.scope.connection.execute(insert(console_outputs), row)

    def delete(self, instance_id: str) -> None:
        self.scope.connection.execute(delete(console_outputs).where(*self._is(instance_id)))

    def _is(self, instance_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return (
            console_outputs.c.account_id == self.scope.account_id,
            console_outputs.c.instance_id == instance_id,
        )
