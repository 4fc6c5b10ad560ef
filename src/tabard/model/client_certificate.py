"""The content of a client's certificate that TLS has verified against the installation's own authority."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """`key_fingerprint` is the SHA-256 (hex) of the public key. The client has proved its private key."""

    host_id: str
    key_fingerprint: str
    not_after: datetime
