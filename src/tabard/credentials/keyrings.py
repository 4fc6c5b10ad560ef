"""Cache of the decrypted keyring."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tabard.credentials.keyring import Keyring, open_keyring
from tabard.model.sealing_key import SealingKey
from tabard.store.ports import Vault
from tabard.store.snapshot import Snapshot


@dataclass(slots=True)
class OpenedKeyrings:
    """Caches the keyring of the latest sealing keys, which change once a day."""

    vault: Vault = field(repr=False)
    _keys: Mapping[int, SealingKey] | None = field(default=None, repr=False)
    _keyring: Keyring | None = field(default=None, repr=False)

    def of(self, snapshot: Snapshot) -> Keyring:
        """Return the keyring of this snapshot. Raises ValueError for another master key."""
        if self._keyring is None or self._keys is not snapshot.sealing_keys:
            self._keyring = open_keyring(snapshot.sealing_keys.values(), self.vault)
            self._keys = snapshot.sealing_keys
        return self._keyring
