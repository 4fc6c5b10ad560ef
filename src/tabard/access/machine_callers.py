"""Machines that sign nothing: a host by its certificate, and who is to become one by its join token.

Both over TLS alone, verified against the installation's own authority; neither is told by any HTTP header.
"""

import hashlib
import hmac
from datetime import datetime

from tabard.access.caller import Caller, caller_of_host, caller_of_join_token
from tabard.access.refusals import NotAuthenticated, Refusal
from tabard.errors import AwsError
from tabard.model.client_certificate import ClientCertificate
from tabard.store.snapshot import Snapshot


class HostRemoved(AwsError):
    """A certificate of this installation's own authority, for a host that is no longer there.

    Told in other words than a key that is another's: its machine has nothing to wait for.
    """

    code = "HostRemoved"
    status = 403
    sentence = "The host '{host_id}' was revoked or removed; its certificate is nobody's."


def authenticate_host(
    certificate: ClientCertificate | None, *, snapshot: Snapshot, now: datetime
) -> tuple[Caller, str]:
    """The enrolled host that a certificate names, and its region; looked up anew for every request.

    Args:
        certificate: what the client of this connection has proven to hold; None where it showed none.
    Raises:
        NotAuthenticated (403): no certificate, expired meanwhile, or a key that is not the host's any more.
        HostRemoved (403): of a host that is not there any more.
    """
    if certificate is None:
        raise NotAuthenticated("hosts", Refusal.NO_AUTHENTICATION)
    if certificate.not_after <= now:
        raise NotAuthenticated("hosts", Refusal.EXPIRED_SESSION)
    host = snapshot.hosts.get(certificate.host_id)
    if host is None:
        raise HostRemoved(host_id=certificate.host_id)
    if not certificate.key_fingerprint:
        raise NotAuthenticated("hosts", Refusal.UNKNOWN_KEY)
    if certificate.key_fingerprint not in (host.key_fingerprint, host.next_key_fingerprint):
        raise NotAuthenticated("hosts", Refusal.UNKNOWN_KEY)
    return caller_of_host(host, certificate.key_fingerprint), host.region


def authenticate_join_token(
    token_id: str, secret: str, *, snapshot: Snapshot, now: datetime
) -> tuple[Caller, str]:
    """The bearer of a join token, and the token's region.

    Raises:
        NotAuthenticated (403): no such token, another secret, or the token has expired: in the same words.
    """
    token = snapshot.join_tokens.get(token_id)
    presented = hash_of_secret(secret)
    expected = token.secret_hash if token is not None else ""
    if not hmac.compare_digest(presented, expected) or token is None or token.expires_at <= now:
        raise NotAuthenticated("hosts", Refusal.UNKNOWN_KEY)
    return caller_of_join_token(token), token.region


def hash_of_secret(secret: str) -> str:
    """What is kept of a join token's secret. It has 256 random bits: nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
