"""The installation's certificate authority. It issues the certificates of edges and hosts.

The master key encrypts its private key, like the keyring. Its certificate is public, and every join token has
the certificate's fingerprint. This module never makes or reads any private key except its own.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tabard.credentials.certificate_keys import (
    as_pem,
    key_usage,
    of_the_installation,
    open_private_key,
    seal_private_key,
)
from tabard.model.client_certificate import ClientCertificate
from tabard.model.host import Host
from tabard.model.messages import EDGE_NAME
from tabard.store.ports import Vault

CA_CERTIFICATE = "ca_certificate"
"""The installation setting with the authority's certificate, as PEM."""

CA_SEALED_KEY = "ca_sealed_key"
"""The installation setting with the authority's private key, sealed, in base64."""

HOST_CERTIFICATE_LIVES = timedelta(days=30)
EDGE_CERTIFICATE_LIVES = timedelta(days=30)
MAX_REQUEST_BYTES = 4096

_CA_LIVES = timedelta(days=30 * 365)
_SLOW_CLOCK = timedelta(hours=1)
"""A certificate is valid from a little earlier: the clock of the verifying machine may be behind."""


class CertificateRequestUnusable(Exception):
    """A certificate signing request without a valid proof, or with another kind of key."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A public key on the P-256 curve. The sender has proved that it has the private key."""

    public_key: ec.EllipticCurvePublicKey
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """Issues certificates for the keys of edges and hosts."""

    certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def pem(self) -> str:
        return as_pem(self.certificate)

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate, in hex: join tokens tell machines to trust it."""
        return hashlib.sha256(self.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

    def issue_to_host(self, host: Host, request: CertificateRequest, *, now: datetime) -> str:
        """Issue a certificate (PEM) that binds a key to its host. It is valid only for TLS clients."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host.host_id)])
        builder = self._builder(subject, request.public_key, now, HOST_CERTIFICATE_LIVES)
        return self._signed(builder, ExtendedKeyUsageOID.CLIENT_AUTH)

    def issue_to_edge(
        self, public_key: ec.EllipticCurvePublicKey, *, addresses: Sequence[str], now: datetime
    ) -> str:
        """Issue a certificate (PEM) for the common name of all edges, and these names and addresses."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, EDGE_NAME)])
        names = x509.SubjectAlternativeName([_general_name(each) for each in (EDGE_NAME, *addresses)])
        builder = self._builder(subject, public_key, now, EDGE_CERTIFICATE_LIVES)
        return self._signed(builder.add_extension(names, critical=False), ExtendedKeyUsageOID.SERVER_AUTH)

    def _builder(
        self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, lives: timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(secrets.randbits(120) + 1)
            .not_valid_before(now - _SLOW_CLOCK)
            .not_valid_after(now + lives)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )

    def _signed(self, builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier) -> str:
        # INVARIANT: a host's certificate is never valid for an edge, nor an edge's for a host.
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return as_pem(certificate)


def new_certificate_authority(vault: Vault, *, account_id: str, now: datetime) -> Mapping[str, str]:
    """Make a key and its self-signed certificate; return the installation settings that store both."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        of_the_installation(
            key,
            account_id=account_id,
            common_name="Edges and hosts",
            begins=now - _SLOW_CLOCK,
            ends=now + _CA_LIVES,
            is_authority=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return {
        CA_CERTIFICATE: as_pem(certificate),
        CA_SEALED_KEY: seal_private_key(key, vault, label=CA_SEALED_KEY),
    }


def open_certificate_authority(setting: Mapping[str, str | None], vault: Vault) -> CertificateAuthority:
    """Decrypt the key. Raises ValueError if it is missing, or the master key is another one."""
    certificate, sealed_key = setting.get(CA_CERTIFICATE), setting.get(CA_SEALED_KEY)
    if not certificate or not sealed_key:
        raise ValueError("the installation has no certificate authority")
    key = open_private_key(sealed_key, vault, label=CA_SEALED_KEY)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the certificate authority's key is on no curve")  # noqa: TRY004 - a value, not a type
    return CertificateAuthority(x509.load_pem_x509_certificate(certificate.encode("ascii")), key)


def read_certificate_request(pem: str) -> CertificateRequest:
    """Return the key of a certificate signing request (PKCS #10, PEM); ignore its other content.

    Raises:
        CertificateRequestUnusable: malformed, not signed by its own key, or the key is not on P-256.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode("ascii")) if len(pem) <= MAX_REQUEST_BYTES else None
        is_proven = request is not None and request.is_signature_valid
        public_key = request.public_key() if request is not None else None
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise CertificateRequestUnusable("it is no PKCS #10 request in PEM") from None
    if not is_proven:
        raise CertificateRequestUnusable("it is not signed with the key that it names")
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != "secp256r1":
        raise CertificateRequestUnusable("its key is not on the curve P-256")
    return CertificateRequest(public_key, key_fingerprint(public_key))


def key_fingerprint(public_key: PublicKeyTypes) -> str:
    """Return the SHA-256 of the public key (SubjectPublicKeyInfo, DER), in hex."""
    material = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(material).hexdigest()


def read_host_certificate(der: bytes) -> ClientCertificate | None:
    """Read the host from a certificate that TLS has verified; None if it names no host.

    INVARIANT: pass only certificates that the listener's TLS layer has verified against this authority.
    """
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        return None
    return ClientCertificate(
        host_id=str(names[0].value),
        key_fingerprint=key_fingerprint(certificate.public_key()),
        not_after=certificate.not_valid_after_utc,
    )


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
