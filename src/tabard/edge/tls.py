"""The edge's door for other machines: TLS with the installation's own authority as the only root.

A client may show a certificate, and then it must be one of this authority's. Whose it is now, and whether it
is still anybody's, is looked up for each request: TLS says only what a key proves.
"""

import os
import ssl
import sys
import tempfile
from asyncio import BaseTransport
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tabard.credentials.certificate_authority import CertificateAuthority, read_host_certificate
from tabard.model.client_certificate import ClientCertificate
from tabard.model.network_path import RELAY_PROTOCOL

HANDSHAKE_SECONDS = 10.0
"""How long a client may take to show who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTls:
    """The TLS side of one edge process; its private key never leaves it."""

    authority: CertificateAuthority = field(repr=False)
    addresses: Sequence[str]
    context: ssl.SSLContext = field(repr=False)

    @classmethod
    def of(cls, authority: CertificateAuthority, *, addresses: Sequence[str], now: datetime) -> "EdgeTls":
        """A context with a certificate of these names and addresses, for connections from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=authority.pem)
        # A session that is taken up again is not verified again.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        context.set_alpn_protocols([RELAY_PROTOCOL, "http/1.1"])
        tls = cls(authority=authority, addresses=addresses, context=context)
        tls.renew(now=now)
        return tls

    def renew(self, *, now: datetime) -> None:
        """Make a new key, with a certificate: for the connections that come after."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.authority.issue_to_edge(key.public_key(), addresses=self.addresses, now=now)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # The authority's certificate goes along: who has only its fingerprint finds it in the handshake.
        with _named(pem + certificate.encode() + self.authority.pem.encode()) as name:
            self.context.load_cert_chain(name)


@contextmanager
def _named(content: bytes) -> Iterator[str]:
    """Content under a name: `ssl` reads keys from files alone. It is of memory where there are such files."""
    if sys.platform != "linux":
        descriptor, name = tempfile.mkstemp(prefix="tabard-edge-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            yield name
        finally:
            Path(name).unlink()
        return
    descriptor = os.memfd_create("tabard-edge", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


def client_certificate_of(transport: BaseTransport) -> ClientCertificate | None:
    """What the client of a TLS connection has proven; None where it showed no certificate."""
    tls = transport.get_extra_info("ssl_object")
    der = None if tls is None else tls.getpeercert(binary_form=True)
    return None if not der else read_host_certificate(der)


def is_relayed(transport: BaseTransport) -> bool:
    """Whether an enrolled machine leads its applications' requests here, as it has said in the handshake."""
    tls = transport.get_extra_info("ssl_object")
    return tls is not None and tls.selected_alpn_protocol() == RELAY_PROTOCOL
