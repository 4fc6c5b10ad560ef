"""The installation's identity certificate: its key signs instance identity documents.

The master key encrypts its private key, like the keyring. The certificate is public.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from tabard.credentials.certificate_keys import (
    as_pem,
    of_the_installation,
    open_private_key,
    seal_private_key,
)
from tabard.store.ports import Vault
from tabard.store.snapshot import Snapshot

CERTIFICATE = "identity_certificate"
"""The installation setting with the certificate, as PEM."""

SEALED_KEY = "identity_certificate_sealed_key"
"""The installation setting with the private key (PKCS #8 DER), sealed, in base64."""

_KEY_BITS = 2048
_EXPONENT = 65537
_VALID_FOR = timedelta(days=30 * 365)
_LINE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """The signatures of one document, in base64, in lines of at most 64 characters."""

    signature: str
    pkcs7: str


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """Signs identity documents. The same document always gets the same signatures."""

    certificate: x509.Certificate
    _key: rsa.RSAPrivateKey = field(repr=False)

    def sign(self, document: bytes) -> SignedDocument:
        """Sign by RSA with SHA-256: bare, and as PKCS #7 with the document but no certificate, like AWS."""
        bare = self._key.sign(document, padding.PKCS1v15(), hashes.SHA256())
        enveloped = (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(document)
            .add_signer(self.certificate, self._key, hashes.SHA256())
            .sign(
                serialization.Encoding.DER,
                [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoAttributes, pkcs7.PKCS7Options.NoCerts],
            )
        )
        return SignedDocument(signature=_lines(bare), pkcs7=_lines(enveloped))


def new_identity_certificate(vault: Vault, *, account_id: str, now: datetime) -> Mapping[str, str]:
    """Make a key and its self-signed certificate; return the installation settings that store both."""
    key = rsa.generate_private_key(public_exponent=_EXPONENT, key_size=_KEY_BITS)
    certificate = of_the_installation(
        key,
        account_id=account_id,
        common_name="Instance identity documents",
        begins=now,
        ends=now + _VALID_FOR,
    ).sign(key, hashes.SHA256())
    return {
        CERTIFICATE: as_pem(certificate),
        SEALED_KEY: seal_private_key(key, vault, label=SEALED_KEY),
    }


def open_identity_key(settings: Mapping[str, str], vault: Vault) -> IdentityKey:
    """Decrypt the key. Raises ValueError if it is missing, or the master key is another one."""
    if CERTIFICATE not in settings or SEALED_KEY not in settings:
        raise ValueError("the installation has no identity certificate")
    key = open_private_key(settings[SEALED_KEY], vault, label=SEALED_KEY)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the identity certificate's key is no RSA key")  # noqa: TRY004 - a value, not a type
    return IdentityKey(x509.load_pem_x509_certificate(settings[CERTIFICATE].encode("ascii")), key)


@dataclass(slots=True)
class OpenedIdentityKeys:
    """Cache of the decrypted identity key, which never changes."""

    vault: Vault = field(repr=False)
    _key: IdentityKey | None = field(default=None, repr=False)

    def of(self, snapshot: Snapshot) -> IdentityKey:
        """Return the key of this snapshot's installation. Raises ValueError for another master key."""
        if self._key is None:
            self._key = open_identity_key(snapshot.installation, self.vault)
        return self._key


def _lines(content: bytes) -> str:
    encoded = base64.b64encode(content).decode("ascii")
    starts = range(0, len(encoded), _LINE_CHARACTERS)
    return "\n".join(encoded[start : start + _LINE_CHARACTERS] for start in starts)
