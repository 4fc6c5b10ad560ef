"""`Deny bucket/secret/*` holds against every spelling of the key, through every operation."""

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

import pytest

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.raw_http import Key, Reply, Request, key_of, send, signed, unsigned
from tests.support.running_system import RunningSystem, fresh, statements
from tests.support.valid_requests import put_object

pytestmark = pytest.mark.flow

SECRET = b"what nobody else may read"
OBJECTS: Mapping[str, bytes] = {"secret/x": SECRET, "secret/deep/x": SECRET, "public/x": b"public"}

# As they go over the wire; each means `secret/x` to somebody: to AWS, to the store, or to a careless reader.
SPELLINGS = [
    "secret/x",
    "secret%2Fx",
    "secret%2fx",
    "s%65cret/x",
    "%73%65%63%72%65%74%2F%78",
    "secret/%78",
    "secret//x",
    "secret%2F%2Fx",
    "secret///x",
    "/secret/x",
    "%2Fsecret%2Fx",
    "//secret/x",
    "secret%5Cx",
    "secret\\x",
    "%5Csecret%5Cx",
    "./secret/x",
    "secret/./x",
    "%2E/secret/x",
    "public/../secret/x",
    "public/%2E%2E/secret/x",
    "public%2F..%2Fsecret%2Fx",
    "public/..%5Csecret/x",
    "secret/deep/../x",
    "secret/x/",
    "secret/x/.",
    "secret/x%00",
    "secret%00/x",
    "secret/x?x-id=GetObject",
    "secret/x%0A",
    "secret/%0Ax",
    "secret/deep/x",
    "secret/new",
    "secret/",
    "secret/x;v=1",
    "secret/x%20",
    "%c0%73ecret/x",
    "secret%c0%afx",
]
# Keys of their own, which the policy does not speak of: they must not lead to the secret, that is all.
OTHERS = [
    "SECRET/x",
    "secret",
    "secretx",
    "secret%252Fx",
    "%EF%BD%93ecret/x",
    "secret%E2%88%95x",
    "%20secret/x",
]


@pytest.fixture(scope="module")
def bucket(admin: AdminClient) -> str:
    name = fresh("spelled")
    admin("s3").create_bucket(Bucket=name)
    for key, content in OBJECTS.items():
        admin("s3").put_object(Bucket=name, Key=key, Body=content)
    return name


