"""Shared parts of the installation's own certificates: stored keys, key usage, construction."""

import base64
import secrets
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from tabard.store.ports import Vault


def seal_private_key(key: PrivateKeyTypes, vault: Vault, *, label: str) -> str:
    """Encrypt the key (PKCS #8 DER) under the master key; return base64 for an installation setting."""
    material = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return base64.b64encode(vault.seal(material, label=label)).decode("ascii")


def open_private_key(sealed: str, vault: Vault, *, label: str) -> PrivateKeyTypes:
    """Decrypt the result of `seal_private_key`. Raises ValueError if the master key is another one."""
    material = vault.open(base64.b64decode(sealed), label=label)
    return serialization.load_der_private_key(material, password=None)


def key_usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    """Return the usage of a key that signs either certificates, or anything except certificates."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def of_the_installation(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    *,
    account_id: str,
    common_name: str,
    begins: datetime,
    ends: datetime,
    is_authority: bool = False,
) -> x509.CertificateBuilder:
    """Begin a self-signed certificate of the installation."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tabard"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"account {account_id}"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    constraints = x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(120) + 1)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(constraints, critical=True)
        .add_extension(key_usage(signs_certificates=is_authority), critical=True)
    )


def as_pem(certificate: x509.Certificate) -> str:
    """Return the certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
