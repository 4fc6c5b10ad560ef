"""The installation's own certificate."""

import base64
from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography.x509 import BasicConstraints

from tabard.credentials.identity_certificate import (
    CERTIFICATE,
    SEALED_KEY,
    OpenedIdentityKeys,
    new_identity_certificate,
    open_identity_key,
)
from tabard.credentials.master_key import MasterKey
from tabard.store.snapshot_loader import Delta, load

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
VAULT = MasterKey.from_bytes(bytes(32))


@cache
def settings() -> dict[str, str]:
    return dict(new_identity_certificate(VAULT, account_id="123456789012", now=NOW))


def test_the_identity_certificate_signs_only_itself_and_is_long_lived() -> None:
    certificate = open_identity_key(settings(), VAULT).certificate
    assert certificate.issuer == certificate.subject
    assert "account 123456789012" in certificate.subject.rfc4514_string()
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc.year > NOW.year + 20
    assert not certificate.extensions.get_extension_for_class(BasicConstraints).value.ca


def test_its_stored_key_is_encrypted() -> None:
    sealed = base64.b64decode(settings()[SEALED_KEY])
    with pytest.raises(ValueError, match="does not open"):
        open_identity_key(settings(), MasterKey.from_bytes(b"\1" * 32))
    plain = VAULT.open(sealed, label=SEALED_KEY)
    assert plain not in sealed
    assert "PRIVATE" not in settings()[CERTIFICATE]
    assert "key=" not in repr(open_identity_key(settings(), VAULT)).lower()


def test_the_same_document_gets_the_same_signatures() -> None:
    key = open_identity_key(settings(), VAULT)
    assert key.sign(b"document") == key.sign(b"document") != key.sign(b"another")


@pytest.mark.parametrize("missing", [CERTIFICATE, SEALED_KEY])
def test_without_a_certificate_nothing_is_signed(missing: str) -> None:
    with pytest.raises(ValueError, match="no identity certificate"):
        open_identity_key({name: value for name, value in settings().items() if name != missing}, VAULT)


def test_another_kind_of_key_is_refused() -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    material = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    sealed = base64.b64encode(VAULT.seal(material, label=SEALED_KEY)).decode()
    with pytest.raises(ValueError, match="no RSA key"):
        open_identity_key({**settings(), SEALED_KEY: sealed}, VAULT)


def test_a_snapshots_key_is_opened_once() -> None:
    opened = OpenedIdentityKeys(VAULT)
    snapshot = load(Delta(1, "123456789012", {"installation": settings()}))
    assert opened.of(snapshot) is opened.of(load(Delta(2, "123456789012", {"installation": settings()})))
