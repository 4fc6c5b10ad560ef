"""A session ends when it is told to, whatever an edge remembers of it."""

import base64
from collections import UserDict
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tabard.access.authenticate import Authenticator
from tabard.access.refusals import NotAuthenticated, Refusal, Service
from tabard.access.verified_keys import VerifiedKeys
from tabard.credentials.keyring import Keyring, new_sealing_key, open_keyring
from tabard.model.access_key import AccessKeyStatus
from tabard.model.revocation import RevocationSubject
from tabard.store.snapshot import Snapshot
from tests.support.installation import HOST_ID, INSTANCE_ID, NOW, SERVICES, Installation, Keys, instance_facts

WARM = pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])


def refused(here: Installation, keys: Keys, *, service: Service = "sts") -> Refusal:
    with pytest.raises(NotAuthenticated) as caught:
        here.caller(here.signed(service, keys))
    return caught.value.refusal


def warm_up(here: Installation, keys: Keys, *, warm: bool) -> None:
    if warm:
        here.caller(here.signed("sts", keys))
        assert len(here.authenticator.verified_keys) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_a_living_session_is_believed_by_every_service(here: Installation, service: Service) -> None:
    keys = here.session_of(here.web, session_name=INSTANCE_ID, instance=instance_facts())
    caller = here.caller(here.signed(service, keys))
    assert caller.arn == f"arn:aws:sts::123456789012:assumed-role/web/{INSTANCE_ID}"
    assert caller.user_id == f"{here.web.role_id}:{INSTANCE_ID}"


@WARM
def test_a_session_ends_at_the_very_moment_it_expires(here: Installation, warm: bool) -> None:
    keys = here.session_of(here.web)
    warm_up(here, keys, warm=warm)
    here.now = NOW + timedelta(hours=1) - timedelta(microseconds=1)
    here.caller(here.signed("sts", keys))
    here.now = NOW + timedelta(hours=1)
    assert refused(here, keys) is Refusal.EXPIRED_SESSION


@WARM
@pytest.mark.parametrize("subject", ["session", "instance", "host", "role"])
def test_each_kind_of_revocation_ends_a_session_at_once(
    here: Installation, subject: RevocationSubject, warm: bool
) -> None:
    keys = here.session_of(here.web, instance=instance_facts())
    warm_up(here, keys, warm=warm)
    ids = {
        "session": keys.access_key_id,
        "instance": INSTANCE_ID,
        "host": HOST_ID,
        "role": here.web.role_id,
    }
    here.revoke(subject, ids[subject], NOW - timedelta(seconds=1))
    here.caller(here.signed("sts", keys))  # issued after the mark
    here.revoke(subject, ids[subject], NOW)
    assert refused(here, keys) is Refusal.EXPIRED_SESSION
    here.now += timedelta(seconds=1)
    here.caller(here.signed("sts", here.session_of(here.web, instance=instance_facts())))


def test_a_revocation_of_another_subject_is_none_of_a_sessions_business(here: Installation) -> None:
    keys = here.session_of(here.web)
    for subject in ("session", "instance", "host", "role"):
        here.revoke(subject, "another", NOW)
    here.revoke("instance", INSTANCE_ID, NOW)
    here.caller(here.signed("sts", keys))


@WARM
def test_a_session_of_a_deleted_role_is_refused_even_when_the_role_is_made_anew(
    here: Installation, warm: bool
) -> None:
    keys = here.session_of(here.web)
    warm_up(here, keys, warm=warm)
    with here.store.transaction() as tx:
        tx.roles.delete(here.web.role_id)
    assert refused(here, keys) is Refusal.BAD_SESSION_TOKEN
    again = here.role("web")
    with here.store.transaction() as tx:
        tx.roles.insert(again)
    assert again.arn == here.web.arn
    assert refused(here, keys) is Refusal.BAD_SESSION_TOKEN
    here.caller(here.signed("sts", here.session_of(again)))


@WARM
def test_a_long_term_key_that_is_made_inactive_or_deleted_ends_at_once(
    here: Installation, warm: bool
) -> None:
    warm_up(here, here.alice_key, warm=warm)
    stored = here.snapshot.access_keys[here.alice_key.access_key_id]
    with here.store.transaction() as tx:
        tx.access_keys.update(replace(stored, status=AccessKeyStatus.INACTIVE))
    assert refused(here, here.alice_key) is Refusal.UNKNOWN_KEY
    with here.store.transaction() as tx:
        tx.access_keys.update(stored)
    here.caller(here.signed("sts", here.alice_key))
    with here.store.transaction() as tx:
        tx.access_keys.delete(stored.access_key_id)
    assert refused(here, here.alice_key) is Refusal.UNKNOWN_KEY


@WARM
def test_a_key_that_gets_another_secret_signs_no_more_with_the_old_one(
    here: Installation, warm: bool
) -> None:
    warm_up(here, here.alice_key, warm=warm)
    stored = here.snapshot.access_keys[here.alice_key.access_key_id]
    sealed = here.vault.seal(b"y" * 40, label=stored.access_key_id)
    with here.store.transaction() as tx:
        tx.access_keys.update(replace(stored, sealed_secret=sealed))
    assert refused(here, here.alice_key) is Refusal.BAD_SIGNATURE
    here.caller(here.signed("sts", replace(here.alice_key, secret="y" * 40)))


@WARM
def test_a_token_whose_sealing_key_is_gone_is_refused(here: Installation, warm: bool) -> None:
    """A sealing key that leaked is removed, and with it everything that was ever sealed under it."""
    keys = here.session_of(here.web)
    warm_up(here, keys, warm=warm)
    here.keyring = open_keyring([new_sealing_key(here.vault, now=NOW)], here.vault)
    assert refused(here, keys) is Refusal.BAD_SESSION_TOKEN


