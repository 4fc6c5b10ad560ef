"""The shared columns of tables. Each table is defined beside its rows, in `tabard.store.rows`.

Alembic's first revision makes the same tables, and a test compares the two.

INVARIANT: the primary key, every index and every reference of an account's tables begin with `account_id`. So
no lookup can reach another account. Only an account alias is unique among all accounts. Names are unique
without regard to case: `name_key` is the name in lower case.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
)

from tabard.model.tag import Tag
from tabard.store.column_types import Structured
from tabard.store.utc_column import UtcColumn

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ACCOUNT = "account_id"
NAME_KEY = "name_key"


def account_column() -> Column[str]:
    """Make the column of the row's account: the first column of the primary key."""
    return Column(ACCOUNT, Text, primary_key=True)


def account_index(*columns: str) -> Index:
    """Make an index of an account's rows."""
    return Index(None, ACCOUNT, *columns)


def account_unique(*columns: str) -> UniqueConstraint:
    """Make a unique constraint on rows of one account."""
    return UniqueConstraint(ACCOUNT, *columns)


def reference(column: str, target: Column[Any]) -> ForeignKeyConstraint:
    """Make a reference from the column to a row of the same account."""
    return ForeignKeyConstraint([ACCOUNT, column], [target.table.c[ACCOUNT], target])


def key_column(name: str) -> Column[str]:
    """Make a column of the primary key."""
    return Column(name, Text, primary_key=True)


def text_column(name: str) -> Column[str]:
    """Make a text column that is never null, but may be empty."""
    return Column(name, Text, nullable=False)


def time_column(name: str) -> Column[datetime]:
    """Make a column for an aware time that is never null."""
    return Column(name, UtcColumn, nullable=False)


def structured_column(name: str, shape: Any) -> Column[Any]:  # noqa: ANN401 — any type that msgspec reads
    """Make a column for a value of the model, as JSON."""
    return Column(name, Structured(shape), nullable=False)


def tags_column() -> Column[Any]:
    """Make a column for tags, in their written order."""
    return structured_column("tags", tuple[Tag, ...])
