"""A token says what was sealed, to holders of its key alone, in one spelling alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabard.credentials import token as sealing
from tabard.credentials.envelope import NotSealedHere, open_envelope, seal_envelope
from tabard.credentials.keyring import Keyring, new_sealing_key, open_keyring
from tabard.credentials.master_key import MasterKey
from tabard.credentials.sealed_message import MAX_TEXT_BYTES, MessageNotOurs, open_message, seal_message
from tabard.credentials.token import (
    MAX_TOKEN_CHARACTERS,
    PackedPolicyTooLarge,
    TokenNotOurs,
    open_token,
    seal,
)
from tabard.model.session import InstanceFacts, Session

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
VAULT = MasterKey.from_bytes(bytes(range(32)))


def keyring(*ages_days: int) -> Keyring:
    keys = [new_sealing_key(VAULT, now=NOW - timedelta(days=age)) for age in ages_days or (0,)]
    return open_keyring(keys, VAULT)


KEYRING = keyring()
SESSION = Session(
    access_key_id="ASIAIOSFODNN7EXAMPLE",
    account_id="123456789012",
    role_id="AROAIOSFODNN7EXAMPLE1",
    session_name="session",
    issued_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)

_text = st.text(max_size=60)
_moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis adds the zone
    lambda moment: moment.replace(microsecond=0)
)
_facts = st.builds(
    InstanceFacts,
    instance_id=_text,
    host_id=_text,
    role_delivery=st.sampled_from(["1.0", "2.0"]),
    vpc_id=_text,
    private_ip_address=_text,
)
_sessions = st.builds(
    Session,
    access_key_id=_text,
    account_id=_text,
    role_id=_text,
    session_name=_text,
    issued_at=_moments,
    expires_at=_moments,
    secret_access_key=_text,
    instance=st.none() | _facts,
    session_policies=st.lists(_text, max_size=3).map(tuple),
    tags=st.lists(st.tuples(_text, _text), max_size=3).map(tuple),
    source_identity=_text,
    session_policy_arns=st.lists(_text, max_size=3).map(tuple),
    transitive_tag_keys=st.lists(_text, max_size=3).map(tuple),
)


@given(_sessions)
def test_an_opened_token_gives_the_sealed_session(session: Session) -> None:
    token = seal(session, KEYRING)
    assert open_token(token, KEYRING) == session
    assert token.isascii()
    assert len(token) <= MAX_TOKEN_CHARACTERS


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255))
def test_an_envelope_opens_only_as_its_own_kind(content: bytes, version: int, other: int) -> None:
    text = seal_envelope(content, KEYRING, version=version)
    assert open_envelope(text, KEYRING, version=version) == content
    if other != version:
        with pytest.raises(NotSealedHere):
            open_envelope(text, KEYRING, version=other)


@settings(max_examples=200)
@given(st.text(max_size=100))
def test_only_our_own_texts_open(text: str) -> None:
    with pytest.raises(TokenNotOurs):
        open_token(text, KEYRING)
    with pytest.raises(MessageNotOurs):
        open_message(text, KEYRING)


def test_two_tokens_of_one_session_differ() -> None:
    assert seal(SESSION, KEYRING) != seal(SESSION, KEYRING)


def test_every_changed_bit_of_a_token_is_detected() -> None:
    token = seal(SESSION, KEYRING)
    for at in range(len(token)):
        for other in "AZaz09-_":
            altered = token[:at] + other + token[at + 1 :]
            if altered != token:
                with pytest.raises(TokenNotOurs):
                    open_token(altered, KEYRING)


@pytest.mark.parametrize("surplus", ["=", "==", "A", "\n", " ", "!"])
def test_a_longer_token_is_refused(surplus: str) -> None:
    token = seal(SESSION, KEYRING)
    for altered in (token + surplus, surplus + token, token[:9] + surplus + token[9:]):
        with pytest.raises(TokenNotOurs):
            open_token(altered, KEYRING)


def test_a_shorter_token_is_refused() -> None:
    token = seal(SESSION, KEYRING)
    for length in range(len(token)):
        with pytest.raises(TokenNotOurs):
            open_token(token[:length], KEYRING)


def test_a_token_of_another_keyring_does_not_open() -> None:
    with pytest.raises(TokenNotOurs):
        open_token(seal(SESSION, keyring()), KEYRING)


def test_a_key_of_the_same_id_in_another_keyring_does_not_open_a_token() -> None:
    other = keyring()
    posing = Keyring({KEYRING.newest_key_id: other.newest}, KEYRING.newest_key_id)
    with pytest.raises(TokenNotOurs):
        open_token(seal(SESSION, KEYRING), posing)


def test_the_newest_key_seals_and_every_key_opens() -> None:
    old, new = keyring(1), keyring(0)
    both = Keyring({**old.ciphers, **new.ciphers}, new.newest_key_id)
    assert open_token(seal(SESSION, old), both) == SESSION
    assert open_token(seal(SESSION, both), new) == SESSION
    with pytest.raises(TokenNotOurs):
        open_token(seal(SESSION, both), old)


def test_a_message_does_not_open_as_a_token_nor_a_token_as_a_message() -> None:
    with pytest.raises(TokenNotOurs):
        open_token(seal_message("hello", KEYRING), KEYRING)
    with pytest.raises(MessageNotOurs):
        open_message(seal(SESSION, KEYRING), KEYRING)


def test_a_sealed_token_with_other_content_is_refused() -> None:
    for content in (b"", b"\x00", msgspec.msgpack.encode(["too", "short"])):
        with pytest.raises(TokenNotOurs):
            open_token(seal_envelope(content, KEYRING, version=1), KEYRING)


def test_a_later_edge_may_add_claims_that_this_one_does_not_know() -> None:
    claims = ["ASIA", "secret", "1", "AROA", "name", 0, 1, None, [], [], "", [], [], "more"]
    session = open_token(seal_envelope(msgspec.msgpack.encode(claims), KEYRING, version=1), KEYRING)
    assert session.session_name == "name"


def test_a_token_is_bounded_and_the_refusal_says_by_how_much_it_is_too_large() -> None:
    policies = ("x" * (MAX_TOKEN_CHARACTERS // 2),)
    assert open_token(seal(_with(policies), KEYRING), KEYRING).session_policies == policies
    with pytest.raises(PackedPolicyTooLarge) as caught:
        seal(_with(("x" * MAX_TOKEN_CHARACTERS,)), KEYRING)
    assert (caught.value.error_code, caught.value.http_status) == ("PackedPolicyTooLarge", 400)
    assert caught.value.message.startswith("Packed size of session policies and tags consumes 137% of")
    with pytest.raises(TokenNotOurs):
        open_token("A" * (MAX_TOKEN_CHARACTERS + 1), KEYRING)


def test_an_opened_message_gives_its_text_cut_at_the_limit() -> None:
    assert open_message(seal_message("café", KEYRING), KEYRING) == "café"
    long = "x" * (MAX_TEXT_BYTES - 1) + "é" * 10
    assert open_message(seal_message(long, KEYRING), KEYRING) == "x" * (MAX_TEXT_BYTES - 1)


def _with(policies: tuple[str, ...]) -> Session:
    return replace(SESSION, session_policies=policies)


def test_the_repr_of_a_tokens_content_has_no_secret() -> None:
    claims = sealing._decode(open_envelope(seal(SESSION, KEYRING), KEYRING, version=sealing._VERSION))
    assert SESSION.access_key_id in repr(claims)
    assert SESSION.secret_access_key not in repr(claims)
