"""Authenticate the caller of a request, by the strategy of its service.

- Signed body: the signature covers a body that the edge reads whole. Nearly every service.
- Declared payload (S3): the signature covers the hash that a header declares, so the edge verifies it before
  any of the body arrives, and an object can stream.
- Machine (`hosts`): a certificate or a join token over TLS stands in for the signature.

INVARIANT: a body can take minutes to arrive. So the edge verifies a request again by the newest snapshot once
the body has arrived, and refuses a caller revoked meanwhile. Only an object's content is stored by the
decision made when its upload began.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from tabard.access.authenticate import Authenticator, Examined
from tabard.access.authorize import RequestFacts
from tabard.access.caller import Caller
from tabard.access.refusals import NotAuthenticated, Refusal
from tabard.clock import Clock
from tabard.edge.body import Body
from tabard.edge.machines import MACHINE_REQUEST_BYTES, authenticate_machine
from tabard.edge.object_body import ObjectBody
from tabard.edge.perform import Keyrings, RefreshingSource
from tabard.edge.s3_payload import declared_payload_hash, has_no_content, object_body, whole_body
from tabard.edge.stages import Authenticated, Claimed
from tabard.edge.tables import SERVICES, Proof
from tabard.services.s3.operations import STREAMED_BODY
from tabard.services.s3.region import check_region
from tabard.store.snapshot import Snapshot
from tabard.wire.regions import regions_of

QUERY_LIMIT_BYTES = 1024 * 1024
JSON_LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """The stage that authenticates the caller. `home_region` is the region of all buckets."""

    snapshots: RefreshingSource = field(repr=False)
    keyrings: Keyrings = field(repr=False)
    authenticator: Authenticator = field(repr=False)
    clock: Clock
    home_region: str

    async def authenticate(self, claimed: Claimed, body: Body) -> Authenticated:
        """Authenticate the caller, reading as much of the body as the signature covers.

        Raises:
            NotAuthenticated, in the service's own code. RequestTooLarge. S3's errors about declared payloads.
        """
        match proof_of(claimed):
            case Proof.DECLARED_PAYLOAD:
                return await self._by_declared_payload(claimed, body)
            case Proof.MACHINE:
                return await self._by_machine(claimed, await body.read(MACHINE_REQUEST_BYTES))
            case Proof.SIGNED_BODY:
                self._check_region(await self._examine(claimed))
                is_json = claimed.identified.protocol == "json"
                content = await body.read(JSON_LIMIT_BYTES if is_json else QUERY_LIMIT_BYTES)
                return await self._by_signed_body(claimed, content)

    async def again(self, authenticated: Authenticated) -> Authenticated:
        """Authenticate by the newest snapshot, after a change of something that the decision used."""
        claimed, content = authenticated.claimed, authenticated.content
        proof = proof_of(claimed)
        if isinstance(content, ObjectBody) or proof is Proof.DECLARED_PAYLOAD:
            examined = await self._examine(claimed)
            caller = self.authenticator.authenticate(examined, declared_payload_hash(claimed.raw))
            return self._signed(claimed, examined, caller, content)
        if proof is Proof.MACHINE:
            return await self._by_machine(claimed, content)
        return await self._by_signed_body(claimed, content)

    async def _examine(self, claimed: Claimed) -> Examined:
        """Check key, date, scope and session by the newest snapshot, before any body is read."""
        snapshot = await self.snapshots.newest()
        return self.authenticator.examine(
            claimed.raw,
            claimed.claim,
            service=claimed.identified.service,
            snapshot=snapshot,
            keyring=self.keyrings.of(snapshot),
            now=self.clock.now(),
        )

    def _check_region(self, examined: Examined) -> None:
        """Refuse a signature for a region that the partition does not have.

        AWS: "If the credential scope does not specify the same Region as the request, the signature
        verification step fails with the following error message: Credential should be scoped to a valid
        Region". https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
        Differs: one endpoint serves every region, so a signature may name any region of the partition.
        """
        if examined.region != self.home_region and examined.region not in regions_of(
            examined.snapshot.partition
        ):
            detail = f"a valid region, not '{examined.region}'"
            raise NotAuthenticated(examined.service, Refusal.WRONG_SCOPE, detail=detail)

    async def _by_signed_body(self, claimed: Claimed, content: bytes) -> Authenticated:
        examined = await self._examine(claimed)
        self._check_region(examined)
        caller = self.authenticator.authenticate(examined, _payload_hash(claimed, content))
        return self._signed(claimed, examined, caller, content)

    async def _by_declared_payload(self, claimed: Claimed, body: Body) -> Authenticated:
        raw = claimed.raw
        examined = await self._examine(claimed)
        declared = declared_payload_hash(raw)
        caller = self.authenticator.authenticate(examined, declared)
        check_region(examined.region, home=self.home_region)
        content: bytes | ObjectBody
        if claimed.identified.operation in STREAMED_BODY:
            content = object_body(raw, examined, body)
        elif has_no_content(raw, body):
            content = b""
        else:
            content = await whole_body(object_body(raw, examined, body))
            examined = await self._examine(claimed)
            caller = self.authenticator.authenticate(examined, declared)
        return self._signed(claimed, examined, caller, content)

    async def _by_machine(self, claimed: Claimed, content: bytes) -> Authenticated:
        snapshot = await self.snapshots.newest()
        caller, region = authenticate_machine(
            claimed.raw, claimed.identified, content, snapshot=snapshot, now=self.clock.now()
        )
        return self._authenticated(
            claimed, caller, content, region=region, signed_at=claimed.raw.received_at, snapshot=snapshot
        )

    def _signed(
        self, claimed: Claimed, examined: Examined, caller: Caller, content: bytes | ObjectBody
    ) -> Authenticated:
        return self._authenticated(
            claimed,
            caller,
            content,
            region=examined.region,
            signed_at=examined.signed_at,
            snapshot=examined.snapshot,
        )

    def _authenticated(
        self,
        claimed: Claimed,
        caller: Caller,
        content: bytes | ObjectBody,
        *,
        region: str,
        signed_at: datetime,
        snapshot: Snapshot,
    ) -> Authenticated:
        raw = claimed.raw
        facts = RequestFacts(
            service=claimed.identified.service,
            region=region,
            source_ip=raw.peer_ip,
            network_path=raw.network_path,
            secure=raw.secure,
            user_agent=raw.header("user-agent") or "",
            referer=raw.header("referer") or "",
            request_id=raw.request_id,
            now=self.clock.now(),
        )
        return Authenticated(
            claimed=claimed,
            caller=caller,
            facts=facts,
            signed_at=signed_at,
            snapshot=snapshot,
            content=content,
        )


def proof_of(claimed: Claimed) -> Proof:
    """Return the kind of proof that a request must give. A signature is enough for a signed request."""
    proof = SERVICES[claimed.identified.service].proof
    return Proof.SIGNED_BODY if proof is Proof.MACHINE and claimed.claim is not None else proof


def _payload_hash(claimed: Claimed, content: bytes) -> str:
    """Return the SHA-256 of the received body. Raises NotAuthenticated if a header declares another hash."""
    actual = hashlib.sha256(content).hexdigest()
    declared = claimed.raw.header("x-amz-content-sha256")
    if declared is not None and declared != actual:
        raise NotAuthenticated(claimed.identified.service, Refusal.BODY_MISMATCH)
    return actual
