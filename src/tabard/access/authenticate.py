"""Authentication of callers. It verifies the signature of every request.

Authentication has two steps, because it checks key, date, scope and session before it reads any body.
`examine` finds the key that a request claims and refuses invalid claims. `authenticate` verifies the
signature over the payload hash and makes the `Caller`.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from tabard.access.caller import Caller, caller_of_key, caller_of_session
from tabard.access.refusals import NotAuthenticated, Refusal, Service
from tabard.access.verified_keys import Claim, Known, VerifiedKeys
from tabard.credentials.keyring import Keyring
from tabard.credentials.token import TokenNotOurs, open_token
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.session import Session
from tabard.sigv4.authorization import Authorization, Scope
from tabard.sigv4.canonical import Signable
from tabard.sigv4.chunked import AwsChunkedDecoder, chunked_decoder
from tabard.sigv4.dates import amz_date_text, time_of_amz_date
from tabard.sigv4.errors import SignatureDoesNotMatch
from tabard.sigv4.mismatch import mismatch_details
from tabard.sigv4.verify import check_signed_headers, signature_matches, signing_key
from tabard.store.ports import Vault
from tabard.store.snapshot import Snapshot

CLOCK_WINDOW = timedelta(minutes=5)
"""AWS: "a request must reach AWS within five minutes of the time stamp in the request"."""

S3_CLOCK_WINDOW = timedelta(minutes=15)
"""S3: RequestTimeTooSkewed beyond 15 minutes, as its error table and SDKs have it."""


class Examined(msgspec.Struct, frozen=True):
    """A request whose key, date, scope and session are in order; its signature is not yet verified."""

    service: Service
    request: Signable
    authorization: Authorization
    signer: AccessKey | Session
    known: Known
    claim: Claim
    snapshot: Snapshot
    signed_at: datetime

    def __repr__(self) -> str:
        return f"Examined(service={self.service!r}, request={self.request!r})"

    @property
    def region(self) -> str:
        return self.authorization.scope.region

    def chunked_decoder(self) -> AwsChunkedDecoder | None:
        """Return the decoder of a chunked body, to be used once `authenticate` has verified the signature."""
        return chunked_decoder(self.request, self.authorization, self.known.key)


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticator of signed requests, with its dependencies other than the request and the snapshot."""

    vault: Vault = field(repr=False)
    verified_keys: VerifiedKeys = field(default_factory=VerifiedKeys)

    def examine(
        self,
        request: Signable,
        authorization: Authorization | None,
        *,
        service: Service,
        snapshot: Snapshot,
        keyring: Keyring,
        now: datetime,
    ) -> Examined:
        """Find the key a request claims, before its body is read.

        Args:
            authorization: the parsed Authorization of the request, if it has one.
            service: the service to which the request was sent. The scope must name it.
        Raises:
            NotAuthenticated: in the service's own code. IncompleteSignature (400), HeadersNotSigned (403).
        """
        if authorization is None:
            raise NotAuthenticated(service, Refusal.NO_AUTHENTICATION)
        scope = authorization.scope
        if scope.service != service:
            raise NotAuthenticated(service, Refusal.WRONG_SCOPE, detail=f"correct service: '{service}'")
        try:
            signed_at = check_signed_headers(request, authorization)
        except SignatureDoesNotMatch as unsigned:
            raise NotAuthenticated(service, Refusal.UNSIGNED_HEADERS, detail=unsigned.message) from None
        signed_time = _checked_time(signed_at, scope, service=service, now=now)
        session_token = request.values.get("x-amz-security-token")
        signer: AccessKey | Session
        claim: Claim
        if session_token is None:
            signer = _long_term_key(authorization.access_key_id, service=service, snapshot=snapshot)
            claim = (signer.access_key_id, signer.sealed_secret, scope.date, scope.region, service)
            known = self.verified_keys.get(claim) or self._of_access_key(signer, scope)
        else:
            claim = (authorization.access_key_id, session_token, scope.date, scope.region, service)
            found = self.verified_keys.get(claim)
            if found is None or found.session is None or found.keyring is not keyring:
                signer = _opened(session_token, authorization.access_key_id, service=service, keyring=keyring)
                known = Known(signing_key(signer.secret_access_key, scope), signer, keyring)
            else:
                signer, known = found.session, found
            _check_alive(signer, service=service, snapshot=snapshot, now=now)
        return Examined(service, request, authorization, signer, known, claim, snapshot, signed_time)

    def authenticate(self, examined: Examined, payload_hash: str) -> Caller:
        """Verify the signature over `payload_hash` (hex, or S3's literal) and return the caller.

        Raises:
            NotAuthenticated: the signature is wrong, or the owner of the key no longer exists.
        """
        service, snapshot, signer = examined.service, examined.snapshot, examined.signer
        if not signature_matches(
            examined.request,
            examined.authorization,
            examined.known.key,
            payload_hash,
            normalize_path=service != "s3",
        ):
            members = _mismatch_members(examined, payload_hash)
            raise NotAuthenticated(service, Refusal.BAD_SIGNATURE, members=members)
        self.verified_keys.remember(examined.claim, examined.known)
        if isinstance(signer, Session):
            return _session_caller(signer, examined.known, snapshot)
        caller = caller_of_key(signer, snapshot)
        if caller is None:
            raise NotAuthenticated(service, Refusal.UNKNOWN_KEY)
        return caller

    def _of_access_key(self, access_key: AccessKey, scope: Scope) -> Known:
        secret = self.vault.open(access_key.sealed_secret, label=access_key.access_key_id)
        return Known(signing_key(secret.decode(), scope))


