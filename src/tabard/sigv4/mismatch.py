"""Details of a signature mismatch, which S3 returns to the caller.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tabard.sigv4.authorization import Authorization
from tabard.sigv4.canonical import Signable, filled_canonical_request, string_to_sign
from tabard.sigv4.dates import signing_date


@dataclass(frozen=True, slots=True, kw_only=True)
class MismatchDetails:
    """Tabard's string to sign and canonical request for a wrong signature, to compare with the caller's.

    It contains the caller's own headers, including the session token: only for the answer, never for a log.
    """

    access_key_id: str
    signature_provided: str
    canonical_request: bytes = field(repr=False)
    string_to_sign: bytes = field(repr=False)

    def members(self) -> Mapping[str, str]:
        """Return the extra members of S3's SignatureDoesNotMatch answer."""
        return {
            "AWSAccessKeyId": self.access_key_id,
            "StringToSign": self.string_to_sign.decode(),
            "SignatureProvided": self.signature_provided,
            "StringToSignBytes": self.string_to_sign.hex(" "),
            "CanonicalRequest": self.canonical_request.decode(errors="replace"),
            "CanonicalRequestBytes": self.canonical_request.hex(" "),
        }


def mismatch_details(
    request: Signable, authorization: Authorization, payload_hash: str, *, normalize_path: bool
) -> MismatchDetails:
    """Calculate the inputs of the correct signature. This needs no key and reveals none.

    Raises:
        SignatureDoesNotMatch (403): the request lacks a header that it lists as signed.
        MalformedRequest (400), IncompleteSignature (400): the request cannot be put in canonical form.
    """
    canonical = filled_canonical_request(
        request, authorization.layout, payload_hash, normalize_path=normalize_path
    )
    return MismatchDetails(
        access_key_id=authorization.access_key_id,
        signature_provided=authorization.signature,
        canonical_request=canonical,
        string_to_sign=string_to_sign(signing_date(request.values), authorization.scope, canonical),
    )
