"""Cache of signing keys and opened tokens from verified signatures, for the caller's next request."""

from collections import OrderedDict
from dataclasses import dataclass, field

from tabard.access.caller import Caller
from tabard.credentials.keyring import Keyring
from tabard.model.instance import Instance
from tabard.model.role import Role
from tabard.model.session import Session
from tabard.sigv4.verify import SigningKey

SecretIdentity = str | bytes
"""A value that changes with the secret: the session token, or the sealed long-term secret."""

Claim = tuple[str, SecretIdentity, str, str, str]
"""Access key id, secret, and the scope's date, region and service."""


@dataclass(slots=True)
class Known:
    """Cache entry: the signing key. Temporary credentials add the session and the keyring that opened it.

    `caller` was made from this session with exactly this `role` and `instance`. If either changes, it is
    stale.
    """

    key: SigningKey
    session: Session | None = None
    keyring: Keyring | None = field(default=None, repr=False)
    caller: Caller | None = field(default=None, repr=False)
    role: Role | None = field(default=None, repr=False)
    instance: Instance | None = field(default=None, repr=False)


class VerifiedKeys:
    """Least-recently-used cache of at most `capacity` entries.

    INVARIANT: only a verified signature adds an entry, so a stranger cannot flush the cache. The cache never
    extends a session: every request checks expiry, revocation, key status and the clock window. A token is
    opened again when the keyring changes.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._known: OrderedDict[Claim, Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"VerifiedKeys(capacity={self._capacity}, entries={len(self._known)})"

    def get(self, claim: Claim) -> Known | None:
        """Return the entry of a claim. It proves nothing: every request verifies its signature with it."""
        return self._known.get(claim)

    def remember(self, claim: Claim, known: Known) -> None:
        """Store the entry of a signature that has just been verified."""
        if self._known.get(claim) is known:
            self._known.move_to_end(claim)
            return
        self._known[claim] = known
        self._known.move_to_end(claim)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
