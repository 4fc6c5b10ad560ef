"""What was authorized is what is asked, and a Deny on a prefix holds for every spelling of a key."""

import json
from urllib.parse import quote, unquote_to_bytes
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tabard.access.authorize import authorize_each
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.errors import AwsError
from tests.support.one_account import Account
from tests.support.s3_requests import REQUEST_FACTS, checks, encoded, raw, read, rebuilt, resolved

EVERYTHING = '{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
DENIED = ["arn:aws:s3:::bucket/secret/*", "arn:aws:s3:::bucket/secret"]
DENY = json.dumps({"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": DENIED}]})

# Paths by which somebody might reach bucket/secret/key in a store that is kind enough.
SPELLINGS = [
    "secret/key", "secret%2Fkey", "secret%2fkey", "%73ecret/key", "%73%65%63%72%65%74/key", "secret/%6bey",
    "/secret/key", "//secret/key", "%2Fsecret/key", "secret//key", "secret%2F%2Fkey", "secret/%2Fkey",
    "./secret/key", "%2e/secret/key", ".%2Fsecret/key", "public/../secret/key", "public/%2e%2e/secret/key",
    "public%2F..%2Fsecret%2Fkey", "secret/./key", "secret/%2E/key", "secret/x/../key", "secret\\key",
    "secret%5Ckey", "%5Csecret/key", "public\\..\\secret\\key", "secret/key%00", "secret%00/key",
    "secret/key/", "secret/", "secret", "secret/key%0A", "secret/%0Akey", "secret%0A/key", "secret/key\u00e9",
    "secret/\u202ekey", "secret%c0%af", "secret%C0%AFkey", "secret%u002fkey", "secret/key%2", "secret/key%zz",
    "secret;/key", "secret/key;x", "secret%3Fkey", "secret/key%3FversionId=1", "SECRET/key", "secret%20/key",
    "\uff53ecret/key", "secret\u2215key", "secret\u29f8key", "secret%252Fkey", "%252e%252e/secret/key",
]  # fmt: skip


@pytest.fixture(scope="module")
def account() -> Account:
    return Account()


@pytest.fixture(scope="module")
def restricted(account: Account) -> Caller:
    return account.add_user("restricted", EVERYTHING, DENY)


def is_allowed(account: Account, caller: Caller, *needed: Check) -> bool:
    try:
        account.permit(caller, *needed, service="s3")
    except AwsError:
        return False
    return True


def stored_key(raw_path: str) -> str:
    """The key that the embedded store would keep an object under: decoded once, then a path."""
    key = unquote_to_bytes(raw_path).decode(errors="replace").replace("\\", "/").split("/", 2)[-1]
    segments: list[str] = []
    for segment in key.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return "/".join(segments)


def is_secret(key: str) -> bool:
    return key == "secret" or key.startswith("secret/")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_no_spelling_of_a_key_slips_past_a_deny(
    account: Account, restricted: Caller, method: str, spelling: str
) -> None:
    found = resolved(raw(method, f"/bucket/{spelling}"))
    if found is not None:
        operation, arguments, needed = found
        if is_secret(stored_key(rebuilt(operation, arguments).raw_path)):
            assert not is_allowed(account, restricted, *needed)
        assert is_allowed(account, account.admin, *needed)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("query", ["", "partNumber=1&uploadId=u"])
def test_no_spelling_of_a_copy_source_slips_past_a_deny(
    account: Account, restricted: Caller, spelling: str, query: str
) -> None:
    for source in ("bucket/{}", "/bucket/{}", "bucket%2F{}", "bucket/{}?versionId=1"):
        headers = {"x-amz-copy-source": source.format(spelling)}
        found = resolved(raw("PUT", "/bucket/public/copy", query, headers))
        if found is None:
            continue
        operation, arguments, needed = found
        assert operation in ("CopyObject", "UploadPartCopy")
        asked = dict(rebuilt(operation, arguments).headers)["x-amz-copy-source"]
        if is_secret(stored_key("/" + asked.partition("?")[0].removeprefix("/"))):
            assert not is_allowed(account, restricted, *needed)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_key_to_delete_slips_past_a_deny(
    account: Account, restricted: Caller, spelling: str
) -> None:
    for key in (spelling, unquote_to_bytes(spelling).decode(errors="replace")):
        objects = f"<Object><Key>public/x</Key></Object><Object><Key>{escape(key)}</Key></Object>"
        found = resolved(raw("POST", "/bucket", "delete"), f"<Delete>{objects}</Delete>".encode())
        if found is not None and is_secret(stored_key(f"/bucket/{encoded(key)}")):
            assert not is_allowed(account, restricted, *found[2])


