"""The nominal network of an account: ids that follow from account, region and instance."""

import pytest

from tabard.services.ec2.network.default_vpc import default_vpc, network_interface_id


@pytest.mark.parametrize(
    ("region", "zone_id"),
    [
        ("us-east-1", "use1-az1"),
        ("eu-central-1", "euc1-az1"),
        ("ap-southeast-2", "apse2-az1"),
        ("ap-northeast-3", "apne3-az1"),
        ("us-gov-west-1", "usgw1-az1"),
        ("cn-north-1", "cnn1-az1"),
        ("local", "local-az1"),
    ],
)
def test_a_zones_id_is_written_as_awss(region: str, zone_id: str) -> None:
    assert default_vpc(account_id="123456789012", region=region).availability_zone_id == zone_id


def test_a_network_interface_is_always_the_same_of_one_instance() -> None:
    one, other = network_interface_id("i-0123456789abcdef0"), network_interface_id("i-0fedcba9876543210")
    assert one == network_interface_id("i-0123456789abcdef0") != other
    assert (one[:4], len(one)) == ("eni-", 21)
