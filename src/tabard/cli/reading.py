"""A command's access to the store: by the API of a running system, or as owner of a stopped one's files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tabard.administration.audit_pages import Audit
from tabard.administration.call_errors import CallFailed, ClientUnusable
from tabard.cli.running import complain, say_system_and_principal
from tabard.cli.shown import printable
from tabard.store.ports import StoreUnavailable
from tabard.wiring.data_dir import DataDir, default_data_dir, find_running, is_there
from tabard.wiring.store import audit_reader

if TYPE_CHECKING:
    from tabard.administration.client import SystemClient


def system_or_stopped(
    context: typer.Context,
    *,
    data_dir: Path | None,
    endpoint: str | None,
    profile: str | None,
    as_json: bool = False,
) -> "SystemClient | DataDir":
    """Return the system to call, or the data directory of a stopped one; print which on stderr.

    The owner of the files needs nobody's permission to read them, and no master key.

    Args:
        as_json: a program reads the output, perhaps with stderr in it: print no line on stderr.
    """
    # Imported here, because the SDK loads slowly and --help does not need it.
    from tabard.cli.acting import say_who_acts, shell_client
    from tabard.wiring.local_admin import as_admin
    from tabard.wiring.running import describe

    client = shell_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    if client is None:
        found = find_running(data_dir)
        system = describe(found) if found is not None else None
        client = as_admin(system) if system is not None else None
    if client is not None:
        if not as_json:
            say_who_acts(client)
        return client
    chosen = DataDir(data_dir or default_data_dir())
    if not is_there(chosen.database):
        complain(f"there is no store in {chosen.path}; create one with: tabard up")
    if not as_json:
        say_system_and_principal(f"{chosen.path}, which is stopped", f"uid {os.geteuid()}, its owner")
    return chosen


@contextmanager
def audit_of(source: "SystemClient | DataDir") -> Iterator[Audit]:
    """Yield the audit of a running system, or of a stopped one. Raises StoreUnavailable."""
    if isinstance(source, DataDir):
        with audit_reader(source) as reader:
            yield reader
        return
    from tabard.administration.system_audit import SystemAudit

    yield SystemAudit(source)


@contextmanager
def reading_failures(source: "SystemClient | DataDir") -> Iterator[None]:
    """Leave with one sentence where a call fails, or the store cannot be read."""
    try:
        yield
    except StoreUnavailable as error:
        complain(f"cannot read the store: {error}")
    except ClientUnusable as error:
        complain(printable(str(error)))
    except CallFailed as error:
        from tabard.cli.acting import failure_sentence

        assert not isinstance(source, DataDir)  # noqa: S101 - nobody is called about a stopped system
        complain(printable(failure_sentence(source, error)))
