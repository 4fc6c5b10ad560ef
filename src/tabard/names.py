"""ARNs and ids, in the forms AWS gives them."""

import base64
import re
import secrets
from dataclasses import dataclass
from typing import Literal, Protocol

ACCOUNT_ID = re.compile(r"[0-9]{12}")
INSTANCE_ID = re.compile(r"i-[0-9a-f]{17}")
ASSOCIATION_ID = re.compile(r"iip-assoc-[0-9a-f]{17}")
IMAGE_ID = re.compile(r"ami-[0-9a-f]{17}")
HOST_ID = re.compile(r"h-[0-9a-f]{17}")

UniqueIdPrefix = Literal["AIDA", "AROA", "AIPA", "ANPA", "AGPA"]
AccessKeyPrefix = Literal["AKIA", "ASIA"]
ResourceIdPrefix = Literal[
    "i", "r", "h", "ami", "eni", "vpc", "subnet", "sg", "iip-assoc", "instance-event", "jt", "key"
]

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True)
class Arn:
    """`arn:partition:service:region:account:resource`; the resource may hold further colons and slashes."""

    partition: str
    service: str
    region: str
    account_id: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account_id}:{self.resource}"

    @classmethod
    def parse(cls, text: str) -> "Arn | None":
        """Return the six parts of `text`, or None if it is not an ARN."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or not parts[1] or not parts[5]:
            return None
        return cls(parts[1], parts[2], parts[3], parts[4], parts[5])


class Place(Protocol):
    """The partition, region and account of a request, for ARNs. `Facts` and `Permit` both have them."""

    @property
    def partition(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def region(self) -> str: ...


def iam_arn(*, partition: str, account_id: str, kind: str, path: str, name: str) -> str:
    """Return an IAM entity's ARN: `kind` is `role`, `user`, `policy`, …; `path` begins and ends with `/`."""
    return f"arn:{partition}:iam::{account_id}:{kind}{path}{name}"


def new_unique_id(prefix: UniqueIdPrefix) -> str:
    """Return an IAM unique id such as `AROAIOSFODNN7EXAMPLEX`: the prefix and 17 characters.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    """
    return prefix + "".join(secrets.choice(_BASE32) for _ in range(17))


def new_access_key_id(prefix: AccessKeyPrefix, account_id: str) -> str:
    """Return an access key id of 20 characters that encodes its account where AWS's does.

    The 16 characters after the prefix are base32 of ten bytes; bits 1 to 40 of the first six bytes are the
    account id, the rest is random (80 bits in all, 39 of them random).
    """
    marker_and_account = (1 << 47) | (int(account_id) << 7) | secrets.randbits(7)
    raw = marker_and_account.to_bytes(6, "big") + secrets.token_bytes(4)
    return prefix + base64.b32encode(raw).decode("ascii")


def account_of_access_key_id(access_key_id: str) -> str:
    """Return the account id in an access key id of AWS's form. Raises ValueError if there is none."""
    raw = base64.b32decode(access_key_id[4:])
    if len(raw) != 10:
        raise ValueError("an access key id has 16 characters after its prefix")
    account_id = f"{(int.from_bytes(raw[:6], 'big') & 0x7FFF_FFFF_FF80) >> 7:012d}"
    if not ACCOUNT_ID.fullmatch(account_id):
        raise ValueError("an account id has twelve digits")
    return account_id


def new_secret_access_key() -> str:
    """Forty characters of base64: 240 random bits."""
    return base64.b64encode(secrets.token_bytes(30)).decode("ascii")


def new_resource_id(prefix: ResourceIdPrefix) -> str:
    """Return an EC2 resource id such as `i-0123456789abcdef0`: the prefix and 17 hex digits."""
    return f"{prefix}-{secrets.token_hex(9)[:17]}"
