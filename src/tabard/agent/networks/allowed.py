"""Addresses besides the edge that an operator allows to instances: TCP, by IP address, never by name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

MOST_ALLOWED = 32

# EC2's own services for its instances. If the host is itself on EC2, its metadata is there.
_EC2_LINK_LOCAL = IPv6Network("fd00:ec2::/32")


@dataclass(frozen=True, slots=True)
class AllowedAddress:
    """One address and port, as `10.0.0.7:5432` or `[2001:db8::7]:5432`."""

    address: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        shown = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{shown}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "AllowedAddress":
        """Parse an address. Raises ValueError with a sentence for the operator.

        INVARIANT: no link-local address is ever allowed. The machine's own metadata service may be there; its
        credentials belong to the machine, not to its instances.
        """
        try:
            parts = urlsplit(f"//{text}")
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or not port or text != parts.netloc or "@" in text:
            raise ValueError(f"{text!r} is not written as ADDRESS:PORT, such as 10.0.0.7:5432 or [::1]:5432")
        try:
            address = ip_address(host)
        except ValueError:
            raise ValueError(
                f"{host} is not an IP address; instances have no name server, so names cannot be allowed"
            ) from None
        _guard(address)
        return cls(address, port)


def _guard(address: IPv4Address | IPv6Address) -> None:
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.scope_id):
        raise ValueError(f"{address} is another form of an address; write the plain one")
    if address.is_link_local or address in _EC2_LINK_LOCAL:
        raise ValueError(
            f"{address} is link-local, where machines have metadata of their own; it is never allowed"
        )
    if address.is_unspecified or address.is_multicast or address == IPv4Address("255.255.255.255"):
        raise ValueError(f"{address} is not the address of one machine")


def parse_allowed(texts: Iterable[str]) -> tuple[AllowedAddress, ...]:
    """Parse addresses in their order, without duplicates. Raises ValueError."""
    allowed = tuple(dict.fromkeys(AllowedAddress.parse(text) for text in texts))
    if len(allowed) > MOST_ALLOWED:
        raise ValueError(f"{len(allowed)} addresses are too many; the limit is {MOST_ALLOWED}")
    return allowed


def parse_allowed_text(text: str) -> tuple[AllowedAddress, ...]:
    """Return the same of one text, in which commas or white space separate them. Raises ValueError."""
    return parse_allowed(one for one in re.split(r"[,\s]+", text) if one)


def counted_by_family(allowed: Iterable[AllowedAddress]) -> tuple[int, int]:
    """Count the addresses of IPv4 and of IPv6."""
    versions = [one.address.version for one in allowed]
    return versions.count(4), versions.count(6)
