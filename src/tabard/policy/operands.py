"""Parsers of condition values: numbers, times, addresses and bytes. They return None for invalid text.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import base64
import re
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_EPOCH_SECONDS = re.compile(r"[0-9]{1,3}|[0-9]{5,19}(?:\.[0-9]{1,9})?")
_LAST_EPOCH_SECOND = 2**63 - 1
_DATE = re.compile(
    r"(-?[0-9]{1,9})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?"
    r"(?:[Tt](?:([0-9]{1,2})(?::([0-9]{1,2})(?::([0-9]{1,2})(?:[.,]([0-9]{1,9}))?)?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?"
)
_DAYS_BEFORE_MONTH = (306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275)  # in years that begin in March
_MARCH_TO_EPOCH_DAYS = 719_468
_PREFIX_ALONE = re.compile(r"[^/]+(?:/[0-9]{1,3})?")  # a mask of its own is no CIDR
_MAPPED, _MAPPED_BITS, _IPV4 = 0xFFFF, 96, 2**32 - 1  # ::ffff:0:0/96

# An address range: IP version, network address, mask.
AddressRange = tuple[int, int, int]


def parse_number(text: str) -> Decimal | None:
    """Return an integer or decimal value."""
    return Decimal(text) if len(text) <= 64 and _NUMBER.fullmatch(text) else None


def parse_instant(text: str) -> int | None:
    """Nanoseconds since 1970 of an ISO 8601 date (UTC where no zone is given) or of epoch seconds.

    Years are of any number of digits, before or after the first, as IAM takes them.
    """
    if _EPOCH_SECONDS.fullmatch(text):
        seconds = Decimal(text)
        return int(seconds * 1_000_000_000) if seconds <= _LAST_EPOCH_SECOND else None
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (
        int(written) if written else default
        for written, default in zip(found.groups()[:6], (0, 1, 1, 0, 0, 0), strict=True)
    )
    in_range = 1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 59
    offset_minutes = _zone_minutes(found[8] or "Z")
    if not in_range or offset_minutes is None:
        return None
    minutes = (_epoch_days(year, month, day) * 24 + hour) * 60 + minute - offset_minutes
    return (minutes * 60 + second) * 1_000_000_000 + int((found[7] or "").ljust(9, "0"))


def _epoch_days(year: int, month: int, day: int) -> int:
    """Days since 1970 in the Gregorian calendar, counted in years that begin in March."""
    if month <= 2:
        year -= 1
    leap_days = year // 4 - year // 100 + year // 400
    return year * 365 + leap_days + _DAYS_BEFORE_MONTH[month - 1] + day - 1 - _MARCH_TO_EPOCH_DAYS


def _zone_minutes(zone: str) -> int | None:
    if zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)


def parse_address_range(text: str) -> AddressRange | None:
    """Return a CIDR range, or one address: "IAM uses the default prefix value of /32" (/128 for IPv6).

    An IPv4-mapped IPv6 range or address counts as the IPv4 range or address.
    """
    if not _PREFIX_ALONE.fullmatch(text):
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    first, mask = int(network.network_address), int(network.netmask)
    if network.version == 6 and network.prefixlen >= _MAPPED_BITS and first >> 32 == _MAPPED:
        return 4, first & _IPV4, mask & _IPV4
    return network.version, first, mask


@lru_cache(maxsize=4096)
def parse_address(text: str) -> tuple[int, int] | None:
    """Parse an address to (IP version, number). An IPv4-mapped IPv6 address counts as IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return 4, int(address.ipv4_mapped)
    return address.version, int(address)


def parse_base64(text: str) -> bytes | None:
    """Return the bytes that a base64 text stands for."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
