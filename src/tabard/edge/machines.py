"""Authentication of unsigned requests of machines: only to the service `hosts`, and only over TLS."""

from datetime import datetime

import msgspec

from tabard.access.caller import Caller
from tabard.access.machine_callers import authenticate_host, authenticate_join_token
from tabard.access.refusals import NotAuthenticated, Refusal
from tabard.store.snapshot import Snapshot
from tabard.wire.identify import Identified
from tabard.wire.request import RawRequest

ENROLL = "EnrollHost"
MACHINE_REQUEST_BYTES = 1024 * 1024


class _Presented(msgspec.Struct, frozen=True, rename="pascal"):
    """The members of EnrollHost's input that present a join token."""

    join_token_id: str = ""
    join_token_secret: str = ""

    def __repr__(self) -> str:
        return f"_Presented(join_token_id={self.join_token_id!r})"


def authenticate_machine(
    raw: RawRequest, identified: Identified, content: bytes, *, snapshot: Snapshot, now: datetime
) -> tuple[Caller, str]:
    """Return the caller, and the region of its host certificate or join token.

    Raises:
        NotAuthenticated (403).
    """
    # INVARIANT: without TLS only a signature counts, because anybody could read a join token.
    if not raw.secure:
        raise NotAuthenticated("hosts", Refusal.NO_AUTHENTICATION)
    if identified.operation != ENROLL:
        return authenticate_host(raw.client_certificate, snapshot=snapshot, now=now)
    try:
        presented = msgspec.json.decode(content, type=_Presented)
    except msgspec.DecodeError:
        raise NotAuthenticated("hosts", Refusal.NO_AUTHENTICATION) from None
    return authenticate_join_token(
        presented.join_token_id, presented.join_token_secret, snapshot=snapshot, now=now
    )
