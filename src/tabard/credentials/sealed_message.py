"""Sealed messages that callers carry: EC2's encoded authorization messages."""

import zlib

from tabard.credentials.envelope import NotSealedHere, open_envelope, seal_envelope
from tabard.credentials.keyring import Keyring

MAX_TEXT_BYTES = 64 * 1024
_VERSION = 2


class MessageNotOurs(Exception):
    """The text is not a message that this installation's keyring sealed."""


def seal_message(text: str, keyring: Keyring) -> str:
    """Seal `text` under the newest key, cut at 64 KiB."""
    return seal_envelope(zlib.compress(text.encode()[:MAX_TEXT_BYTES]), keyring, version=_VERSION)


def open_message(message: str, keyring: Keyring) -> str:
    """Open a sealed message and return its text. Raises MessageNotOurs."""
    try:
        deflated = open_envelope(message, keyring, version=_VERSION)
    except NotSealedHere:
        raise MessageNotOurs from None
    return zlib.decompress(deflated).decode(errors="ignore")  # the cut may split a character
