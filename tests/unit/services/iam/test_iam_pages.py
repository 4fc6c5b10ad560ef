"""Pages: every entry once, in order, while others come and go."""

from dataclasses import replace
from typing import NoReturn

import msgspec
import pytest

from tabard.errors import ValidationError
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.operation import Read
from tests.support.one_account import Account, operation_named


def _walk(entries: list[str], size: int) -> list[str]:
    walked: list[str] = []
    marker: str | None = None
    while True:
        shown, truncation = page(
            entries, lambda entry: entry, PagedRequest(marker=marker, max_items=size), listing="entries"
        )
        walked += shown
        if not truncation["IsTruncated"]:
            return walked
        marker = str(truncation["Marker"])
        assert len(marker) <= 320


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_walk_meets_every_entry_once_in_order(size: int) -> None:
    assert _walk(["c", "a", "e", "b", "d"], size) == ["a", "b", "c", "d", "e"]


def test_a_hundred_entries_are_a_page_where_nothing_is_said() -> None:
    shown, truncation = page(
        [f"{number:03}" for number in range(101)], lambda entry: entry, PagedRequest(), listing="entries"
    )
    assert len(shown) == 100
    assert truncation["IsTruncated"] is True


def test_a_page_goes_on_after_the_last_entry_even_when_that_is_gone() -> None:
    first, truncation = page(
        ["a", "b", "c"], lambda entry: entry, PagedRequest(max_items=2), listing="entries"
    )
    assert first == ["a", "b"]
    request = PagedRequest(marker=str(truncation["Marker"]), max_items=2)
    rest, truncation = page(["a", "aa", "c", "d"], lambda entry: entry, request, listing="entries")
    assert (rest, truncation) == (["c", "d"], {"IsTruncated": False})


def test_long_keys_that_begin_alike_are_each_met_once() -> None:
    keys = ["\N{CJK UNIFIED IDEOGRAPH-6F22}" * 120 + str(number) for number in range(5)]
    assert sorted(_walk(keys, 1)) == sorted(keys)


@pytest.mark.parametrize("marker", ["x", "%%%", "b3RoZXIAYQ==", "_____w==", "YWJj"])
def test_a_marker_of_another_list_is_refused(marker: str) -> None:
    with pytest.raises(ValidationError, match=r"Invalid Marker\."):
        page(["a"], lambda entry: entry, PagedRequest(marker=marker), listing="entries")


class LookedUp(dict[str, object]):
    """A mapping of a snapshot whose entries are looked up and never gone through."""

    def __iter__(self) -> NoReturn:
        raise AssertionError("a page went through every entry")

    keys = values = items = __iter__


@pytest.mark.parametrize(
    ("operation", "field", "wire_input"),
    [
        ("ListRoles", "roles", {}),
        ("ListRoles", "roles", {"PathPrefix": "/a/"}),
        ("ListUsers", "users", {"PathPrefix": "/a/"}),
        ("ListGroups", "groups", {"PathPrefix": "/a/"}),
        ("ListInstanceProfiles", "instance_profiles", {"PathPrefix": "/a/"}),
        ("ListPolicies", "managed_policies", {"Scope": "Local"}),
        ("ListPolicies", "managed_policies", {"OnlyAttached": True}),
    ],
)
def test_a_listing_goes_through_the_entries_of_its_page_alone(
    account: Account, operation: str, field: str, wire_input: dict[str, object]
) -> None:
    found = operation_named("iam", operation)
    assert isinstance(found, Read)
    request = msgspec.convert(wire_input, found.request)
    permit = account.permit(account.admin, *found.checks(request, account.facts(account.admin)))
    snapshot = account.snapshot
    guarded = replace(snapshot, **{field: LookedUp(getattr(snapshot, field))})
    assert found.perform(permit, request, guarded) == found.perform(permit, request, snapshot)
