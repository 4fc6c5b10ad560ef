"""The way a request came: from which VPC and from which address in it, as a listener vouches.

A listener in an instance's network connects to the edge over a UNIX socket that other users cannot open, and
says this before anything else. The edge believes it there and nowhere else: never in an HTTP header.
"""

from ipaddress import IPv4Address

import msgspec

PREAMBLE_BYTES = 256

RELAY_PROTOCOL = "tabard-relay"
"""What an enrolled machine calls, in the TLS handshake (ALPN), a connection of its applications'.

On such a connection its certificate says where the requests come from, and never who sends them.
"""


class NetworkPath(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True):
    """What becomes `aws:SourceVpc` and `aws:VpcSourceIp`."""

    vpc_id: str
    private_ip_address: str

    def __post_init__(self) -> None:
        IPv4Address(self.private_ip_address)
        if not self.vpc_id.startswith("vpc-"):
            raise ValueError("a VPC's id begins with vpc-")


def to_preamble(path: NetworkPath) -> bytes:
    """The line that comes before the first request of a connection."""
    return msgspec.json.encode(path) + b"\n"


def from_preamble(line: bytes) -> NetworkPath:
    """Raises ValueError for anything else."""
    return msgspec.json.decode(line, type=NetworkPath)