def test_a_token_outlives_the_rotation_of_the_keyring(here: Installation) -> None:
    keys = here.session_of(here.web)
    warm_up(here, keys, warm=True)
    newer = new_sealing_key(here.vault, now=NOW + timedelta(minutes=1))
    here.keyring = open_keyring([*here.snapshot.sealing_keys.values(), newer], here.vault)
    here.caller(here.signed("sts", keys))
    here.caller(here.signed("sts", here.session_of(here.web)))


def test_every_altered_character_of_a_token_is_refused(here: Installation) -> None:
    keys = here.session_of(here.web)
    token = keys.token or ""
    for at, character in enumerate(token):
        other = "A" if character != "A" else "B"
        altered = replace(keys, token=f"{token[:at]}{other}{token[at + 1 :]}")
        assert refused(here, altered) is Refusal.BAD_SESSION_TOKEN, at


@pytest.mark.parametrize(
    "respell",
    [
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: token + "\n",
        lambda token: token[:7] + "!" + token[7:],
        lambda token: token.replace("-", "+").replace("_", "/"),
        lambda token: token[:-1],
        lambda token: token[:20],
        lambda token: "é" + token,
        lambda token: base64.b64encode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))).decode(),
    ],
)
def test_a_token_has_one_spelling(here: Installation, respell: object) -> None:
    for _ in range(50):  # until the token has what is respelled
        keys = here.session_of(here.web)
        altered = respell(keys.token)
        if altered != keys.token:
            break
    assert refused(here, replace(keys, token=altered)) is Refusal.BAD_SESSION_TOKEN


def test_only_a_verified_signature_is_remembered(here: Installation) -> None:
    cache = here.authenticator.verified_keys
    keys = here.session_of(here.web)
    here.examine(here.signed("sts", keys))
    here.examine(here.signed("sts", here.alice_key))
    refused(here, replace(keys, secret="x" * 40))
    refused(here, replace(here.alice_key, secret="x" * 40))
    assert len(cache) == 0
    here.caller(here.signed("sts", keys))
    here.caller(here.signed("sts", here.alice_key))
    assert len(cache) == 2
    # what is remembered proves nothing: the signature is verified again
    assert refused(here, replace(keys, secret="x" * 40)) is Refusal.BAD_SIGNATURE
    assert refused(here, replace(here.alice_key, secret="x" * 40)) is Refusal.BAD_SIGNATURE


class Ciphers(UserDict[int, AESGCM]):
    """Those of a keyring, which open nothing any more once they are closed."""

    are_closed = False

    def __getitem__(self, key_id: int) -> AESGCM:
        assert not self.are_closed
        return super().__getitem__(key_id)


def test_a_remembered_caller_costs_neither_vault_nor_keyring(here: Installation) -> None:
    ciphers = Ciphers(here.keyring.ciphers)
    here.keyring = replace(here.keyring, ciphers=ciphers)
    keys = here.session_of(here.web)
    here.caller(here.signed("sts", keys))
    here.caller(here.signed("sts", here.alice_key))

    class Closed:
        def seal(self, plaintext: bytes, *, label: str) -> bytes:
            raise AssertionError(label)

        def open(self, ciphertext: bytes, *, label: str) -> bytes:
            raise AssertionError(label)

    here.authenticator = Authenticator(Closed(), here.authenticator.verified_keys)
    ciphers.are_closed = True
    here.caller(here.signed("sts", keys))
    here.caller(here.signed("sts", here.alice_key))


def test_a_scope_of_its_own_has_a_key_of_its_own(here: Installation) -> None:
    here.caller(here.signed("sts", here.alice_key))
    here.caller(here.signed("iam", here.alice_key))
    here.now += timedelta(days=1)
    here.caller(here.signed("iam", here.alice_key))
    assert len(here.authenticator.verified_keys) == 3


def test_what_is_remembered_is_bounded_and_those_used_last_are_kept(here: Installation) -> None:
    here.authenticator = Authenticator(here.vault, VerifiedKeys(capacity=2))
    cache = here.authenticator.verified_keys
    first, second, third = (here.session_of(here.web) for _ in range(3))
    for keys in (first, second, first, third):
        here.caller(here.signed("sts", keys))
    assert len(cache) == 2
    assert repr(cache) == "VerifiedKeys(capacity=2, entries=2)"

    def known(keys: Keys) -> bool:
        return here.examine(here.signed("sts", keys)).known is cache.get(
            here.examine(here.signed("sts", keys)).claim
        )

    assert [known(keys) for keys in (first, second, third)] == [True, False, True]


def test_a_request_sees_one_snapshot_from_beginning_to_end(here: Installation) -> None:
    sent = here.signed("sts", here.session_of(here.web))
    examined = here.examine(sent)
    with here.store.transaction() as tx:
        tx.roles.delete(here.web.role_id)
    assert here.authenticator.authenticate(examined, sent.payload_hash).owner_id == here.web.role_id
    assert isinstance(examined.snapshot, Snapshot)
    assert isinstance(examined.known.keyring, Keyring)
    assert examined.region == "eu-central-1"
    assert examined.chunked_decoder() is None


def test_an_examined_request_shows_no_secret(here: Installation) -> None:
    keys = here.session_of(here.web)
    shown = repr(here.examine(here.signed("sts", keys)))
    assert shown.startswith("Examined(service='sts'")
    assert keys.secret not in shown
