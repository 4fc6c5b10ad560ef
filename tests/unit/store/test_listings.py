"""Listings: a page touches its own entries alone, and a change sorts nothing."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tabard.model.role import Role
from tabard.store.listings import CHUNK, Key, Listing, by_name, path_of
from tests.support.aggregates import managed_policy, role, user
from tests.support.memory_store import MemoryStore

ACCOUNT_ID = "111122223333"
PATHS = ("/", "/a/", "/a/b/", "/ab/", "/z/")


class Work:
    """Counts the comparisons of keys and the entries that are given out."""

    def __init__(self) -> None:
        self.comparisons = 0
        self.entries = 0

    def key_of(self, entry: Role) -> Key:
        return (CountedText.of(entry.name.lower(), self),)

    def taken(self, entries: Iterator[Role], count: int) -> list[Role]:
        shown = [entry for entry, _ in zip(entries, range(count), strict=False)]
        self.entries += len(shown)
        return shown


class CountedText(str):
    __slots__ = ("work",)

    work: Work

    @classmethod
    def of(cls, text: str, work: Work) -> "CountedText":
        made = cls(text)
        made.work = work
        return made

    def __lt__(self, other: str) -> bool:
        self.work.comparisons += 1
        return str.__lt__(self, other)

    def __eq__(self, other: object) -> bool:
        self.work.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def roles(count: int) -> dict[str, Role]:
    made = [replace(role(n, name=f"Role-{n:06d}"), path=PATHS[n % len(PATHS)]) for n in range(count)]
    return {each.role_id: each for each in made}


def listed(stored: dict[str, Role], work: Work) -> Listing[Role]:
    listing = Listing(work.key_of, path_of).changed({}, stored)
    work.comparisons = 0
    return listing


@pytest.mark.parametrize("prefix", ["/", "/a/"])
def test_a_page_costs_the_same_beside_ten_and_a_hundred_thousand_roles(prefix: str) -> None:
    """The place where it begins is found in as many more comparisons as the number has more digits."""
    costs = {}
    for count in (100, 100_000):
        work = Work()
        listing = listed(roles(count), work)
        begin = (f"role-{count // 2:06d}",)
        shown = work.taken(listing.under(prefix, key=begin), 10)
        assert len(shown) == 10
        costs[count] = work.comparisons
    assert costs[100_000] <= costs[100] + 2 * 2 * 12


def test_a_change_compares_a_few_keys_and_sorts_nothing() -> None:
    work = Work()
    stored = roles(10_000)
    listing = listed(stored, work)
    first = next(iter(stored.values()))
    moved = replace(first, name="Role-005000x")
    after = listing.changed(stored, {first.role_id: moved})
    assert work.comparisons < 200
    assert moved in list(after.after(("role-005000",)))[:1]
    assert first in list(listing.after())
    assert first not in list(after.after())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [0, 3 * CHUNK, 8 * CHUNK])
def test_a_listing_is_what_sorting_everything_would_give(seed: int, count: int) -> None:
    """Few entries are sorted again; of many, the chunks that change. The new ones crowd into one chunk."""
    dice = random.Random(seed)
    stored = {each.role_id: replace(each, name=f"name-{n}") for n, each in enumerate(roles(count).values())}
    listing = Listing(by_name, path_of).changed({}, stored)
    for step in range(60):
        changed: dict[str, Role | None] = {}
        taken = {each.name for each in stored.values()}
        for n in dice.sample(range(count + 40), dice.randint(0, 6 if step < 50 else count // CHUNK)):
            key = role(n).role_id
            name = (
                f"name-{dice.randint(0, 9)}{dice.randint(0, 9999)}" if dice.random() < 0.5 else f"name-5{n}x"
            )
            if dice.random() < 0.3 or name in taken:
                changed[key] = None
            else:
                taken.add(name)
                changed[key] = replace(role(n, name=name), path=dice.choice(PATHS))
        listing = listing.changed(stored, changed)
        stored = {key: each for key, each in {**stored, **changed}.items() if each is not None}
        assert listing == Listing(by_name, path_of).changed({}, stored)
        for prefix in ("/", "/a", "/a/", "/a/b/", "/none/"):
            begin = (f"name-{dice.randint(0, 99)}",)
            expected = sorted(
                (each for each in stored.values() if each.path.startswith(prefix) and by_name(each) > begin),
                key=by_name,
            )
            assert list(listing.under(prefix, key=begin)) == expected


def test_policies_in_use_are_listed_while_they_are() -> None:
    """Attached to a user, group or role, or bounding one; whichever is written first."""
    store = MemoryStore(account_id=ACCOUNT_ID)
    first, second = managed_policy(1), managed_policy(2)
    snapshot = store.snapshot()
    steps = []
    with store.transaction() as tx:
        tx.managed_policies.insert(first)
        tx.managed_policies.insert(second)
    steps.append(snapshot := store.next_snapshot(snapshot))
    with store.transaction() as tx:
        tx.roles.insert(role(attached=(second.arn,)))
        tx.users.insert(user(boundary=first.arn, attached=(second.arn,)))
    steps.append(snapshot := store.next_snapshot(snapshot))
    with store.transaction() as tx:
        tx.roles.update(role())
        tx.users.update(user(attached=(second.arn,)))
    steps.append(snapshot := store.next_snapshot(snapshot))
    with store.transaction() as tx:
        tx.users.delete(user().user_id)
    steps.append(snapshot := store.next_snapshot(snapshot))
    in_use = [list(each.indexes.listings.policies_in_use.after()) for each in steps]
    assert in_use == [[], [first, second], [second], []]
    assert snapshot == store.snapshot()


def test_many_new_entries_in_one_place_cut_a_chunk_and_many_removals_leave_none_empty() -> None:
    stored = roles(4 * CHUNK)
    listing = Listing(by_name, path_of).changed({}, stored)
    crowd = {f"new-{n}": replace(role(1), name=f"role-000500-{n:04d}") for n in range(3 * CHUNK)}
    for key, each in crowd.items():
        listing = listing.changed({}, {key: each})
    assert listing == Listing(by_name, path_of).changed({}, {**stored, **crowd})
    for key in crowd:
        listing = listing.changed(crowd, {key: None})
    assert listing == Listing(by_name, path_of).changed({}, stored)
