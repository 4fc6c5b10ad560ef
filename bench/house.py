"""A small Tabard in this process: a real store with roles, its snapshot, and sessions of those roles."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from tabard.access.authenticate import Authenticator
from tabard.clock import SystemClock
from tabard.credentials.keyring import Keyring, open_keyring
from tabard.credentials.token import seal
from tabard.model.policies import InlinePolicy
from tabard.model.role import Role
from tabard.model.session import InstanceFacts, Session
from tabard.names import new_access_key_id, new_resource_id, new_secret_access_key, new_unique_id
from tabard.store.ports import Vault
from tabard.store.snapshot import Snapshot
from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tabard.wire.request import RawRequest
from tabard.wiring.bootstrap import bootstrap
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import master_key_for
from tabard.wiring.settings import Settings

REGION = "us-east-1"
ACCOUNT_ID = "111122223333"
BUCKET = "bench-bucket"
ENDPOINT = "http://127.0.0.1:4580"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def policy_document(number: int, *, statements: int = 10) -> str:
    """A role's policy: one statement allows the bench's objects, one denies, the others are about others."""
    allow = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        "Condition": {"Bool": {"aws:ViaAWSService": "false"}},
    }
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/secret/*"}
    others = [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::bucket-{number}-{other}", f"arn:aws:s3:::bucket-{number}-{other}/*"],
        }
        for other in range(statements - 2)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": [*others, allow, deny]})


@dataclass(frozen=True, slots=True)
class House:
    """One data directory; `roles` in the order in which they were made."""

    data_dir: DataDir
    store: SqlStore
    vault: Vault = field(repr=False)
    snapshot: Snapshot = field(repr=False)
    keyring: Keyring = field(repr=False)
    roles: Sequence[Role] = field(repr=False)

    def authenticator(self) -> Authenticator:
        """One that knows nobody yet."""
        return Authenticator(self.vault)

    def session_of(self, role: Role) -> Credentials:
        """An instance's session of a role, as the SDK on that instance holds it."""
        now = SystemClock().now().replace(microsecond=0)
        session = Session(
            access_key_id=new_access_key_id("ASIA", ACCOUNT_ID),
            account_id=ACCOUNT_ID,
            role_id=role.role_id,
            session_name=new_resource_id("i"),
            issued_at=now,
            expires_at=now + timedelta(hours=6),
            secret_access_key=new_secret_access_key(),
            instance=InstanceFacts(
                instance_id=new_resource_id("i"),
                host_id=new_resource_id("h"),
                role_delivery="2.0",
                vpc_id=new_resource_id("vpc"),
                private_ip_address="10.0.0.7",
            ),
        )
        token = seal(session, self.keyring)
        return Credentials(session.access_key_id, session.secret_access_key, token)


def open_house(folder: Path, *, roles: int) -> House:
    """A data directory as `tabard up` would make it, with so many roles."""
    settings = Settings(data_dir=folder, account_id=ACCOUNT_ID, region=REGION)
    data_dir = DataDir(folder)
    data_dir.prepare()
    vault = master_key_for(data_dir)
    store = open_sqlite_store(data_dir.database, vault=vault)
    now = SystemClock().now().replace(microsecond=0)
    bootstrap(store, data_dir, settings, now=now)
    made = [_role(number, now) for number in range(roles)]
    with store.transaction() as tx:
        for role in made:
            tx.roles.insert(role)
    snapshot = store.next_snapshot(None)
    keyring = open_keyring(snapshot.sealing_keys.values(), vault)
    return House(data_dir, store, vault, snapshot, keyring, made)


def _role(number: int, now: datetime) -> Role:
    return Role(
        role_id=new_unique_id("AROA"),
        name=f"role-{number}",
        path="/",
        partition="aws",
        account_id=ACCOUNT_ID,
        description="",
        trust_policy=TRUST,
        max_session_duration_seconds=3600,
        created_at=now,
        inline_policies=(InlinePolicy("bench", policy_document(number)),),
    )


def unsigned_get(number: int) -> AWSRequest:
    """A GetObject as boto3 is about to sign it."""
    return AWSRequest(
        method="GET",
        url=f"{ENDPOINT}/{BUCKET}/folder/object-{number:06d}",
        headers={
            "User-Agent": "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1 lang/python#3.11",
            "x-amz-checksum-mode": "ENABLED",
            "amz-sdk-invocation-id": f"7ef3f6c4-2b1e-4b58-a2b1-{number:012d}",
            "amz-sdk-request": "attempt=1",
        },
    )


def sign(request: AWSRequest, credentials: Credentials) -> AWSRequest:
    """Sign in place, by botocore's signature alone."""
    S3SigV4Auth(credentials, "s3", REGION).add_auth(request)
    return request


class Botocore:
    """Signs as a botocore client does before it sends."""

    def __init__(self, credentials: Credentials) -> None:
        self._session = botocore.session.get_session()
        emitter = self._session.get_component("event_emitter")
        self._signer = RequestSigner(ServiceId("S3"), REGION, "s3", "s3v4", credentials, emitter)

    def sign(self, request: AWSRequest) -> None:
        """In place."""
        self._signer.sign("GetObject", request)


def as_arrived(request: AWSRequest) -> RawRequest:
    """A signed request as the edge's HTTP door hands it on."""
    parts = urlsplit(request.url)
    headers = [("host", parts.netloc), ("accept-encoding", "identity")]
    headers += [(name.lower(), value) for name, value in request.headers.items()]
    return RawRequest(
        method=request.method,
        raw_path=parts.path,
        raw_query=parts.query,
        headers=tuple(headers),
        peer_ip="127.0.0.1",
        secure=False,
        request_id="4442587f-b7d0-a2f9-80ab-000000000000",
        received_at=SystemClock().now(),
    )


def on_the_wire(request: AWSRequest) -> bytes:
    """The same as bytes, for a kept connection."""
    raw = as_arrived(request)
    lines = [f"{raw.method} {raw.raw_path} HTTP/1.1", *(f"{name}: {value}" for name, value in raw.headers)]
    return "\r\n".join([*lines, "", ""]).encode()