def _session_caller(session: Session, known: Known, snapshot: Snapshot) -> Caller:
    """Return the caller of a session. Reuse the last one while the role and the instance are unchanged."""
    role = snapshot.roles[session.role_id]
    facts = session.instance
    instance = snapshot.instances.get(facts.instance_id) if facts is not None else None
    if known.caller is None or known.role is not role or known.instance is not instance:
        known.caller = caller_of_session(session, role, snapshot)
        known.role, known.instance = role, instance
    return known.caller


def _checked_time(signed_at: str, scope: Scope, *, service: Service, now: datetime) -> datetime:
    """Check the time of signing.

    AWS: the credential scope's date is the request's day, and the request is at most a few minutes old.
    """
    signed_time = time_of_amz_date(signed_at)
    if not signed_at.startswith(scope.date):
        detail = f"'{scope.date}' != '{signed_at[:8]}', from '{signed_at}'."
        raise NotAuthenticated(service, Refusal.WRONG_DATE, detail=detail)
    window = S3_CLOCK_WINDOW if service == "s3" else CLOCK_WINDOW
    if abs(now - signed_time) > window:
        relation, sign, edge = (
            ("earlier", "-", now - window) if signed_time < now else ("later", "+", now + window)
        )
        raise NotAuthenticated(
            service,
            Refusal.CLOCK_SKEW,
            detail=f"{signed_at} is now {relation} than {amz_date_text(edge)} "
            f"({amz_date_text(now)} {sign} {window.seconds // 60} min.)",
        )
    return signed_time


def _long_term_key(access_key_id: str, *, service: Service, snapshot: Snapshot) -> AccessKey:
    """Find a long-term key. A temporary key id (`ASIA…`) is never stored; without its token it is unknown."""
    access_key = snapshot.access_keys.get(access_key_id)
    if access_key is None or access_key.status is not AccessKeyStatus.ACTIVE:
        raise NotAuthenticated(service, Refusal.UNKNOWN_KEY)
    return access_key


def _opened(token: str, access_key_id: str, *, service: Service, keyring: Keyring) -> Session:
    try:
        session = open_token(token, keyring)
    except TokenNotOurs:
        raise NotAuthenticated(service, Refusal.BAD_SESSION_TOKEN) from None
    # INVARIANT: a token is valid only with its own access key.
    if session.access_key_id != access_key_id:
        raise NotAuthenticated(service, Refusal.BAD_SESSION_TOKEN)
    return session


def _check_alive(session: Session, *, service: Service, snapshot: Snapshot, now: datetime) -> None:
    """Check expiry, revocation and that the role exists. This runs on every request."""
    if session.expires_at <= now:
        raise NotAuthenticated(service, Refusal.EXPIRED_SESSION)
    if session.role_id not in snapshot.roles or session.account_id != snapshot.account_id:
        raise NotAuthenticated(service, Refusal.BAD_SESSION_TOKEN)
    if not snapshot.revocations:
        return
    marks = [
        snapshot.revoked_at("session", session.access_key_id),
        snapshot.revoked_at("role", session.role_id),
    ]
    if session.instance is not None:
        marks.append(snapshot.revoked_at("instance", session.instance.instance_id))
        marks.append(snapshot.revoked_at("host", session.instance.host_id))
    for not_before in marks:
        if not_before is not None and session.issued_at <= not_before:
            raise NotAuthenticated(service, Refusal.EXPIRED_SESSION)


def _mismatch_members(examined: Examined, payload_hash: str) -> Mapping[str, str]:
    """Return what S3 computed for the signature, so that a developer can compare. It has no secret."""
    if examined.service != "s3":
        return {}
    try:
        details = mismatch_details(
            examined.request, examined.authorization, payload_hash, normalize_path=False
        )
    except SignatureDoesNotMatch:
        return {}  # a header in SignedHeaders is missing, so there is nothing to compare
    return details.members()
