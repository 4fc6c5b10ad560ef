"""Bounds on members of the `hosts` service, stated beside their types. The edge checks them like AWS."""

from typing import Annotated, TypeAlias

import msgspec


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A shape of botocore's: its name, and the limits of its values.

    least, most: of a number, or of the length of a text, of bytes or of a list. is_long: 64 bits.
    is_secret: never shown. msgspec itself ignores all of them.
    """

    name: str
    pattern: str = ""
    least: int | None = None
    most: int | None = None
    is_long: bool = False
    is_secret: bool = False

    def traits(self) -> dict[str, object]:
        """Return the traits as in botocore's models."""
        stated = {
            "pattern": self.pattern or None,
            "min": self.least,
            "max": self.most,
            "sensitive": self.is_secret or None,
        }
        return {name: value for name, value in stated.items() if value is not None}


HostId: TypeAlias = Annotated[str, Bound(name="HostId", pattern="h-[0-9a-f]{17}")]
InstanceId: TypeAlias = Annotated[str, Bound(name="InstanceId", pattern="i-[0-9a-f]{17}")]
JoinTokenId: TypeAlias = Annotated[str, Bound(name="JoinTokenId", pattern="jt-[0-9a-f]{17}")]
JoinTokenSecret: TypeAlias = Annotated[str, Bound(name="JoinTokenSecret", least=1, most=128, is_secret=True)]
Secret: TypeAlias = Annotated[str, Bound(name="Secret", is_secret=True)]
UserData: TypeAlias = Annotated[bytes, Bound(name="UserData", is_secret=True)]
ConsoleOutput: TypeAlias = Annotated[bytes, Bound(name="ConsoleOutput", most=65536, is_secret=True)]
AssociationId: TypeAlias = Annotated[str, Bound(name="AssociationId", most=64)]
CertificateRequest: TypeAlias = Annotated[str, Bound(name="CertificateRequest", least=1, most=4096)]
FaultCode: TypeAlias = Annotated[str, Bound(name="FaultCode", most=64)]
HopLimit: TypeAlias = Annotated[int, Bound(name="HopLimit", least=1, most=64)]
HostName: TypeAlias = Annotated[str, Bound(name="HostName", least=1, most=255)]
InstanceProfileName: TypeAlias = Annotated[str, Bound(name="InstanceProfileName", least=1, most=128)]
LifetimeSeconds: TypeAlias = Annotated[int, Bound(name="LifetimeSeconds", least=60, most=604800)]
ReasonCode: TypeAlias = Annotated[str, Bound(name="ReasonCode", most=128)]
ReasonMessage: TypeAlias = Annotated[str, Bound(name="ReasonMessage", most=1024)]
Version: TypeAlias = Annotated[int, Bound(name="Version", is_long=True)]
WaitSeconds: TypeAlias = Annotated[int, Bound(name="WaitSeconds", least=0, most=60)]
