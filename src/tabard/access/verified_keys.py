"""What verified signatures have shown: signing keys and opened tokens, kept for the caller's next request."""

from collections import OrderedDict
from dataclasses import dataclass, field

from tabard.access.caller import Caller
from tabard.credentials.keyring import Keyring
from tabard.model.instance import Instance
from tabard.model.role import Role
from tabard.model.session import Session
from tabard.sigv4.verify import SigningKey

SecretIdentity = str | bytes
"""What changes whenever the secret does: the session token, or the sealed long-term secret."""

Claim = tuple[str, SecretIdentity, str, str, str]
"""Access key id, secret, and the scope's date, region and service."""


@dataclass(slots=True)
class Known:
    """What belongs together: the signing key, and of temporary credentials the session and who opened it.

    `caller` is who that session made of these very `role` and `instance`: others make another.
    """

    key: SigningKey
    session: Session | None = None
    keyring: Keyring | None = field(default=None, repr=False)
    caller: Caller | None = field(default=None, repr=False)
    role: Role | None = field(default=None, repr=False)
    instance: Instance | None = field(default=None, repr=False)


class VerifiedKeys:
    """At most `capacity` of them, those used last kept.

    INVARIANT: filled only after a signature verified, so that a stranger cannot flush it. It never extends a
    session: expiry, revocation, key status and the clock window are checked on every request, and a token is
    opened anew when the keyring is another.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._known: OrderedDict[Claim, Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"VerifiedKeys(capacity={self._capacity}, entries={len(self._known)})"

    def get(self, claim: Claim) -> Known | None:
        """What is known of a claim. Proves nothing: the signature is verified with it, every time."""
        return self._known.get(claim)

    def remember(self, claim: Claim, known: Known) -> None:
        """Keep what a signature has just shown."""
        if self._known.get(claim) is known:
            self._known.move_to_end(claim)
            return
        self._known[claim] = known
        self._known.move_to_end(claim)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
