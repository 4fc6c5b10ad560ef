"""Requests of machines that sign nothing: of `hosts` alone, over TLS alone."""

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
    """The members of EnrollHost's input by which a join token is presented."""

    join_token_id: str = ""
    join_token_secret: str = ""

    def __repr__(self) -> str:
        return f"_Presented(join_token_id={self.join_token_id!r})"


def authenticate_machine(
    raw: RawRequest, identified: Identified, content: bytes, *, snapshot: Snapshot, now: datetime
) -> tuple[Caller, str]:
    """Who is calling, and the region that is meant: a host's certificate or a join token belongs to one.

    Raises:
        NotAuthenticated (403).
    """
    # INVARIANT: without TLS nothing is believed but a signature; a join token would be anybody's to read.
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
