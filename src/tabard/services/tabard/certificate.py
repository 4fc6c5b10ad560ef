"""The certificate of the key that signs instance identity documents."""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.credentials.identity_certificate import CERTIFICATE
from tabard.model.tabard_messages import GetIdentityCertificateRequest, GetIdentityCertificateResult
from tabard.names import Place
from tabard.services.hosts.answers import answer
from tabard.services.operation import Facts, Operation, Output, Read
from tabard.store.snapshot import Snapshot


def certificate_arn(place: Place) -> str:
    """Return `arn:aws:tabard:REGION:ACCOUNT:identity-certificate`."""
    return f"arn:{place.partition}:tabard:{place.region}:{place.account_id}:identity-certificate"


def get_identity_certificate_checks(_: GetIdentityCertificateRequest, facts: Facts) -> Sequence[Check]:
    """Require tabard:GetIdentityCertificate on the certificate."""
    return [Check(action="tabard:GetIdentityCertificate", resource=certificate_arn(facts))]


def get_identity_certificate(permit: Permit, _: GetIdentityCertificateRequest, snapshot: Snapshot) -> Output:
    """Return the certificate as PEM."""
    permit.require("tabard:GetIdentityCertificate", certificate_arn(permit))
    return answer(GetIdentityCertificateResult(certificate=snapshot.installation.get(CERTIFICATE, "")))


OPERATIONS: tuple[Operation, ...] = (
    Read(GetIdentityCertificateRequest, get_identity_certificate_checks, get_identity_certificate),
)
