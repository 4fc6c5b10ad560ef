"""The keyring changes its key every day and never forgets one that a living session needs."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.credentials.keyring import (
    LONGEST_SESSION,
    LONGEST_STALENESS,
    ROTATE_AFTER,
    forgettable,
    new_sealing_key,
    open_keyring,
    rotation_is_due,
)
from tabard.credentials.keyrings import OpenedKeyrings
from tabard.credentials.master_key import MasterKey
from tabard.model.sealing_key import SealingKey
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_loader import Delta, apply_delta, load

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
VAULT = MasterKey.from_bytes(bytes(range(32)))
HOUR = timedelta(hours=1)


def key(age: timedelta, key_id: int = 0) -> SealingKey:
    return SealingKey(key_id=key_id, sealed_material=b"", created_at=NOW - age)


def snapshot(*keys: SealingKey) -> Snapshot:
    return load(Delta(1, "123456789012", {"sealing_keys": {key.key_id: key for key in keys}}))


def test_an_empty_keyring_is_no_keyring() -> None:
    with pytest.raises(ValueError, match="the keyring is empty"):
        open_keyring([], VAULT)


def test_the_newest_key_seals_and_of_two_made_at_once_the_same_on_every_edge() -> None:
    made = [new_sealing_key(VAULT, now=NOW - age * HOUR) for age in (3, 0, 0, 5)]
    newest = max(made, key=lambda one: (one.created_at, one.key_id)).key_id
    for keys in (made, made[::-1]):
        opened = open_keyring(keys, VAULT)
        assert opened.newest_key_id == newest
        assert set(opened.ciphers) == {one.key_id for one in made}
        assert opened.newest is opened.ciphers[newest]


def test_a_keyring_does_not_open_under_another_master_key() -> None:
    with pytest.raises(ValueError, match="does not open under this master key"):
        open_keyring([new_sealing_key(VAULT, now=NOW)], MasterKey.from_bytes(bytes(32)))


def test_a_sealed_key_does_not_open_in_the_place_of_another() -> None:
    one, other = (new_sealing_key(VAULT, now=NOW) for _ in "12")
    posing = SealingKey(key_id=other.key_id, sealed_material=one.sealed_material, created_at=NOW)
    with pytest.raises(ValueError, match="does not open"):
        open_keyring([posing], VAULT)


def test_the_key_is_changed_every_day() -> None:
    assert rotation_is_due([], now=NOW)
    assert not rotation_is_due([key(ROTATE_AFTER - HOUR), key(10 * ROTATE_AFTER)], now=NOW)
    assert rotation_is_due([key(ROTATE_AFTER), key(10 * ROTATE_AFTER)], now=NOW)
    assert not rotation_is_due([key(-HOUR)], now=NOW)  # made by an edge whose clock is ahead


def test_a_key_is_forgotten_once_its_successor_is_old_enough() -> None:
    old, new = key(timedelta(days=9), 1), key(timedelta(days=1), 2)
    assert forgettable([new, old], now=NOW) == (old,)
    assert forgettable([new, old], now=NOW - timedelta(seconds=1)) == ()
    assert forgettable([old], now=NOW) == ()
    assert forgettable([], now=NOW) == ()


def test_of_two_keys_made_at_once_the_one_that_seals_is_kept() -> None:
    lower, higher = key(timedelta(days=9), 1), key(timedelta(days=9), 2)
    for keys in ([lower, higher], [higher, lower]):
        assert forgettable(keys, now=NOW) == (lower,)


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=8, unique=True),
    st.integers(0, 11),
    st.integers(1, 12),
    st.integers(0, 300),
)
def test_no_key_is_forgotten_that_a_living_session_needs(
    born_hours: list[int], stale_hours: int, lifetime_hours: int, looked_at_hour: int
) -> None:
    """Whatever gaps lie between keys, however late an edge learns of the next, however long sessions live."""
    assert stale_hours * HOUR <= LONGEST_STALENESS
    assert lifetime_hours * HOUR <= LONGEST_SESSION
    keys = [key(-born * HOUR, born) for born in sorted(born_hours)]
    now = NOW + looked_at_hour * HOUR
    there = [one for one in keys if one.created_at <= now]
    for one, successor in pairwise(there):
        last_sealed_at = successor.created_at + stale_hours * HOUR
        if last_sealed_at + lifetime_hours * HOUR > now:
            assert one not in forgettable(there, now=now)
    assert there[-1:] == [one for one in there[-1:] if one not in forgettable(there, now=now)]


def test_the_keyring_of_a_snapshot_is_opened_once_and_again_when_its_keys_change() -> None:
    keyrings = OpenedKeyrings(VAULT)
    first = snapshot(new_sealing_key(VAULT, now=NOW))
    opened = keyrings.of(first)
    assert keyrings.of(first) is opened
    assert keyrings.of(apply_delta(first, Delta(2, "123456789012"))) is opened
    another = new_sealing_key(VAULT, now=NOW + HOUR)
    rotated = apply_delta(first, Delta(3, "123456789012", {"sealing_keys": {another.key_id: another}}))
    assert keyrings.of(rotated).newest_key_id == another.key_id
    assert keyrings.of(rotated) is not opened


def test_an_unreadable_keyring_does_not_replace_a_readable_one() -> None:
    keyrings = OpenedKeyrings(VAULT)
    good = snapshot(new_sealing_key(VAULT, now=NOW))
    foreign = snapshot(new_sealing_key(MasterKey.from_bytes(bytes(32)), now=NOW))
    opened = keyrings.of(good)
    with pytest.raises(ValueError, match="does not open"):
        keyrings.of(foreign)
    assert keyrings.of(good) is opened
    with pytest.raises(ValueError, match="does not open"):
        keyrings.of(foreign)
