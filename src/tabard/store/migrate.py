"""Migration of a database to the schema of this version of Tabard."""

import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from tabard.store.ports import StoreUnavailable

HEAD_REVISION = "0001b"
"""The newest revision in `migrations/versions`; a test compares the two."""

MIGRATIONS = Path(__file__).parent / "migrations"

# Alembic stores the running migration in a module's globals.
_one_at_a_time = threading.Lock()


def migrate(engine: Engine) -> None:
    """Apply missing migrations in one transaction under the write lock. Other processes wait for it.

    Raises:
        StoreUnavailable: the database has a revision that this version does not know.
    """
    with engine.connect() as connection, connection.begin():
        found = _revision(connection)
        if found == HEAD_REVISION:
            return
        if found is not None and found not in _known_revisions():
            raise StoreUnavailable(
                f"the store has revision {found}, which this version of Tabard does not know; "
                f"use the version that made it, or a newer one"
            )
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _known_revisions() -> frozenset[str]:
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def _upgrade(connection: Connection) -> None:
    # Imported here: Alembic takes 100 ms, and most opens find nothing to do.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, "head")
