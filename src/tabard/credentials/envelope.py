"""Sealed envelopes that callers carry: session tokens, and EC2's encoded authorization messages.

`version (1 byte) ‖ key id (4) ‖ nonce (12) ‖ AES-256-GCM(plaintext)` in URL-safe base64 without padding.
Version and key id are authenticated, so that an envelope of one kind never opens as another.
"""

import base64
import secrets
import struct

from cryptography.exceptions import InvalidTag

from tabard.credentials.keyring import Keyring

_HEAD = struct.Struct(">BI")
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SHORTEST = _HEAD.size + _NONCE_BYTES + _TAG_BYTES


class NotSealedHere(Exception):
    """The text is not an envelope that this installation's keyring sealed."""


def seal_envelope(plaintext: bytes, keyring: Keyring, *, version: int) -> str:
    """Seal the plaintext under the newest key and a new nonce."""
    head = _HEAD.pack(version, keyring.newest_key_id)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _text(head + nonce + keyring.newest.encrypt(nonce, plaintext, head))


def open_envelope(text: str, keyring: Keyring, *, version: int) -> bytes:
    """Open an envelope and return its plaintext.

    Raises:
        NotSealedHere: altered, of another version, sealed under a key that is not in the keyring, or not in
            the canonical spelling of `seal_envelope`.
    """
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise NotSealedHere from None
    # base64 has several spellings of the same bytes, and its decoder skips unknown characters.
    if len(sealed) < _SHORTEST or _text(sealed) != text:
        raise NotSealedHere
    head, nonce = sealed[: _HEAD.size], sealed[_HEAD.size : _HEAD.size + _NONCE_BYTES]
    sealed_version, key_id = _HEAD.unpack(head)
    cipher = keyring.ciphers.get(key_id)
    if sealed_version != version or cipher is None:
        raise NotSealedHere
    try:
        return cipher.decrypt(nonce, sealed[_HEAD.size + _NONCE_BYTES :], head)
    except InvalidTag:
        raise NotSealedHere from None


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")