def test_the_plain_spellings_are_denied_and_not_merely_refused(account: Account, restricted: Caller) -> None:
    for spelling in ("secret/key", "secret%2Fkey", "%73ecret/key", "secret", "secret/key%0A"):
        found = resolved(raw("GET", f"/bucket/{spelling}"))
        assert found is not None
        assert not is_allowed(account, restricted, *found[2])


_hostile = st.lists(
    st.sampled_from(
        ("secret", "key", "/", "//", "\\", ".", "..", "%2F", "%2f", "%5C", "%2e", "%00", "%0A", "\n", " ",
         "+", "?", "#", "&", ";", "é", "\u2028", "%C3%A9", "%25", "%", "a", "versionId=", "\u0000")
    ),
    max_size=7,
).map("".join)  # fmt: skip
_keys = _hostile | st.text(max_size=12)


@settings(max_examples=150)
@given(st.sampled_from(("GET", "PUT", "DELETE", "HEAD")), _keys)
@example("GET", "secret//key")
def test_the_upstream_is_asked_for_the_very_object_that_was_authorized(method: str, key: str) -> None:
    for path in (f"/bucket/{encoded(key)}", f"/bucket/{quote(key, safe='/')}", f"/bucket/{key}"):
        if "?" in path or "#" in path or not path.isascii():
            continue
        found = resolved(raw(method, path))
        if found is None:
            continue
        operation, arguments, needed = found
        asked = rebuilt(operation, arguments)
        assert asked.raw_path.isascii()
        assert "//" not in asked.raw_path
        assert not {".", ".."} & set(asked.raw_path.split("/"))
        named = unquote_to_bytes(asked.raw_path).decode().removeprefix("/")
        assert {check.resource for check in needed} == {f"arn:aws:s3:::{named}"}
        assert named == stored_path(named)


def stored_path(named: str) -> str:
    """`bucket/key` as the store keeps it."""
    bucket, slash, _ = named.partition("/")
    return f"{bucket}{slash}{stored_key('/' + quote(named))}" if slash else bucket


@settings(max_examples=150)
@given(_keys, st.sampled_from(("", "?versionId=", "?versionId=v", "?versionid=v", "%3FversionId=v")))
def test_the_source_that_is_asked_for_is_the_one_that_was_authorized(key: str, version: str) -> None:
    for source in (
        f"bucket/{encoded(key)}{version}",
        f"bucket/{key}{version}",
        f"/bucket/{quote(key)}{version}",
    ):
        try:
            operation, arguments = read(raw("PUT", "/bucket/copy", "", {"x-amz-copy-source": source}))
            reading = checks(operation, arguments)[0]
        except AwsError:
            continue
        asked = dict(rebuilt(operation, arguments).headers)["x-amz-copy-source"]
        asked_path, mark, version_id = asked.partition("?versionId=")
        named = unquote_to_bytes(asked_path).decode()
        assert reading.resource == f"arn:aws:s3:::{named}"
        assert reading.context.get("s3:versionid") == (
            (unquote_to_bytes(version_id).decode(),) if mark else None
        )
        assert reading.action == ("s3:GetObjectVersion" if mark else "s3:GetObject")


@given(st.lists(_keys, min_size=1, max_size=4))
def test_the_keys_that_are_deleted_are_those_that_were_authorized(keys: list[str]) -> None:
    arguments = {"Bucket": "bucket", "Delete": {"Objects": [{"Key": key} for key in keys]}}
    try:
        needed = checks("DeleteObjects", arguments)
        asked = rebuilt("DeleteObjects", arguments)
    except AwsError:
        return
    _, again = read(raw("POST", "/bucket", "delete"), asked.body)
    assert [check.resource for check in checks("DeleteObjects", again)] == [
        check.resource for check in needed
    ]


def test_of_many_keys_to_delete_the_denied_are_told_one_by_one(account: Account, restricted: Caller) -> None:
    objects = [{"Key": key} for key in ("public/a", "secret/b", "secrets", "secret")]
    needed = checks("DeleteObjects", {"Bucket": "bucket", "Delete": {"Objects": objects}})
    permit, refused = authorize_each(restricted, needed, REQUEST_FACTS, account.snapshot)
    assert [check.resource for check in permit.checks] == [
        "arn:aws:s3:::bucket/public/a",
        "arn:aws:s3:::bucket/secrets",
    ]
    assert [denied.denial.check.resource for denied in refused] == [
        "arn:aws:s3:::bucket/secret/b",
        "arn:aws:s3:::bucket/secret",
    ]
    for denied in refused:
        assert denied.message.endswith("with an explicit deny in an identity-based policy")


def test_a_key_with_a_newline_does_not_end_a_pattern(account: Account, restricted: Caller) -> None:
    for key in ("secret/\n", "secret/a\nb", "secret/\r\n\tx", "secret/\u2028", "secret/\x85"):
        assert not is_allowed(account, restricted, *checks("GetObject", {"Bucket": "bucket", "Key": key}))
