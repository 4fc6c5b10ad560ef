"""The audit trail of a running system, read from its store."""

import json
import sqlite3
from contextlib import closing

from tests.support.running_system import RunningSystem


def audit_rows(system: RunningSystem, **columns: str) -> list[dict[str, object]]:
    """The events whose columns have these values, oldest first."""
    store = f"file:{system.data_dir / 'tabard.sqlite3'}?mode=ro"
    condition = " AND ".join(f"{column} = ?" for column in columns)
    with closing(sqlite3.connect(store, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(
            f"SELECT * FROM audit_events WHERE {condition} ORDER BY number", tuple(columns.values())
        )
        return [{**row, "resources": _resources(row)} for row in map(dict, rows)]


def _resources(row: dict[str, object]) -> list[str]:
    """The resources of a row, which has none of its own if its decisions name the same."""
    named: list[str] = json.loads(str(row["resources"])) if row["resources"] else []
    return named or [decided["resource"] for decided in json.loads(str(row["decisions"]))]
