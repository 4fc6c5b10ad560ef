"""Strict parser of the Authorization header of Signature Version 4.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from tabard.errors import RequestTooLarge
from tabard.sigv4.errors import IncompleteSignature, MissingAuthenticationToken
from tabard.sigv4.layout import HeaderLayout, layout_of_text
from tabard.sigv4.verified_memory import VerifiedMemory

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
AUTHORIZATION_LIMIT_BYTES = 8192

_ACCESS_KEY_ID = r"[!-+\--.0-~]{1,128}"  # printable, and none of the separators `,` and `/`
_REGION = r"[A-Za-z0-9-]{1,64}"
_SERVICE = r"[a-z0-9-]{1,64}"
_USUAL = re.compile(
    rf"AWS4-HMAC-SHA256 Credential=({_ACCESS_KEY_ID})/([0-9]{{8}})/({_REGION})/({_SERVICE})/aws4_request, ?"
    r"SignedHeaders=([!-+\--<>-~]+), ?Signature=([0-9a-f]{64})"
)
_CREDENTIAL = re.compile(rf"({_ACCESS_KEY_ID})/([0-9]{{8}})/({_REGION})/({_SERVICE})/aws4_request")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_PARTS = ("Credential", "Signature", "SignedHeaders")


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope of a signing key: one day (`YYYYMMDD`), one region, one service."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


class Authorization(NamedTuple):
    """The claim of a request: its signer, the scope, the signed headers and the signature.

    Nothing in it is verified. `layout` is the parsed list of signed headers; `signature` is 64 hex digits.
    Presigned URLs give the same value. `claim` is the text before the signature: the key of a verified claim
    in the cache.
    """

    access_key_id: str
    scope: Scope
    layout: HeaderLayout
    signature: str
    claim: str = ""

    @property
    def signed_headers(self) -> tuple[str, ...]:
        """The names in lower case, sorted and unique."""
        return self.layout.names


CLAIMS = VerifiedMemory[str, tuple[str, Scope, HeaderLayout]](capacity=4096)
"""Parsed Authorization values by their text before the signature."""


def remember_claim(authorization: Authorization) -> None:
    """Cache the parsed text before the signature, for the next request of the same client.

    INVARIANT: called only after a signature was verified, so that a stranger can neither fill nor flush the
    cache. It saves the parsing, not a check: the next request's signature is verified like every other.
    """
    claim = authorization.claim
    if claim and claim not in CLAIMS:
        CLAIMS.remember(claim, (authorization.access_key_id, authorization.scope, authorization.layout))


def parse_authorization(value: str | None) -> Authorization:
    """Parse the value of an Authorization header.

    Each part occurs once, in any order, separated by a comma with or without a space. At most 8,192 bytes.

    Raises:
        MissingAuthenticationToken (403): there is no Authorization.
        IncompleteSignature (400): it is not a complete AWS4-HMAC-SHA256 authorization; the message says why.
        RequestTooLarge (413)
    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
    """
    if not value:
        raise MissingAuthenticationToken
    if len(value) > AUTHORIZATION_LIMIT_BYTES:
        raise RequestTooLarge(part="Authorization header", limit_bytes=AUTHORIZATION_LIMIT_BYTES)
    claim, signature = value[:-64], value[-64:]
    known = CLAIMS.get(claim)
    if known is not None and _SIGNATURE.fullmatch(signature) is not None:
        access_key_id, scope, layout = known
        return Authorization(access_key_id, scope, layout, signature, claim)
    usual = _USUAL.fullmatch(value)
    if usual is not None:
        access_key_id, date, region, service, signed_headers, signature = usual.groups()
    else:
        parts = _parts(value)
        access_key_id, date, region, service = _credential(parts["Credential"])
        claim, signed_headers, signature = "", parts["SignedHeaders"], parts["Signature"]
        if _SIGNATURE.fullmatch(signature) is None:
            raise IncompleteSignature(reason="Signature must be 64 lower-case hex digits.")
    layout = layout_of_text(signed_headers)
    return Authorization(access_key_id, Scope(date, region, service), layout, signature, claim)


def _parts(value: str) -> dict[str, str]:
    algorithm, _, rest = value.partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignature(reason=f"Unsupported AWS 'algorithm': only {ALGORITHM} is accepted.")
    parts: dict[str, str] = {}
    for text in rest.split(",") if rest else ():
        name, equals, part = text.strip(" ").partition("=")
        if not equals:
            raise IncompleteSignature(
                reason="Invalid key=value pair (missing equal-sign) in Authorization header."
            )
        if name not in _PARTS:
            raise IncompleteSignature(
                reason="Authorization header has a parameter other than 'Credential', 'SignedHeaders' and "
                "'Signature'."
            )
        if name in parts:
            raise IncompleteSignature(reason=f"Authorization header has more than one '{name}' parameter.")
        parts[name] = part
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARTS if not parts.get(name)]
    if missing:
        raise IncompleteSignature(reason=" ".join(missing))
    return parts


def _credential(text: str) -> tuple[str, str, str, str]:
    if text.count("/") != 4:
        raise IncompleteSignature(
            reason="Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term."
        )
    if not text.endswith(f"/{TERMINATOR}"):
        raise IncompleteSignature(
            reason=f"Credential should be scoped with a valid terminator: '{TERMINATOR}'."
        )
    matched = _CREDENTIAL.fullmatch(text)
    if matched is None:
        raise IncompleteSignature(
            reason="Credential should be scoped to an access key id, a date in the form YYYYMMDD, a region "
            "and a service."
        )
    access_key_id, date, region, service = matched.groups()
    return access_key_id, date, region, service
