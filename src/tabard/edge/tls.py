"""TLS of the edge for other machines. The installation's own authority is the only root.

A client certificate is optional, and must be issued by this authority. TLS only proves the key. The edge
looks up for each request which host has that key now, if any.
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
"""The time limit for a client's handshake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTls:
    """The TLS context of one edge process; the private key never leaves the process."""

    authority: CertificateAuthority = field(repr=False)
    addresses: Sequence[str]
    context: ssl.SSLContext = field(repr=False)

    @classmethod
    def of(cls, authority: CertificateAuthority, *, addresses: Sequence[str], now: datetime) -> "EdgeTls":
        """Make a context with a certificate for these names and addresses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=authority.pem)
        # A resumed TLS session would not be verified again.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        context.set_alpn_protocols([RELAY_PROTOCOL, "http/1.1"])
        tls = cls(authority=authority, addresses=addresses, context=context)
        tls.renew(now=now)
        return tls

    def renew(self, *, now: datetime) -> None:
        """Make a new key and certificate for later connections."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.authority.issue_to_edge(key.public_key(), addresses=self.addresses, now=now)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # The handshake includes the authority's certificate, for clients that have only its fingerprint.
        with _named(pem + certificate.encode() + self.authority.pem.encode()) as name:
            self.context.load_cert_chain(name)


@contextmanager
def _named(content: bytes) -> Iterator[str]:
    """Give content a file name, because `ssl` reads keys only from files. Use a memory file if possible."""
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
    """Return the verified certificate of a TLS client; None if it presented none."""
    tls = transport.get_extra_info("ssl_object")
    der = None if tls is None else tls.getpeercert(binary_form=True)
    return None if not der else read_host_certificate(der)


def is_relayed(transport: BaseTransport) -> bool:
    """Return whether the handshake announces relayed requests of an enrolled machine's applications."""
    tls = transport.get_extra_info("ssl_object")
    return tls is not None and tls.selected_alpn_protocol() == RELAY_PROTOCOL
