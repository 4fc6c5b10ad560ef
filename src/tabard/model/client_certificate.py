"""What a client's certificate says, once TLS has verified it against the installation's own authority."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """`key_fingerprint` is the SHA-256 (hex) of the public key whose private half the client has proven."""

    host_id: str
    key_fingerprint: str
    not_after: datetime
