"""The network path of a request: the VPC and the address from which it came, as a listener reports.

A listener in an instance's network connects to the edge over a UNIX socket that other users cannot open. It
sends the network path first. The edge trusts it only there, never in an HTTP header.
"""

from ipaddress import IPv4Address

import msgspec

PREAMBLE_BYTES = 256

RELAY_PROTOCOL = "tabard-relay"
"""The protocol name (ALPN) with which an enrolled machine marks connections of its applications.

On such a connection its certificate identifies the network path of the requests, never their sender.
"""


class NetworkPath(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True):
    """The values of `aws:SourceVpc` and `aws:VpcSourceIp`."""

    vpc_id: str
    private_ip_address: str

    def __post_init__(self) -> None:
        IPv4Address(self.private_ip_address)
        if not self.vpc_id.startswith("vpc-"):
            raise ValueError("a VPC's id begins with vpc-")


def to_preamble(path: NetworkPath) -> bytes:
    """Encode the line that precedes the first request of a connection."""
    return msgspec.json.encode(path) + b"\n"


def from_preamble(line: bytes) -> NetworkPath:
    """Decode such a line. Raises ValueError for anything else."""
    return msgspec.json.decode(line, type=NetworkPath)
