"""Console outputs ⇄ rows. They decide nothing and change no snapshot, so they leave no change behind."""

from dataclasses import dataclass

from sqlalchemy import Column, Connection, LargeBinary, Table, bindparam, delete, insert, select

from tabard.model.console_output import ConsoleOutput
from tabard.store import ports
from tabard.store.schema import key_column, metadata, time_column

console_outputs = Table(
    "console_outputs",
    metadata,
    key_column("instance_id"),
    Column("output", LargeBinary, nullable=False),
    time_column("told_at"),
)

_ONE = select(console_outputs).where(console_outputs.c.instance_id == bindparam("the_key"))
_DELETE = delete(console_outputs).where(console_outputs.c.instance_id == bindparam("the_key"))
_INSERT = insert(console_outputs)


@dataclass(frozen=True, slots=True)
class SqlConsoleOutputs(ports.ConsoleOutputs):
    """Satisfies `ports.ConsoleOutputs`."""

    connection: Connection

    def get(self, instance_id: str) -> ConsoleOutput | None:
        row = self.connection.execute(_ONE, {"the_key": instance_id}).one_or_none()
        if row is None:
            return None
        return ConsoleOutput(instance_id=row.instance_id, output=row.output, told_at=row.told_at)

    def put(self, console_output: ConsoleOutput) -> None:
        self.delete(console_output.instance_id)
        row = {
            "instance_id": console_output.instance_id,
            "output": console_output.output,
            "told_at": console_output.told_at,
        }
        self.connection.execute(_INSERT, row)

    def delete(self, instance_id: str) -> None:
        self.connection.execute(_DELETE, {"the_key": instance_id})
