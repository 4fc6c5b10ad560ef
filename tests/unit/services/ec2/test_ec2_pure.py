"""The pure parts: default VPC, pages, filters, states, tags."""

import base64

import msgspec
import pytest

from tabard.errors import AwsError
from tabard.model.instance import InstanceState
from tabard.model.tag import Tag
from tabard.services.ec2.filters import Filter, keep
from tabard.services.ec2.instances.lifecycle import next_state
from tabard.services.ec2.network.default_vpc import SUBNET_CIDR, default_vpc, mac_address, private_ip_address
from tabard.services.ec2.operations import OPERATIONS
from tabard.services.ec2.pages import page
from tabard.services.operation import Forward, Operation
from tabard.wire.service_model import service_model

WORDS = ["web", "web-1", "db", "a*b", "a?b", "a\\b", "", "line\nbreak"]


def test_the_default_vpc_is_always_the_same_and_another_in_each_region_and_account() -> None:
    first = default_vpc(account_id="123456789012", region="us-east-1")
    assert first == default_vpc(account_id="123456789012", region="us-east-1")
    assert first.availability_zone == "us-east-1a"
    for other in (
        default_vpc(account_id="123456789012", region="eu-west-1"),
        default_vpc(account_id="210987654321", region="us-east-1"),
    ):
        assert {first.vpc_id, first.subnet_id, first.security_group_id}.isdisjoint(
            {other.vpc_id, other.subnet_id, other.security_group_id}
        )


def test_a_mac_address_is_locally_administered_and_follows_from_the_instance() -> None:
    address = mac_address("i-0123456789abcdef0")
    assert address.startswith("0e:")
    assert len(address) == 17
    assert address == mac_address("i-0123456789abcdef0") != mac_address("i-0123456789abcdef1")


def test_an_address_of_the_subnet_is_given_while_there_is_one() -> None:
    usable = {str(address) for address in list(SUBNET_CIDR)[4:-1]}
    assert private_ip_address("i-0123456789abcdef0", set()) in usable
    assert private_ip_address("i-0123456789abcdef0", usable - {"172.31.0.4"}) == "172.31.0.4"
    assert private_ip_address("i-0123456789abcdef0", usable - {"172.31.15.254"}) == "172.31.15.254"
    assert private_ip_address("i-0123456789abcdef0", usable) is None


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("web", ["web"]),
        ("WEB", []),
        ("web*", ["web", "web-1"]),
        ("*", WORDS),
        ("?b", ["db"]),
        ("a?b", ["a*b", "a?b", "a\\b"]),
        ("a\\?b", ["a?b"]),
        ("a\\*b", ["a*b"]),
        ("a\\\\b", ["a\\b"]),
        ("a\\", []),
        ("*b*1", ["web-1"]),
        ("line*break", ["line\nbreak"]),
        ("", [""]),
    ],
)
def test_a_filter_value_matches_literally_but_for_its_wildcards(value: str, kept: list[str]) -> None:
    found = keep(WORDS, [Filter(name="word", values=(value,))], {"word": lambda word: (word,)})
    assert sorted(found) == sorted(kept)


def test_filters_are_all_needed_and_of_their_values_one() -> None:
    filters = [
        Filter(name="tag:team", values=("a", "b")),
        Filter(name="tag-key", values=("env",)),
        Filter(name="tag-value", values=("prod",)),
    ]
    things = {
        "both": (Tag("team", "b"), Tag("env", "prod")),
        "team alone": (Tag("team", "a"),),
        "other team": (Tag("team", "c"), Tag("env", "prod")),
        "other case": (Tag("Team", "a"), Tag("env", "prod")),
    }
    assert keep(things, filters, {}, tags=lambda name: things[name]) == ["both"]


@pytest.mark.parametrize(
    ("filters", "code", "sentence"),
    [
        (
            [Filter(name="nonsense", values=("x",))],
            "InvalidParameterValue",
            "The filter 'nonsense' is invalid",
        ),
        ([Filter(name="tag:x", values=("x",))], "InvalidParameterValue", "The filter 'tag:x' is invalid"),
        ([Filter(name="word")], "InvalidParameterValue", "The filter 'word' needs at least one value."),
        ([Filter(name="word", values=("x" * 256,))], "InvalidParameterValue", "maximum length for a filter"),
        ([Filter(name="word", values=("x",) * 201)], "FilterLimitExceeded", "is 200"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(filters: list[Filter], code: str, sentence: str) -> None:
    with pytest.raises(AwsError, match=sentence) as raised:
        keep(WORDS, filters, {"word": lambda word: (word,)})
    assert raised.value.error_code == code


def test_pages_go_on_after_the_last_key_seen_whatever_comes_and_goes() -> None:
    numbers = [f"{number:03d}" for number in range(20)]
    first, token = page(numbers, key=lambda n: (n,), max_results=8, next_token=None)
    assert first == numbers[:8]
    changed = ["0065", *numbers[:6], *numbers[8:]]
    second, token = page(changed, key=lambda n: (n,), max_results=8, next_token=token)
    assert second == numbers[8:16]
    third, token = page(changed, key=lambda n: (n,), max_results=8, next_token=token)
    assert third == numbers[16:]
    assert token is None


@pytest.mark.parametrize(
    ("max_results", "token", "code"),
    [
        (4, None, "InvalidParameterValue"),
        (1001, None, "InvalidParameterValue"),
        (None, "nonsense!", "InvalidNextToken"),
        (None, base64.b64encode(b"[1]").decode(), "InvalidNextToken"),
        (None, base64.b64encode(b"{").decode(), "InvalidNextToken"),
        (None, "é", "InvalidNextToken"),
    ],
)
def test_a_page_that_cannot_be_is_refused(max_results: int | None, token: str | None, code: str) -> None:
    with pytest.raises(AwsError) as raised:
        page(["a"], key=lambda n: (n,), max_results=max_results, next_token=token)
    assert raised.value.error_code == code


@pytest.mark.parametrize(
    ("current", "reported", "after"),
    [
        ("pending", "running", "running"),
        ("pending", "stopped", "stopped"),
        ("running", "pending", "running"),
        ("running", "stopping", "stopping"),
        ("stopped", "running", "stopped"),
        ("running", "terminated", "terminated"),
        ("stopped", "terminated", "terminated"),
        ("shutting-down", "running", "shutting-down"),
        ("shutting-down", "stopped", "shutting-down"),
        ("shutting-down", "terminated", "terminated"),
        ("terminated", "running", "terminated"),
        ("terminated", "shutting-down", "terminated"),
    ],
)
def test_an_instance_only_ever_moves_on(current: str, reported: str, after: str) -> None:
    assert next_state(InstanceState(current), InstanceState(reported)) is InstanceState(after)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_request_has_exactly_the_members_of_awss_shape(operation: Operation) -> None:
    """A member that AWS knows and Tabard does not would be dropped in silence."""
    assert not isinstance(operation, Forward)
    shape = service_model("ec2").operation_model(operation.name).input_shape
    fields = msgspec.structs.fields(operation.request)
    assert {field.encode_name for field in fields} == set(shape.members)
    assert {field.encode_name for field in fields if field.required} <= set(shape.required_members)
