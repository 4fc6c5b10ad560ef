"""What EC2 sealed into a denial is read by those who may sts:DecodeAuthorizationMessage."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tabard.credentials.keyring import Keyring
from tabard.credentials.sealed_message import MessageNotOurs, open_message, seal_message


def keyring() -> Keyring:
    return Keyring({7: AESGCM(AESGCM.generate_key(256))}, 7)


def test_a_message_opens_under_the_keyring_that_sealed_it() -> None:
    ours = keyring()
    assert open_message(seal_message('{"allowed": false}', ours), ours) == '{"allowed": false}'


@pytest.mark.parametrize("message", ["", "AgAA", "!!", "A" * 200])
def test_a_text_that_was_not_sealed_here_does_not_open(message: str) -> None:
    with pytest.raises(MessageNotOurs):
        open_message(message, keyring())


def test_a_message_of_another_installation_does_not_open() -> None:
    with pytest.raises(MessageNotOurs):
        open_message(seal_message("x", keyring()), keyring())


def test_an_altered_message_does_not_open() -> None:
    ours = keyring()
    sealed = seal_message("details", ours)
    for index in range(0, len(sealed), 7):
        altered = sealed[:index] + ("A" if sealed[index] != "A" else "B") + sealed[index + 1 :]
        if altered != sealed:
            with pytest.raises(MessageNotOurs):
                open_message(altered, ours)