@pytest.fixture(scope="module")
def key(instance_of: InstanceOf, bucket: str) -> Key:
    """A session that may do everything, but for anything of secret/*, and listing it."""
    secret = {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/secret/*"}
    listing = {
        "Effect": "Deny",
        "Action": "s3:ListBucket*",
        "Resource": f"arn:aws:s3:::{bucket}",
        "Condition": {"StringLike": {"s3:prefix": ["", "secret", "secret/*"]}},
    }
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    return key_of(instance_of(statements(everything, secret, listing)).session())


@pytest.fixture(autouse=True)
def untouched(admin: AdminClient, bucket: str) -> Iterator[None]:
    """Whatever was tried, the secret is as it was, and nothing was planted beside it."""
    yield
    s3 = admin("s3")
    listed = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="secret/")["Contents"]]
    assert listed == ["secret/deep/x", "secret/x"]
    assert s3.get_object(Bucket=bucket, Key="secret/x")["Body"].read() == SECRET
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket, Prefix="secret")


def refused(reply: Reply) -> None:
    assert reply.status in (400, 403, 404, 501), reply
    assert SECRET not in reply.body


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_reads_writes_or_deletes_it(
    system: RunningSystem, key: Key, bucket: str, spelling: str
) -> None:
    for method, query in (
        ("GET", ""),
        ("HEAD", ""),
        ("DELETE", ""),
        ("GET", "versionId=null"),
        ("GET", "partNumber=1"),
        ("POST", "uploads"),
        ("PUT", "partNumber=1&uploadId=x"),
        ("POST", "uploadId=x"),
        ("DELETE", "uploadId=x"),
        ("GET", "uploadId=x"),
    ):
        glue = "&" if "?" in spelling else "?"
        path = f"/{bucket}/{spelling}{glue + query if query else ''}"
        refused(send(system, sign(unsigned(system, method, path), key)))
    reply = send(system, sign(put_object(system, bucket, spelling.partition("?")[0], b"planted"), key))
    refused(reply)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_copies_it_or_onto_it(
    system: RunningSystem, admin: AdminClient, key: Key, bucket: str, spelling: str
) -> None:
    plain = spelling.partition("?")[0]
    sources = (f"{bucket}/{plain}", f"/{bucket}/{plain}", f"{bucket}%2F{plain}", f"//{bucket}/{plain}")
    for source in (*sources, f"{bucket}/{plain}?versionId=null"):
        for target in ("public/stolen", "public/stolen?partNumber=1&uploadId=x"):
            copy = unsigned(system, "PUT", f"/{bucket}/{target}", headers=(("x-amz-copy-source", source),))
            reply = send(system, sign(copy, key))
            refused(reply)
    onto = unsigned(
        system, "PUT", f"/{bucket}/{plain}", headers=(("x-amz-copy-source", f"{bucket}/public/x"),)
    )
    reply = send(system, sign(onto, key))
    refused(reply)
    listed = admin("s3").list_objects_v2(Bucket=bucket, Prefix="public/")["Contents"]
    assert [item["Key"] for item in listed] == ["public/x"]


# As they stand in a document: nothing is decoded but XML.
IN_XML = [
    "secret/x", "secret//x", "/secret/x", "//secret/x", "secret\\x", "./secret/x", "secret/./x",
    "public/../secret/x", "secret/x/", "secret/", "secret", "secret/deep", "secret/deep/", "public/../secret",
    ".", "..", "/", "", "secret/x\n", "secret/deep/x",
]  # fmt: skip


@pytest.mark.parametrize("quiet", [True, False])
def test_no_spelling_deletes_it_among_others(
    system: RunningSystem, key: Key, bucket: str, quiet: bool
) -> None:
    for spelling in IN_XML:
        reply = send(system, sign(delete_objects(system, bucket, [spelling], quiet=quiet), key))
        if reply.status == 200:
            # A key of its own (`secret`), which was not there; or an error of its own.
            assert spelling == "secret" or b"<Code>AccessDenied</Code>" in reply.body, spelling
    accepted = ["secret/x", "secret/deep/x", "public/none", "secret/x&"]
    reply = send(system, sign(delete_objects(system, bucket, accepted, quiet=quiet), key))
    assert reply.status == 200
    assert reply.body.count(b"<Code>AccessDenied</Code>") == 3


def delete_objects(system: RunningSystem, bucket: str, keys: list[str], *, quiet: bool) -> Request:
    objects = "".join(f"<Object><Key>{escape(each)}</Key></Object>" for each in keys)
    document = f"<Delete><Quiet>{str(quiet).lower()}</Quiet>{objects}</Delete>"
    return unsigned(system, "POST", f"/{bucket}?delete", body=document.encode())


@pytest.mark.parametrize("operation", ["list-type=2", "uploads"])
@pytest.mark.parametrize(
    "prefix",
    [
        "secret", "secret/", "secret/x", "secret%2F", "s%65cret/", "secret//", "/secret/", "//secret/",
        "./secret/", "secret/./", "public/../secret/", "secret%5C", "%5Csecret", "secret/%00", "secret/%0A",
        "",
    ],
)  # fmt: skip
def test_no_spelling_of_its_prefix_lists_it(
    system: RunningSystem, key: Key, bucket: str, operation: str, prefix: str
) -> None:
    for more in ("", "&delimiter=%2F", "&encoding-type=url"):
        query = f"{operation}&prefix={prefix}{more}"
        reply = send(system, sign(unsigned(system, "GET", f"/{bucket}?{query}"), key))
        assert reply.status in (400, 403), reply
        assert b"secret/x" not in reply.body.replace(b"is not authorized", b"").partition(b"<Resource>")[0]


@pytest.mark.parametrize("spelling", OTHERS)
def test_a_key_that_only_looks_like_it_leads_elsewhere(
    system: RunningSystem, admin: AdminClient, key: Key, bucket: str, spelling: str
) -> None:
    reply = send(system, sign(unsigned(system, "GET", f"/{bucket}/{spelling}"), key))
    assert reply.status in (403, 404)  # without s3:ListBucket nobody learns that it is not there
    assert SECRET not in reply.body


def sign(request: Request, key: Key) -> Request:
    return signed(request, key, "s3")
