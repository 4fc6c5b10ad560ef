"""Enrollment of a machine as a host: it verifies the authority in its join token, then sends the token."""

import hashlib
import hmac
import socket
import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

from tabard.agent.certified_exchange import CertifiedExchange
from tabard.agent.edge_client import EdgeClient
from tabard.agent.host_keys import Enrollment, HostDirectory, trusting
from tabard.clock import Clock
from tabard.model.join_offer import JoinOffer
from tabard.model.messages import EDGE_NAME, EnrollHostRequest

_HANDSHAKE_SECONDS = 10.0


class EdgeNotTrusted(Exception):
    """The server at the endpoint does not belong to the join token's installation."""


async def enroll(offer: JoinOffer, directory: HostDirectory, *, host_name: str, clock: Clock) -> Enrollment:
    """Enroll this machine once. An attempt that was interrupted resumes with the same key.

    Blocks for one TLS handshake.

    Raises:
        EdgeNotTrusted; EdgeError: the edge refused, or gave no answer. NotEnrolled; OSError.
    """
    directory.prepare()
    ca_certificate = pinned_authority(offer)
    key = directory.first_key(host_name)
    exchange = CertifiedExchange(offer.endpoint, trusting(ca_certificate))
    try:
        enrolled = await EdgeClient("", exchange, clock=clock).enroll_host(
            EnrollHostRequest(
                join_token_id=offer.token_id,
                join_token_secret=offer.secret,
                host_name=host_name,
                certificate_request=key.certificate_request,
            )
        )
    finally:
        await exchange.close()
    return directory.keep(offer.endpoint, ca_certificate, key, enrolled)


def pinned_authority(offer: JoinOffer) -> str:
    """Return the authority's certificate (PEM) that the edge sends, if the token names it.

    INVARIANT: the machine sends nothing to an edge before this check. It sends the secret only to an edge of
    this authority, over a separate connection.
    """
    parts = urlsplit(offer.endpoint)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = (
        ssl.CERT_NONE
    )  # The fingerprint decides here; later connections verify the authority.
    address = (parts.hostname or "", parts.port or 443)
    with (
        socket.create_connection(address, timeout=_HANDSHAKE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=EDGE_NAME) as connection,
    ):
        shown = shown_certificates(connection)
    for certificate in shown:
        if hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), offer.ca_fingerprint):
            return ssl.DER_cert_to_PEM_cert(certificate)
    raise EdgeNotTrusted(
        f"the edge at {offer.endpoint} does not belong to the installation that made this join token: "
        "none of its certificates has the fingerprint in the token"
    )


def shown_certificates(connection: ssl.SSLSocket) -> Iterable[bytes]:
    """Return every certificate that the server sent, as DER, without any verification."""
    shown = getattr(connection, "get_unverified_chain", None)
    if shown is not None:
        return list(shown())
    # Python 3.13 has a public method. Earlier versions have a private one, which returns objects.
    below = connection._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in below]
