"""Traces of earlier starts in a data directory. Beside them, a missing or empty store is a lost one."""

from pathlib import Path

from tabard.wiring.data_dir import DataDir

_WHAT_TO_DO = (
    "restore a backup (tabard restore FILE), put the file back, or move the whole folder away: "
    "only then does tabard up begin a new account"
)


class StoreLost(Exception):
    """The store is missing, although its keys or data still exist."""


def require_store_file(data_dir: DataDir) -> None:
    """Refuse a data directory whose store is missing or empty although it was used before.

    INVARIANT: the first start writes no key file before the store has its tables. So keys without a store
    never come from an interrupted first start. Only the master key can, or the operator put it there.

    Raises:
        StoreLost.
    """
    if _has_content(data_dir.database):
        return
    for trace in (
        data_dir.admin_credentials,
        data_dir.host_credentials,
        data_dir.root_credentials,
        data_dir.identity_certificate,
        *_written_by_a_running_system(data_dir),
    ):
        if trace.exists():
            state = "is empty" if data_dir.database.exists() else "is missing"
            raise StoreLost(f"the store {data_dir.database} {state}, but {trace} is there; {_WHAT_TO_DO}")


def require_former_account(data_dir: DataDir) -> None:
    """Refuse a store without an account in a data directory on which a system has run.

    Children start only after the account is committed. So their files prove that there was one.

    Raises:
        StoreLost.
    """
    for trace in _written_by_a_running_system(data_dir):
        raise StoreLost(f"the store {data_dir.database} has no account, but {trace} is in use; {_WHAT_TO_DO}")


def _written_by_a_running_system(data_dir: DataDir) -> list[Path]:
    return [
        folder
        for folder in (data_dir.seaweedfs, data_dir.instances, data_dir.logs)
        if folder.is_dir() and any(folder.iterdir())
    ]


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0
