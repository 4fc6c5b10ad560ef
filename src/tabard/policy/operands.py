"""Condition values as numbers, instants, addresses and bytes; None where a text is none.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import base64
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?")
_EPOCH_SECONDS = re.compile(r"-?[0-9]{5,18}(?:\.[0-9]{1,9})?|-?[0-9]{1,3}")
_YEAR = re.compile(r"[0-9]{4}")
_YEAR_AND_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# An address range: IP version, network address, mask.
AddressRange = tuple[int, int, int]


def parse_number(text: str) -> Decimal | None:
    """An integer or decimal value."""
    return Decimal(text) if len(text) <= 64 and _NUMBER.fullmatch(text) else None


def parse_instant(text: str) -> int | None:
    """Microseconds since 1970 of an ISO 8601 date (UTC where no zone is given) or of epoch seconds."""
    if _EPOCH_SECONDS.fullmatch(text):
        return int(Decimal(text) * 1_000_000)
    if _YEAR.fullmatch(text):
        text += "-01-01"
    elif _YEAR_AND_MONTH.fullmatch(text):
        text += "-01"
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def parse_address_range(text: str) -> AddressRange | None:
    """A CIDR range, or one address: "IAM uses the default prefix value of /32" (/128 for IPv6)."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return network.version, int(network.network_address), int(network.netmask)


@lru_cache(maxsize=4096)
def parse_address(text: str) -> tuple[int, int] | None:
    """An address as (IP version, number); one of IPv4 mapped into IPv6 is the one it stands for."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return 4, int(address.ipv4_mapped)
    return address.version, int(address)


def parse_base64(text: str) -> bytes | None:
    """The bytes that a base64 text stands for."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
