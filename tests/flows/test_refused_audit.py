"""Every request is audited once, with the right outcome; no secret is in any log, nor in the store."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.audit_rows import audit_rows
from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.raw_http import Key, Reply, Request, admin_key, key_of, send, signed, unsigned
from tests.support.running_system import Instance, RunningSystem, allow, fresh, until
from tests.support.valid_requests import form, local_host, put_object, target, valid

pytestmark = pytest.mark.flow


@dataclass(frozen=True)
class Here:
    """What the requests below are made of."""

    system: RunningSystem
    admin: Key
    instance: Instance
    key: Key
    bucket: str


@pytest.fixture(scope="module")
def here(system: RunningSystem, admin: AdminClient, instance_of: InstanceOf) -> Here:
    bucket = fresh("audited")
    admin("s3").create_bucket(Bucket=bucket)
    instance = instance_of(allow("s3:GetObject", "s3:ListBucket"))
    return Here(system, admin_key(system), instance, key_of(instance.session()), bucket)


Ask = Callable[[Here], Request]


def s3(method: str, path: str, *, body: bytes = b"") -> Callable[[Here, Key], Request]:
    return lambda here, key: signed(
        unsigned(here.system, method, path.replace("{bucket}", here.bucket), body=body), key, "s3"
    )


def iam(body: str) -> Ask:
    return lambda here: signed(form(here.system, body.encode()), here.admin, "iam")


GET = s3("GET", "/{bucket}/absent")
PUT = s3("PUT", "/{bucket}/key", body=b"content")

# What is asked; the outcome, the error's code, who it was and what, as the audit has it.
CASES: dict[str, tuple[Ask, str, str, str, str]] = {
    "allowed": (
        lambda here: signed(valid(here.system, "sts"), here.key, "sts"),
        "allowed", "", "instance", "GetCallerIdentity",
    ),
    "a change": (
        iam("Action=CreateInstanceProfile&InstanceProfileName={fresh}&Version=2010-05-08"),
        "allowed", "", "admin", "CreateInstanceProfile",
    ),
    "a change that cannot be": (
        iam("Action=GetInstanceProfile&InstanceProfileName=absent&Version=2010-05-08"),
        "failed", "NoSuchEntity", "admin", "GetInstanceProfile",
    ),
    "denied": (lambda here: PUT(here, here.key), "denied", "AccessDenied", "instance", "PutObject"),
    "what is not offered": (
        lambda here: s3("GET", "/{bucket}?acl")(here, here.admin),
        "not_offered", "NotImplemented", "admin", "GetBucketAcl",
    ),
    "an upstream's error": (lambda here: GET(here, here.key), "failed", "NoSuchKey", "instance", "GetObject"),
    "no signature": (
        lambda here: unsigned(here.system, "GET", f"/{here.bucket}/absent"),
        "refused", "AccessDenied", "", "",
    ),
    "another secret": (
        lambda here: GET(here, replace(here.admin, secret_access_key="another")),
        "refused", "SignatureDoesNotMatch", "", "",
    ),
    "another token": (
        lambda here: GET(here, replace(here.key, session_token="A" * 200)),
        "refused", "InvalidToken", "", "",
    ),
    "another body": (
        lambda here: replace(PUT(here, here.admin), body=b"CONTENT"),
        "failed", "XAmzContentSHA256Mismatch", "admin", "PutObject",
    ),
    "no operation": (
        lambda here: s3("GET", "/{bucket}?foo")(here, here.admin),
        "refused", "NotImplemented", "", "",
    ),
    "bad input": (
        lambda here: signed(target(here.system, "DynamoDB_20120810.GetItem"), here.admin, "dynamodb"),
        "refused", "ValidationException", "admin", "",
    ),
    "too large": (
        lambda here: signed(target(here.system, "DynamoDB_20120810.ListTables", b""), here.admin, "dynamodb")
        .with_header("content-length", str(1 << 30)),
        "refused", "RequestEntityTooLarge", "", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_request_is_audited_once(here: Here, case: str) -> None:
    ask, outcome, code, who, operation = CASES[case]
    request = ask(here)
    if b"%7Bfresh%7D" in request.body or b"{fresh}" in request.body:
        body = request.body.replace(b"{fresh}", fresh("p").encode())
        request = signed(form(here.system, body), here.admin, "iam")
    reply = send(here.system, request)
    events = until(lambda: audited(here.system, reply), "the audit has it")
    assert len(events) == 1
    event = events[0]
    assert (event["outcome"], event["error_code"]) == (outcome, code)
    assert event["http_status"] == reply.status
    assert event["operation"] == operation
    assert event["source_ip"] == "127.0.0.1"
    principals = {
        "": "",
        "admin": "arn:aws:iam::111122223333:user/admin",
        "instance": (
            f"arn:aws:sts::111122223333:assumed-role/{here.instance.instance_profile}/{here.instance.instance_id}"
        ),
    }
    assert event["principal_arn"] == principals[who]
    assert (
        event["access_key_id"]
        == {"": "", "admin": here.admin.access_key_id, "instance": here.key.access_key_id}[who]
    )
    if outcome == "denied" and operation:
        assert "no identity-based policy allows" in str(event["reason"])
        assert f"arn:aws:s3:::{here.bucket}/key" in str(event["resources"])


def audited(system: RunningSystem, reply: Reply) -> list[dict[str, object]]:
    assert reply.request_id
    return audit_rows(system, request_id=reply.request_id)


def test_what_is_no_text_stops_no_audit(here: Here) -> None:
    """A stranger's request must not keep the others' from being written."""
    for name in ("user-agent", "referer", "x-amz-meta-a", "authorization"):
        spoilt = unsigned(here.system, "GET", "/", headers=((name, "\udcff\udcfe"),))
        assert send(here.system, spoilt).status == 400
    odd = unsigned(here.system, "GET", "/", headers=(("user-agent", "é\u2028\u202e💥" * 200),))
    reply = send(here.system, odd)
    (event,) = until(lambda: audited(here.system, reply), "the audit has it")
    assert str(event["user_agent"]).startswith("é")


def test_no_secret_is_in_any_log(here: Here) -> None:
    """Of all that was used: keys, derived or not, session tokens, signatures, the upstreams' secrets."""
    system = here.system
    host_key, _ = local_host(system)
    request = signed(put_object(system, here.bucket, "key"), here.admin, "s3")
    signature = request.header("authorization")[-64:]
    broken = request.with_header("x-amz-security-token", f"{here.key.session_token}\x00")
    for spoilt in (
        request,
        broken,
        request.with_header("content-length", "x"),
        replace(request, method="FOO"),
    ):
        send(system, spoilt)
    GET(here, here.key)
    secrets = {
        here.admin.secret_access_key,
        here.key.secret_access_key,
        host_key.secret_access_key,
        signature,
        (system.data_dir / "master.key").read_bytes().decode("latin-1").strip(),
        *upstream_secrets(system),
    }
    assert here.key.session_token is not None
    secrets.add(here.key.session_token[:60])
    logs = [system.log, *(path for path in (system.data_dir / "logs").rglob("*") if path.is_file())]
    assert len(logs) >= 4
    for log in logs:
        text = log.read_bytes().decode("latin-1")
        for secret in secrets:
            assert secret not in text, log.name
    store = b"".join(path.read_bytes() for path in system.data_dir.glob("tabard.sqlite3*")).decode("latin-1")
    for secret in secrets:
        assert secret not in store
    for pid in Path("/proc").iterdir():
        if pid.name.isdigit():
            for secret in secrets:
                assert secret not in read_arguments(pid)


def upstream_secrets(system: RunningSystem) -> set[str]:
    found = set()
    for path in (system.data_dir / "run").rglob("*.json"):
        text = path.read_text()
        if "secretKey" in text:
            found.add(json.loads(text)["identities"][0]["credentials"][0]["secretKey"])
    return found


def read_arguments(pid: Path) -> str:
    try:
        return (pid / "cmdline").read_bytes().decode("latin-1")
    except OSError:
        return ""
