"""What the installation's certificates have in common: private keys at rest, and what a key is for."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from tabard.store.ports import Vault


def seal_private_key(key: PrivateKeyTypes, vault: Vault, *, label: str) -> str:
    """The key (PKCS #8 DER), encrypted under the master key, in base64: a fact of the installation."""
    material = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return base64.b64encode(vault.seal(material, label=label)).decode("ascii")


def open_private_key(sealed: str, vault: Vault, *, label: str) -> PrivateKeyTypes:
    """The key of `seal_private_key`. Raises ValueError where the master key is another."""
    material = vault.open(base64.b64decode(sealed), label=label)
    return serialization.load_der_private_key(material, password=None)


def key_usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    """The key signs: certificates, or else everything but certificates."""
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
