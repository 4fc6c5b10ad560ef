"""Authentication of machines without signatures: a host by certificate, a new host by join token.

Both work only over TLS that is verified against the installation's certificate authority. No HTTP header can
identify either of them.
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

    Its message differs from the one for a foreign key, because waiting cannot help a removed host.
    """

    code = "HostRemoved"
    status = 403
    sentence = "The host '{host_id}' was revoked or removed; its certificate is nobody's."


def authenticate_host(
    certificate: ClientCertificate | None, *, snapshot: Snapshot, now: datetime
) -> tuple[Caller, str]:
    """Find the enrolled host that a certificate names, and its region. Look it up for every request.

    Args:
        certificate: the client certificate that TLS verified on this connection, or None.
    Raises:
        NotAuthenticated (403): no certificate, an expired one, or a key that the host no longer uses.
        HostRemoved (403): the host no longer exists.
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
    """Authenticate the holder of a join token. Return the caller and the token's region.

    Raises:
        NotAuthenticated (403): no such token, a wrong secret, or an expired token. The message is the same.
    """
    token = snapshot.join_tokens.get(token_id)
    presented = hash_of_secret(secret)
    expected = token.secret_hash if token is not None else ""
    if not hmac.compare_digest(presented, expected) or token is None or token.expires_at <= now:
        raise NotAuthenticated("hosts", Refusal.UNKNOWN_KEY)
    return caller_of_join_token(token), token.region


def hash_of_secret(secret: str) -> str:
    """Hash a join token's secret for the store. It has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
