"""One installation in memory under a real master key; botocore signs what it is asked.

here.caller(here.signed("iam", here.alice_key))            the user alice
here.caller(here.signed("s3", here.session_of(here.web)))  a session of the role web
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tabard.access.authenticate import Authenticator, Examined
from tabard.access.authorize import RequestFacts
from tabard.access.caller import Caller
from tabard.access.refusals import Service
from tabard.credentials.keyring import Keyring, new_sealing_key, open_keyring
from tabard.credentials.master_key import MasterKey
from tabard.credentials.token import seal
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.host import Host
from tabard.model.policies import InlinePolicy
from tabard.model.revocation import Revocation, RevocationSubject
from tabard.model.role import Role
from tabard.model.session import InstanceFacts, Session
from tabard.model.tag import Tag
from tabard.model.user import User
from tabard.names import new_access_key_id, new_unique_id
from tabard.sigv4.authorization import Authorization, parse_authorization
from tabard.sigv4.canonical import SignedRequest
from tabard.store.snapshot import Snapshot
from tests.support.memory_store import MemoryStore

ACCOUNT_ID = "123456789012"
REGION = "eu-central-1"
NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST_ID = "h-0123456789abcdef0"
INSTANCE_ID = "i-0123456789abcdef0"
SERVICES: tuple[Service, ...] = ("iam", "sts", "ec2", "s3", "dynamodb", "sqs", "hosts", "tabard")
TRUSTS_EC2 = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
    '"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a client signs with."""

    access_key_id: str
    secret: str = field(default=SECRET, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as it arrives, and the payload hash that its body has."""

    service: Service
    request: SignedRequest
    payload_hash: str

    def with_header(self, name: str, value: str | None) -> "Sent":
        """The same request with one header altered or taken away."""
        headers = [(known, text) for known, text in self.request.headers if known != name]
        if value is not None:
            headers.append((name, value))
        return replace(self, request=replace(self.request, headers=headers))

    @property
    def authorization(self) -> Authorization:
        return parse_authorization(self.request.values.get("authorization"))


class Installation:
    """The user alice, the root, a host and the role `web`; `now` may be moved."""

    def __init__(self) -> None:
        self.now = NOW
        self.vault = MasterKey.from_bytes(bytes(range(32)))
        self.store = MemoryStore(self.vault)
        self.authenticator = Authenticator(self.vault)
        self.alice = User(
            user_id=new_unique_id("AIDA"),
            name="alice",
            path="/staff/",
            partition="aws",
            account_id=ACCOUNT_ID,
            created_at=NOW,
            tags=(Tag("Team", "blue"),),
        )
        self.web = self.role("web", tags=(Tag("Team", "green"), Tag("Stage", "test")))
        with self.store.transaction() as tx:
            tx.installation.put("account_id", ACCOUNT_ID)
            tx.users.insert(self.alice)
            tx.roles.insert(self.web)
            tx.hosts.insert(
                Host(
                    host_id=HOST_ID,
                    name="here",
                    partition="aws",
                    region=REGION,
                    account_id=ACCOUNT_ID,
                    registered_at=NOW,
                    last_seen_at=NOW,
                    ephemeral=False,
                    registered_by="",
                )
            )
            tx.sealing_keys.insert(new_sealing_key(self.vault, now=NOW))
        self.keyring: Keyring = open_keyring(self.snapshot.sealing_keys.values(), self.vault)
        self.alice_key = self.add_key(self.alice.user_id)
        self.root_key = self.add_key(ACCOUNT_ID)
        self.host_key = self.add_key(HOST_ID)

    @property
    def snapshot(self) -> Snapshot:
        return self.store.snapshot()

    def role(self, name: str, *policies: str, tags: tuple[Tag, ...] = (), trust: str = TRUSTS_EC2) -> Role:
        """A role, not stored yet."""
        return Role(
            role_id=new_unique_id("AROA"),
            name=name,
            path="/",
            partition="aws",
            account_id=ACCOUNT_ID,
            description="",
            trust_policy=trust,
            max_session_duration_seconds=3600,
            created_at=NOW,
            inline_policies=tuple(InlinePolicy(f"p{n}", text) for n, text in enumerate(policies, 1)),
            tags=tags,
        )

    def allow(self, *policies: str) -> None:
        """Give the role `web` these inline policies and no others."""
        inline = tuple(InlinePolicy(f"p{n}", text) for n, text in enumerate(policies, 1))
        self.web = replace(self.web, inline_policies=inline)
        with self.store.transaction() as tx:
            tx.roles.update(self.web)

    def add_key(self, owner_id: str, *, status: AccessKeyStatus = AccessKeyStatus.ACTIVE) -> Keys:
        """A long-term key of an owner."""
        access_key_id = new_access_key_id("AKIA", ACCOUNT_ID)
        with self.store.transaction() as tx:
            tx.access_keys.insert(
                AccessKey(
                    access_key_id=access_key_id,
                    account_id=ACCOUNT_ID,
                    owner_id=owner_id,
                    sealed_secret=self.vault.seal(SECRET.encode(), label=access_key_id),
                    status=status,
                    created_at=NOW,
                )
            )
        return Keys(access_key_id=access_key_id)

    def session(self, role: Role, **more: object) -> Session:
        """A session of a role, issued now for an hour."""
        session = Session(
            access_key_id=new_access_key_id("ASIA", ACCOUNT_ID),
            account_id=ACCOUNT_ID,
            role_id=role.role_id,
            session_name="session",
            issued_at=self.now,
            expires_at=self.now + timedelta(hours=1),
            secret_access_key=SECRET,
        )
        return replace(session, **more)

    def sealed(self, session: Session, *, keyring: Keyring | None = None) -> Keys:
        """What a client holds of a session."""
        return Keys(access_key_id=session.access_key_id, token=seal(session, keyring or self.keyring))

    def session_of(self, role: Role, **more: object) -> Keys:
        return self.sealed(self.session(role, **more))

    def revoke(self, subject: RevocationSubject, subject_id: str, at: datetime) -> None:
        """End the sessions of a subject that were issued until `at`."""
        mark = Revocation(
            subject=subject, subject_id=subject_id, not_before=at, forget_after=at + timedelta(days=1)
        )
        with self.store.transaction() as tx:
            tx.revocations.record(mark)

    def signed(
        self, service: Service, keys: Keys, *, at: datetime | None = None, scope: str = "", path: str = "/"
    ) -> Sent:
        """A request as botocore signs it; `scope`: another service in its scope."""
        body = b"" if service == "s3" else b"Action=ListThings"
        request = AWSRequest("GET" if service == "s3" else "POST", f"http://127.0.0.1:4580{path}", data=body)
        credentials = Credentials(keys.access_key_id, keys.secret, keys.token)
        signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, scope or service, REGION)
        request.context["timestamp"] = (at or self.now).strftime("%Y%m%dT%H%M%SZ")
        signer._modify_request_before_signing(request)
        canonical = signer.canonical_request(request)
        signature = signer.signature(signer.string_to_sign(request, canonical), request)
        signer._inject_signature_to_request(request, signature)
        headers = [
            ("host", "127.0.0.1:4580"),
            *((name.lower(), text) for name, text in request.headers.items()),
        ]
        return Sent(
            service=service,
            request=SignedRequest(request.method, path, "", headers),
            payload_hash=sha256(body).hexdigest(),
        )

    def examine(self, sent: Sent) -> Examined:
        """The first step alone."""
        return self.authenticator.examine(
            sent.request,
            sent.authorization if "authorization" in sent.request.values else None,
            service=sent.service,
            snapshot=self.snapshot,
            keyring=self.keyring,
            now=self.now,
        )

    def caller(self, sent: Sent) -> Caller:
        """Both steps."""
        return self.authenticator.authenticate(self.examine(sent), sent.payload_hash)

    def facts(self, service: Service = "s3", **more: object) -> RequestFacts:
        facts = RequestFacts(
            service=service,
            region=REGION,
            source_ip="127.0.0.1",
            secure=False,
            user_agent="tests",
            referer="",
            request_id="11111111-2222-4333-8444-555555555555",
            now=self.now,
        )
        return msgspec.structs.replace(facts, **more)


def instance_facts(**more: str) -> InstanceFacts:
    """What a session says of its instance."""
    facts = InstanceFacts(
        instance_id=INSTANCE_ID,
        host_id=HOST_ID,
        role_delivery="2.0",
        vpc_id="vpc-0123456789abcdef0",
        private_ip_address="10.0.0.4",
    )
    return replace(facts, **more)
