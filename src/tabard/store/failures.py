"""Translation of a database's errors to the ports' exceptions."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tabard.store.ports import AlreadyStored, StillReferenced, StoreDamaged, StoreUnavailable

_UNIQUE = frozenset(
    ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID", "23505")
)
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_FOREIGN_KEY = frozenset(("SQLITE_CONSTRAINT_FOREIGNKEY", "23503"))


def refused_write(error: IntegrityError, what: str) -> Exception:
    """Return the port's exception for a violated constraint, or the error itself for any other."""
    reason = _reason(error)
    if reason in _UNIQUE:
        return AlreadyStored(what)
    if reason in _FOREIGN_KEY:
        return StillReferenced(what)
    return error


@contextmanager
def store_failures() -> Iterator[None]:
    """Raise StoreUnavailable if the database is locked, unreachable or full; StoreDamaged if damaged."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        if _reason(error).startswith(_DAMAGED):
            raise StoreDamaged(str(error.orig)) from error
        # DatabaseError itself means a damaged file; its other subclasses are programming errors.
        if type(error) is DatabaseError or _is_passing(error):
            raise StoreUnavailable(str(error.orig)) from error
        raise
    except PoolTimeout as error:
        raise StoreUnavailable("every connection to the store is in use") from error


def _is_passing(error: DBAPIError) -> bool:
    return type(error).__name__ in ("OperationalError", "InterfaceError") or error.connection_invalidated


def _reason(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", ""))
