"""An account's default network in each region. It is nominal: instances use the network of their host.

AWS: https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html
Differs: one Availability Zone and one subnet per region; their ids follow from account and region. They
neither route nor filter traffic.
"""

import hashlib
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Network

from tabard.model.instance import Instance

VPC_CIDR = IPv4Network("172.31.0.0/16")
SUBNET_CIDR = IPv4Network("172.31.0.0/20")

_RESERVED_AT_START = 4
_RESERVED_AT_END = 1
USABLE_ADDRESSES = SUBNET_CIDR.num_addresses - _RESERVED_AT_START - _RESERVED_AT_END
"""AWS: "The first four IP addresses and the last IP address in each subnet CIDR block are not available"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultVpc:
    """The ids of one region's default VPC, its subnet and its security group."""

    vpc_id: str
    subnet_id: str
    security_group_id: str
    security_group_name: str
    availability_zone: str
    availability_zone_id: str


def default_vpc(*, account_id: str, region: str) -> DefaultVpc:
    """Return the default VPC of an account in a region, always with the same ids."""

    def nominal_id(prefix: str) -> str:
        return f"{prefix}-{hashlib.sha256(f'{prefix}/{account_id}/{region}'.encode()).hexdigest()[:17]}"

    return DefaultVpc(
        vpc_id=nominal_id("vpc"),
        subnet_id=nominal_id("subnet"),
        security_group_id=nominal_id("sg"),
        security_group_name="default",
        availability_zone=f"{region}a",
        availability_zone_id=f"{_short_name(region)}-az1",
    )


def vpc_of(instance: Instance) -> DefaultVpc:
    """Return the default VPC of an instance."""
    return default_vpc(account_id=instance.owner_account_id, region=instance.region)


def _short_name(region: str) -> str:
    """Return the prefix of a region's zone ids: `use1` for us-east-1, `apse2` for ap-southeast-2, `usgw1` for
    us-gov-west-1."""
    parts = region.split("-")
    if len(parts) < 3:  # a region that only this installation has
        return region
    area, *directions, number = parts
    initials = (
        re.sub(r"(north|south|east|west|central|gov)", lambda m: m[0][0], each) for each in directions
    )
    return f"{area}{''.join(initials)}{number}"


def network_interface_id(instance_id: str) -> str:
    """Return the id of an instance's only network interface, which follows from the instance's id."""
    return f"eni-{hashlib.sha256(f'eni/{instance_id}'.encode()).hexdigest()[:17]}"


def mac_address(instance_id: str) -> str:
    """Return the locally administered MAC address of an instance: `0e:` and forty bits of its id's hash."""
    return "0e:" + hashlib.sha256(instance_id.encode()).digest()[:5].hex(":")


def private_ip_address(instance_id: str, taken: AbstractSet[str]) -> str | None:
    """Return a free address of the default subnet, or None if there is none.

    The first attempt follows from the instance's id, so that addresses are rarely reused soon.
    """
    start = int.from_bytes(hashlib.sha256(instance_id.encode()).digest()[5:9], "big")
    for step in range(USABLE_ADDRESSES):
        address = str(SUBNET_CIDR[_RESERVED_AT_START + (start + step) % USABLE_ADDRESSES])
        if address not in taken:
            return address
    return None
