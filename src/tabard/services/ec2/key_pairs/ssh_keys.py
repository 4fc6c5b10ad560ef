"""The keys of key pairs: creation, import and fingerprints.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_ssh_public_key,
)

from tabard.model.key_pair import KeyType
from tabard.services.ec2.errors import InvalidKeyFormat

_PublicKey: TypeAlias = rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_CREATED_RSA_BITS = 2048
_IMPORTED_RSA_BITS = (1024, 2048, 4096)
_MAX_MATERIAL_BYTES = 16384
_NOT_OPENSSH = "Key is not in valid OpenSSH public key format"

_RFC_4716_BEGIN = "---- BEGIN SSH2 PUBLIC KEY ----"
_RFC_4716_END = "---- END SSH2 PUBLIC KEY ----"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """The public key: one line in OpenSSH's format without a comment, and the fingerprint that AWS shows."""

    key_type: KeyType
    line: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedKey:
    """A new key. The private key is returned once and never stored."""

    public: PublicKey
    private_key_pem: str = field(repr=False)


def create_key(key_type: KeyType) -> CreatedKey:
    """Make a 2048-bit RSA key, as an `RSA PRIVATE KEY`, or an Ed25519 key, as an `OPENSSH PRIVATE KEY`.

    The fingerprint of an RSA key is the SHA-1 of its private key in PKCS#8; that of an Ed25519 key is the
    SHA-256 of its public key, like OpenSSH's.
    """
    if key_type == "ed25519":
        made = ed25519.Ed25519PrivateKey.generate()
        openssh = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        return CreatedKey(public=_public(made.public_key()), private_key_pem=openssh.decode("ascii"))
    key = rsa.generate_private_key(public_exponent=65537, key_size=_CREATED_RSA_BITS)
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    fingerprint = _in_pairs(hashlib.sha1(pkcs8, usedforsecurity=False).hexdigest())
    public = PublicKey(key_type="rsa", line=_line(key.public_key()), fingerprint=fingerprint)
    return CreatedKey(public=public, private_key_pem=pem.decode("ascii"))


def read_public_key(material: bytes) -> PublicKey:
    """Parse an imported public key: OpenSSH's format; for RSA also RFC 4716, and base64 of DER.

    The fingerprint of an imported RSA key is the MD5 of its public key in DER.

    Raises:
        InvalidKey.Format (400): none of these, or neither Ed25519 nor RSA of 1024, 2048 or 4096 bits.
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-key-pairs.html#how-to-generate-your-own-key-and-import-it-to-aws
    """
    if len(material) > _MAX_MATERIAL_BYTES:
        raise InvalidKeyFormat(reason=_NOT_OPENSSH)
    try:
        key = _read(material.decode("ascii").replace("\r\n", "\n").strip())
    except (UnicodeDecodeError, binascii.Error, ValueError, UnsupportedAlgorithm):
        raise InvalidKeyFormat(reason=_NOT_OPENSSH) from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size not in _IMPORTED_RSA_BITS:
        raise InvalidKeyFormat(reason=f"An RSA key has 1024, 2048 or 4096 bits; this one has {key.key_size}")
    return _public(key)


def _read(text: str) -> _PublicKey:
    key: object
    kinds: tuple[type[_PublicKey], ...] = (rsa.RSAPublicKey,)
    if text.startswith("ssh-") and "\n" not in text:
        key = load_ssh_public_key(text.encode("ascii"))
        kinds = (rsa.RSAPublicKey, ed25519.Ed25519PublicKey)
    elif text.startswith(_RFC_4716_BEGIN):
        key = load_ssh_public_key(f"ssh-rsa {_rfc_4716_body(text)}".encode("ascii"))
    else:
        key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    if isinstance(key, kinds):
        return key
    raise InvalidKeyFormat(reason=_NOT_OPENSSH)


def _rfc_4716_body(text: str) -> str:
    """Return the base64 between the marks, without the headers, which a backslash continues.

    https://www.rfc-editor.org/rfc/rfc4716#section-3
    """
    first, *lines, last = text.split("\n")
    if (first, last) != (_RFC_4716_BEGIN, _RFC_4716_END):
        raise ValueError("no such envelope")
    body = []
    in_header = False
    for line in lines:
        if in_header or ":" in line:
            in_header = line.endswith("\\")
        else:
            body.append(line)
    return "".join(body)


def _public(key: _PublicKey) -> PublicKey:
    line = _line(key)
    if isinstance(key, rsa.RSAPublicKey):
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        fingerprint = _in_pairs(hashlib.md5(der, usedforsecurity=False).hexdigest())
        return PublicKey(key_type="rsa", line=line, fingerprint=fingerprint)
    digest = hashlib.sha256(base64.b64decode(line.split(" ")[1])).digest()
    return PublicKey(key_type="ed25519", line=line, fingerprint=base64.b64encode(digest).decode("ascii"))


def _line(key: _PublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def _in_pairs(digits: str) -> str:
    """Format as `1f:51:ae:…`."""
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
