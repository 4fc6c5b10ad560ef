"""Messages that travel through a caller's hands sealed: EC2's encoded authorization messages.

`version (1 byte) ‖ key id (4) ‖ nonce (12) ‖ AES-256-GCM(deflated text)` in URL-safe base64. The version
differs from a session token's, and both are authenticated: neither opens as the other.
"""

import base64
import binascii
import secrets
import struct
import zlib

from cryptography.exceptions import InvalidTag

from tabard.credentials.keyring import Keyring

MAX_TEXT_BYTES = 64 * 1024
_VERSION = 2
_HEAD = struct.Struct(">BI")
_NONCE_BYTES = 12


class MessageNotOurs(Exception):
    """The text is not a message that this installation's keyring sealed."""


def seal_message(text: str, keyring: Keyring) -> str:
    """Seal `text` (at most 64 KiB) under the newest key."""
    head = _HEAD.pack(_VERSION, keyring.newest_key_id)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = keyring.newest.encrypt(nonce, zlib.compress(text.encode()[:MAX_TEXT_BYTES]), head)
    return base64.urlsafe_b64encode(head + nonce + sealed).decode("ascii").rstrip("=")


def open_message(message: str, keyring: Keyring) -> str:
    """The text of a sealed message. Raises MessageNotOurs."""
    try:
        sealed = base64.b64decode(message + "=" * (-len(message) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MessageNotOurs from None
    head, nonce = sealed[: _HEAD.size], sealed[_HEAD.size : _HEAD.size + _NONCE_BYTES]
    if len(head) < _HEAD.size:
        raise MessageNotOurs
    version, key_id = _HEAD.unpack(head)
    cipher = keyring.ciphers.get(key_id)
    if version != _VERSION or cipher is None:
        raise MessageNotOurs
    try:
        deflated = cipher.decrypt(nonce, sealed[_HEAD.size + _NONCE_BYTES :], head)
    except (InvalidTag, ValueError):
        raise MessageNotOurs from None
    return zlib.decompress(deflated, bufsize=MAX_TEXT_BYTES).decode()
