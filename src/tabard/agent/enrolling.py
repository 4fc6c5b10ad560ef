"""How a machine becomes a host: it finds the authority that its join token names, then shows the token."""

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


class EdgeNotBelieved(Exception):
    """Whoever answers at the endpoint is not of the installation that the join token is of."""


async def enroll(offer: JoinOffer, directory: HostDirectory, *, host_name: str, clock: Clock) -> Enrollment:
    """Enroll this machine, once: a try that was cut short is gone on with, under the same key.

    Blocks for one TLS handshake.

    Raises:
        EdgeNotBelieved; EdgeError: the edge refused, or gave no answer. NotEnrolled; OSError.
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
    """The authority's certificate (PEM), as the edge shows it, if it is the one that the token names.

    INVARIANT: nothing is said to an edge before this; the secret is sent to an edge of this authority alone,
    over a connection of its own.
    """
    parts = urlsplit(offer.endpoint)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the fingerprint decides, and then the authority
    address = (parts.hostname or "", parts.port or 443)
    with (
        socket.create_connection(address, timeout=_HANDSHAKE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=EDGE_NAME) as connection,
    ):
        shown = shown_certificates(connection)
    for certificate in shown:
        if hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), offer.ca_fingerprint):
            return ssl.DER_cert_to_PEM_cert(certificate)
    raise EdgeNotBelieved(
        f"the edge at {offer.endpoint} is not of the installation that made this join token: none of its "
        "certificates has the fingerprint in the token"
    )


def shown_certificates(connection: ssl.SSLSocket) -> Iterable[bytes]:
    """Every certificate that the server has sent, as DER; nothing about them is verified."""
    shown = getattr(connection, "get_unverified_chain", None)
    if shown is not None:
        return list(shown())
    # Python 3.13 has the method; before, it is there below the public surface, and gives objects.
    below = connection._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in below]
