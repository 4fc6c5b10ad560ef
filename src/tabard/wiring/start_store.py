"""Opening the store at a start: check that it is the right one, then apply the settings."""

from tabard.clock import SystemClock
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.bootstrap import bootstrap, has_account, local_host_id
from tabard.wiring.data_dir import DataDir
from tabard.wiring.former_start import require_former_account, require_store_file
from tabard.wiring.key_files import master_key_for
from tabard.wiring.settings import Settings
from tabard.wiring.store import saying_which_store


def start_store(data_dir: DataDir, settings: Settings, *, emptied: bool = False) -> str:
    """Make the store, or apply the settings to the existing one.

    Args:
        emptied: the store was removed on purpose, without its keys.
    Returns:
        The id of the local host.
    Raises:
        StoreLost, StoreUnavailable, MasterKeyUnusable, DataFileUnusable, SettingsConflict.
    """
    if not emptied:
        require_store_file(data_dir)
    vault = master_key_for(data_dir)
    with saying_which_store(data_dir):
        store = open_sqlite_store(data_dir.database, vault=vault)
        try:
            if not emptied and not has_account(store):
                require_former_account(data_dir)
            bootstrap(store, data_dir, settings, now=SystemClock().now())
            with store.reading() as tx:
                return local_host_id(tx)
        finally:
            store.close()
