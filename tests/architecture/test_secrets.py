"""No secret is in any repr, text or log line, of values as they are and of values yet to be written."""

import dataclasses
import json
import logging
import re
import traceback
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import structlog

from tabard.access.authenticate import Authenticator
from tabard.access.check import Check
from tabard.access.mint import Mint
from tabard.credentials.keyring import new_sealing_key, open_keyring
from tabard.credentials.keyrings import OpenedKeyrings
from tabard.credentials.master_key import MasterKey
from tabard.credentials.token import seal
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.messages import GetInstanceSessionResult, RegisterHostResult
from tabard.model.session import InstanceFacts, MintedSession, Session
from tabard.sigv4.authorization import parse_authorization
from tabard.sigv4.canonical import SignedRequest
from tabard.sigv4.sign import Credentials, sign_request
from tests.support.memory_store import MemoryStore
from tests.support.one_account import Account
from tests.support.package_contents import subclasses_of

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
MASTER = b"sixteen-bytes-of" * 2

# A field of one of these names holds a secret, whatever class it is in.
_SECRET_NAME = re.compile(
    r"secret|session_token(?!_size)|password|sealed_|cipher|private_key|^material|master_key"
)
_NO_SECRET = frozenset({"DataDir.master_key", "Bound.is_secret"})  # its path; whether a member holds one
MARK = "MARKED-AS-SECRET"


def _value_types() -> list[type]:
    found = [one for one in subclasses_of(object) if dataclasses.is_dataclass(one)]
    return [*found, *subclasses_of(msgspec.Struct)]


def _fields(kind: type) -> tuple[str, ...]:
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    return tuple(field.name for field in dataclasses.fields(kind))


def _filled(kind: type) -> object:
    """A value of this type whose secret fields hold a mark; nothing of its own runs."""
    values = {name: MARK if _SECRET_NAME.search(name) else "plain" for name in _fields(kind)}
    if issubclass(kind, msgspec.Struct):
        return kind(**values)
    value = object.__new__(kind)
    for name, text in values.items():
        object.__setattr__(value, name, text)
    return value


HOLDERS = [
    kind
    for kind in _value_types()
    if any(
        _SECRET_NAME.search(name) and f"{kind.__name__}.{name}" not in _NO_SECRET for name in _fields(kind)
    )
]


def test_the_known_holders_of_secrets_are_among_those_looked_at() -> None:
    names = {kind.__name__ for kind in HOLDERS}
    assert {
        "Session", "MintedSession", "AccessKey", "SealingKey", "MasterKey", "Keyring", "Credentials",
        "GetInstanceSessionResult", "RegisterHostResult", "ServedCredentials", "EdgeConfig", "AgentConfig",
    } <= names  # fmt: skip


@pytest.mark.parametrize("kind", HOLDERS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_field_that_is_named_as_a_secret_is_in_no_repr(kind: type) -> None:
    value = _filled(kind)
    for text in (repr(value), str(value), f"{value}", f"{value!r}", repr([value]), repr({"x": value})):
        assert MARK not in text


class Values:
    """Real values that hold secrets, and the texts that must not be told."""

    def __init__(self) -> None:
        vault = MasterKey.from_bytes(MASTER)
        sealing_key = new_sealing_key(vault, now=NOW)
        keyring = open_keyring([sealing_key], vault)
        facts = InstanceFacts(
            instance_id="i-0123456789abcdef0",
            host_id="h-0123456789abcdef0",
            role_delivery="2.0",
            vpc_id="",
            private_ip_address="",
        )
        session = Session(
            access_key_id="ASIAIOSFODNN7EXAMPLE",
            account_id="123456789012",
            role_id="AROAIOSFODNN7EXAMPLE1",
            session_name="x",
            issued_at=NOW,
            expires_at=NOW + timedelta(hours=1),
            secret_access_key=SECRET,
            instance=facts,
        )
        self.token = seal(session, keyring)
        account = Account()
        store = MemoryStore(vault)
        sealed = vault.seal(SECRET.encode(), label="AKIAIOSFODNN7EXAMPLE")
        access_key = AccessKey(
            access_key_id="AKIAIOSFODNN7EXAMPLE",
            account_id="123456789012",
            owner_id="123456789012",
            sealed_secret=sealed,
            status=AccessKeyStatus.ACTIVE,
            created_at=NOW,
        )
        with store.transaction() as tx:
            tx.installation.put("account_id", "123456789012")
            tx.access_keys.insert(access_key)
            tx.sealing_keys.insert(sealing_key)
        snapshot = store.snapshot()
        credentials = Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SECRET)
        headers = sign_request(
            method="GET",
            host="h",
            raw_path="/",
            raw_query="",
            headers=[],
            payload_hash="x",
            credentials=credentials,
            region="us-east-1",
            service="iam",
            now=NOW,
            normalize_path=True,
        )
        request = SignedRequest("GET", "/", "", [("host", "h"), *headers])
        authenticator = Authenticator(vault)
        examined = authenticator.examine(
            request,
            parse_authorization(dict(headers)["authorization"]),
            service="iam",
            snapshot=snapshot,
            keyring=keyring,
            now=NOW,
        )
        caller = authenticator.authenticate(examined, "x")
        keyrings = OpenedKeyrings(vault)
        keyrings.of(snapshot)
        self.all: list[object] = [
            vault,
            sealing_key,
            keyring,
            keyrings,
            session,
            MintedSession(session=session, session_token=self.token),
            access_key,
            credentials,
            snapshot,
            authenticator,
            examined,
            examined.known,
            authenticator.verified_keys,
            caller,
            account.permit(account.admin, Check(action="iam:GetUser", resource="*")),
            Mint(snapshot=snapshot, keyring=keyring, instance_session_lifetime=timedelta(hours=6)),
            GetInstanceSessionResult(
                access_key_id="ASIAIOSFODNN7EXAMPLE",
                secret_access_key=SECRET,
                session_token=self.token,
                expiration=NOW,
                last_updated=NOW,
                lifetime_seconds=1,
                role_name="",
                role_id="",
                association_id="",
            ),
            RegisterHostResult(
                host_id="", arn="", access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SECRET
            ),
        ]
        self.untold = (SECRET, self.token, repr(MASTER)[2:-1], repr(sealed)[2:-1], MASTER.hex())


VALUES = Values()


def _assert_untold(text: str) -> None:
    assert not [secret for secret in VALUES.untold if secret in text]


@pytest.mark.parametrize("value", VALUES.all, ids=lambda value: type(value).__name__)
def test_a_value_tells_no_secret_however_it_is_written(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    for text in (repr(value), str(value), f"{value:}", json.dumps(value, default=repr), repr((value,))):
        _assert_untold(text)
    logging.getLogger("tests").warning("seen %s %r", value, {"value": value})
    _assert_untold(caplog.text)
    for renderer in (structlog.processors.JSONRenderer(), structlog.dev.ConsoleRenderer(colors=False)):
        _assert_untold(str(renderer(None, "warning", {"event": "seen", "value": value})))


def test_an_error_on_the_way_tells_no_secret() -> None:
    vault = MasterKey.from_bytes(MASTER)
    sealed = vault.seal(SECRET.encode(), label="one")
    with pytest.raises(ValueError, match="does not open") as caught:
        vault.open(sealed, label="other")
    told = "".join(traceback.format_exception(caught.value))
    _assert_untold(told)
    assert repr(sealed)[2:-1] not in told
