"""Signatures of Tabard's own requests: those of agents to the edge, and probes.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from tabard.sigv4.authorization import ALGORITHM, Scope
from tabard.sigv4.canonical import filled_canonical_request, string_to_sign, values_by_name
from tabard.sigv4.dates import amz_date_text
from tabard.sigv4.layout import layout_of_names
from tabard.sigv4.verify import SigningKey, signing_key

_NEVER_SIGNED = frozenset({"authorization", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"})
"""Headers that a hop on the way may change; the SDKs do not sign them either."""

# This process signs only its own requests: it needs few keys a day, and few sets of headers.
_own_layout = lru_cache(maxsize=256)(layout_of_names)


@lru_cache(maxsize=64)
def _own_claim(
    access_key_id: str, secret_access_key: str, epoch_seconds: int, region: str, service: str
) -> tuple[str, SigningKey, str]:
    """Return the date, the key and the credential for all requests within one second."""
    amz_date = amz_date_text(datetime.fromtimestamp(epoch_seconds, UTC))
    key = _own_key(secret_access_key, amz_date[:8], region, service)
    return amz_date, key, f"{ALGORITHM} Credential={access_key_id}/{key.scope}"


@lru_cache(maxsize=16)
def _own_key(secret_access_key: str, date: str, region: str, service: str) -> SigningKey:
    return signing_key(secret_access_key, Scope(date, region, service))


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The keys that sign a request; `session_token` only for temporary credentials."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def sign_request(
    *,
    method: str,
    host: str,
    raw_path: str,
    raw_query: str,
    headers: Sequence[tuple[str, str]],
    payload_hash: str,
    credentials: Credentials,
    region: str,
    service: str,
    now: datetime,
    normalize_path: bool,
) -> list[tuple[str, str]]:
    """Make the headers that sign a request.

    Args:
        host: the value of the Host header.
        raw_path, raw_query: percent-encoded, as they will be on the wire, without the question mark.
        headers: those sent besides Host. All are signed, except those that a hop may change.
        payload_hash: SHA-256 of the body in hex, or the literal that `x-amz-content-sha256` may hold instead.
        normalize_path: False for S3, True for every other service.
    Returns:
        The additional headers: x-amz-date, x-amz-security-token for temporary credentials,
        x-amz-content-sha256 for S3, authorization. They replace those of the same name in `headers`.
    """
    amz_date, key, claim = _own_claim(
        credentials.access_key_id,
        credentials.secret_access_key,
        int(now.timestamp()),
        region,
        service,
    )
    added = [("x-amz-date", amz_date)]
    if credentials.session_token is not None:
        added.append(("x-amz-security-token", credentials.session_token))
    if service == "s3":
        added.append(("x-amz-content-sha256", payload_hash))
    signed = [("host", host), *added]
    if headers:
        replaced = _NEVER_SIGNED | {name for name, _ in signed}
        signed += [(name.lower(), value) for name, value in headers if name.lower() not in replaced]
    request = _Own(method, raw_path, raw_query, values_by_name(signed))
    layout = _own_layout(tuple(sorted(request.values)))
    canonical = filled_canonical_request(request, layout, payload_hash, normalize_path=normalize_path)
    signature = key.signature(string_to_sign(amz_date, key.scope, canonical))
    return [*added, ("authorization", f"{claim}, SignedHeaders={layout.text}, Signature={signature}")]


class _Own(NamedTuple):
    """A `Signable` of our own making."""

    method: str
    raw_path: str
    raw_query: str
    values: Mapping[str, str]
