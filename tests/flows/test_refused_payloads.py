"""A body that is not what was signed leaves no object, and an old one as it was."""

import hashlib
import os
import socket
import threading
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.support.audit_rows import audit_rows
from tests.support.flow_fixtures import AdminClient
from tests.support.process_tree import children_of, named, peak_memory_bytes
from tests.support.raw_http import (
    Key,
    Request,
    admin_key,
    chunk_signed,
    connect,
    invited,
    read_reply,
    send,
    signed,
    unsigned,
)
from tests.support.refusal import refusal
from tests.support.running_system import RunningSystem, fresh, until
from tests.support.valid_requests import put_object

pytestmark = pytest.mark.flow

MIB = 1024 * 1024
SIZES = {"empty": b"", "one piece": b"content", "several pieces": b"m" * (3 * MIB)}
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNKED = (("content-encoding", "aws-chunked"),)

S3: TypeAlias = Any
"""A boto3 client, which has no types."""

Sent = Callable[[RunningSystem, Key, str, bytes], Request]


@pytest.fixture(scope="module")
def bucket(admin: AdminClient) -> str:
    name = fresh("payload")
    admin("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def s3(admin: AdminClient) -> S3:
    return admin("s3")


def crc32(content: bytes) -> str:
    return b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def md5(content: bytes) -> str:
    return b64encode(hashlib.md5(content).digest()).decode()


def target_of(bucket: str) -> str:
    return f"/{bucket}/object"


def another_hash(system: RunningSystem, key: Key, bucket: str, content: bytes) -> Request:
    return signed(put_object(system, bucket, "object", content), key, "s3", payload_hash="0" * 64)


def hash_of_other_bytes(system: RunningSystem, key: Key, bucket: str, content: bytes) -> Request:
    """Signed as a whole for another body, as one who changes it on the way finds it."""
    other = hashlib.sha256(content + b"!").hexdigest()
    return signed(put_object(system, bucket, "object", content), key, "s3", payload_hash=other)


def with_digest(name: str, value: Callable[[bytes], str]) -> Sent:
    def sent(system: RunningSystem, key: Key, bucket: str, content: bytes) -> Request:
        headers = ((name, value(content + b"!")),)
        return signed(put_object(system, bucket, "object", content, headers=headers), key, "s3")

    return sent


def trailing(trailer: Callable[[bytes], bytes], *, decoded: int = 0) -> Sent:
    """An unsigned chunked body with this trailer; its decoded length is off by `decoded`."""

    def sent(system: RunningSystem, key: Key, bucket: str, content: bytes) -> Request:
        chunk = b"%x\r\n%b\r\n" % (len(content), content) if content else b""
        headers = (
            *CHUNKED,
            ("x-amz-decoded-content-length", str(len(content) + decoded)),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        )
        body = chunk + b"0\r\n" + trailer(content)
        request = put_object(system, bucket, "object", body, headers=headers)
        return signed(request, key, "s3", payload_hash=UNSIGNED_TRAILER)

    return sent


def good_trailer(content: bytes) -> bytes:
    return f"x-amz-checksum-crc32:{crc32(content)}\r\n\r\n".encode()


def chunks(*, spoil: str) -> Sent:
    """A body in signed chunks, one of which is not what was signed."""

    def sent(system: RunningSystem, key: Key, bucket: str, content: bytes) -> Request:
        request = put_object(system, bucket, "object", content, headers=CHUNKED)
        return chunk_signed(request, key, spoil=spoil)

    return sent


MISMATCH = ("XAmzContentSHA256Mismatch", 400)
BAD_DIGEST = ("BadDigest", 400)
INCOMPLETE = ("IncompleteBody", 400)
SIGNATURE = ("SignatureDoesNotMatch", 403)

SPOILT: dict[str, tuple[Sent, tuple[str, int]]] = {
    "a hash of zeros": (another_hash, MISMATCH),
    "the hash of other bytes": (hash_of_other_bytes, MISMATCH),
    "another Content-MD5": (with_digest("content-md5", md5), BAD_DIGEST),
    "a Content-MD5 that is none": (with_digest("content-md5", lambda _: "é"), ("InvalidDigest", 400)),
    "another checksum": (with_digest("x-amz-checksum-crc32", crc32), BAD_DIGEST),
    "a checksum that is none": (
        with_digest("x-amz-checksum-sha256", lambda _: "abc"),
        ("InvalidRequest", 400),
    ),
    "another trailing checksum": (trailing(lambda content: good_trailer(content + b"!")), BAD_DIGEST),
    "no trailer where one was said": (trailing(lambda _: b"\r\n"), ("MalformedTrailerError", 400)),
    "another trailer than was said": (
        trailing(lambda _: b"x-amz-checksum-crc32c:AAAAAA==\r\n\r\n"),
        ("MalformedTrailerError", 400),
    ),
    "no end": (trailing(lambda _: b""), INCOMPLETE),
    "more after the end": (trailing(lambda content: good_trailer(content) + b"more"), INCOMPLETE),
    "less than was said": (trailing(good_trailer, decoded=1), INCOMPLETE),
    "more than was said": (trailing(good_trailer, decoded=-1), INCOMPLETE),
    "a chunk's signature": (chunks(spoil="chunk"), SIGNATURE),
    "the last chunk's signature": (chunks(spoil="last"), SIGNATURE),
    "a chunk's bytes": (chunks(spoil="bytes"), SIGNATURE),
    "the chunks' order": (chunks(spoil="order"), SIGNATURE),
}
NOTHING_TO_SPOIL = {
    ("a chunk's signature", "empty"),
    ("a chunk's bytes", "empty"),
    ("the chunks' order", "empty"),
    ("the chunks' order", "one piece"),
    ("more than was said", "empty"),
}


@pytest.mark.parametrize(
    ("way", "size"), [(way, size) for way in SPOILT for size in SIZES if (way, size) not in NOTHING_TO_SPOIL]
)
def test_a_spoilt_body_leaves_no_object_and_an_old_one_as_it_was(
    system: RunningSystem, s3: S3, bucket: str, way: str, size: str
) -> None:
    sent, refused = SPOILT[way]
    content = SIZES[size]
    request = sent(system, admin_key(system), bucket, content)
    s3.delete_object(Bucket=bucket, Key="object")
    assert send(system, request).refusal == refused
    assert refusal(s3.head_object, Bucket=bucket, Key="object") == ("404", 404)
    s3.put_object(Bucket=bucket, Key="object", Body=b"old", Metadata={"is": "old"})
    assert send(system, request).refusal == refused
    kept = s3.get_object(Bucket=bucket, Key="object")
    assert (kept["Body"].read(), kept["Metadata"]) == (b"old", {"is": "old"})
    uploads = s3.list_multipart_uploads(Bucket=bucket)
    assert "Uploads" not in uploads


def test_the_same_bodies_unspoilt_become_objects(system: RunningSystem, s3: S3, bucket: str) -> None:
    """Or the table above would prove nothing."""
    for content in SIZES.values():
        for sent in (
            trailing(good_trailer),
            chunks(spoil=""),
            lambda system, key, bucket, content: signed(
                put_object(system, bucket, "object", content), key, "s3"
            ),
            lambda system, key, bucket, content: signed(
                put_object(system, bucket, "object", content), key, "s3", payload_hash="UNSIGNED-PAYLOAD"
            ),
        ):
            assert send(system, sent(system, admin_key(system), bucket, content)).status == 200
            answer = s3.get_object(Bucket=bucket, Key="object")
            assert answer["Body"].read() == content
            assert "ContentEncoding" not in answer


@pytest.mark.parametrize(
    ("payload_hash", "refused"),
    [
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", ("NotImplemented", 501)),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", ("NotImplemented", 501)),
        ("STREAMING-AWS4-HMAC-SHA256-EVENTS", ("NotImplemented", 501)),
        ("STREAMING-", ("NotImplemented", 501)),
        ("streaming-aws4-hmac-sha256-payload", ("InvalidArgument", 400)),
        ("unsigned-payload", ("InvalidArgument", 400)),
        ("", ("InvalidArgument", 400)),
        ("A" * 64, ("InvalidArgument", 400)),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ("MissingContentLength", 411)),
        (UNSIGNED_TRAILER, ("MissingContentLength", 411)),
    ],
)
def test_a_framing_that_is_not_decoded_never_becomes_content(
    system: RunningSystem, s3: S3, bucket: str, payload_hash: str, refused: tuple[str, int]
) -> None:
    body = b"4;chunk-signature=" + b"0" * 64 + b"\r\nabcd\r\n0\r\n\r\n"
    request = signed(
        put_object(system, bucket, "framing", body), admin_key(system), "s3", payload_hash=payload_hash
    )
    assert send(system, request).refusal == refused
    assert refusal(s3.head_object, Bucket=bucket, Key="framing") == ("404", 404)


def test_an_upload_says_how_long_it_is(system: RunningSystem, s3: S3, bucket: str) -> None:
    request = put_object(system, bucket, "endless", b"").without("content-length")
    chunked = request.with_header("transfer-encoding", "chunked")
    spoilt = signed(chunked, admin_key(system), "s3", payload_hash="UNSIGNED-PAYLOAD")
    assert send(system, spoilt.to_bytes() + b"3\r\nabc\r\n0\r\n\r\n").refusal == ("MissingContentLength", 411)
    large = signed(request, admin_key(system), "s3").with_header("content-length", str(5 * 1024 * MIB + 1))
    assert send(system, large).refusal == ("EntityTooLarge", 400)
    assert refusal(s3.head_object, Bucket=bucket, Key="endless") == ("404", 404)


@pytest.mark.parametrize("size", [1, 70_000, 3 * MIB])
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_client_that_goes_away_leaves_no_object(
    system: RunningSystem, s3: S3, bucket: str, size: int, how: str
) -> None:
    s3.put_object(Bucket=bucket, Key="left", Body=b"old")
    request = signed(
        put_object(system, bucket, "left", b"x" * size)
        .with_header("user-agent", leaver := fresh("leaver"))
        .with_header("expect", "100-continue"),
        admin_key(system),
        "s3",
        payload_hash="UNSIGNED-PAYLOAD",
    )
    with connect(system) as connection:
        connection.sendall(request.to_bytes()[:-size])
        invited(connection)
        connection.sendall(request.body[:-1])
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    (event,) = until(lambda: audit_rows(system, user_agent=leaver), "the edge is done with it")
    assert event["outcome"] == "failed"
    assert s3.get_object(Bucket=bucket, Key="left")["Body"].read() == b"old"


def test_a_part_is_verified_like_an_object(system: RunningSystem, s3: S3, bucket: str) -> None:
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    request = unsigned(system, "PUT", f"/{bucket}/parts?partNumber=1&uploadId={upload_id}", body=b"part")
    spoilt = signed(request, admin_key(system), "s3", payload_hash="0" * 64)
    assert send(system, spoilt).refusal == MISMATCH
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="parts", UploadId=upload_id)
    s3.abort_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload_id)


@pytest.mark.skipif(not Path("/proc").exists(), reason="memory is read from /proc")
def test_a_large_object_passes_through_in_constant_memory(system: RunningSystem, s3: S3, bucket: str) -> None:
    """200 MiB up and down; the edge's peak grows by less than 40 MiB."""
    size = 200 * MIB
    (edge,) = named(children_of(system.process.pid), "edge-process")
    for warm in range(2):
        s3.put_object(Bucket=bucket, Key="warm", Body=bytes(MIB * warm))
    before = peak_memory_bytes(edge)
    piece = os.urandom(MIB)
    digest = hashlib.sha256()
    for _ in range(size // MIB):
        digest.update(piece)
    request = put_object(system, bucket, "large").with_header("content-length", str(size))
    head = signed(request, admin_key(system), "s3", payload_hash=digest.hexdigest())
    with connect(system) as connection:
        connection.sendall(head.to_bytes()[: -len(head.body)])
        for _ in range(size // MIB):
            connection.sendall(piece)
        assert read_reply(connection).status == 200
    answer = s3.get_object(Bucket=bucket, Key="large")
    assert answer["ContentLength"] == size
    received = hashlib.sha256()
    for part in answer["Body"].iter_chunks(MIB):
        received.update(part)
    assert received.digest() == digest.digest()
    assert peak_memory_bytes(edge) - before < 40 * MIB
    s3.delete_object(Bucket=bucket, Key="large")


def test_a_client_that_reads_nothing_holds_nobody_up(system: RunningSystem, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="unread", Body=bytes(8 * MIB))
    get = signed(unsigned(system, "GET", f"/{bucket}/unread"), admin_key(system), "s3").to_bytes()
    idle = [connect(system) for _ in range(20)]
    try:
        for connection in idle:
            connection.sendall(get)
        done = threading.Event()

        def ask() -> None:
            s3.get_object(Bucket=bucket, Key="unread")["Body"].read()
            done.set()

        threading.Thread(target=ask, daemon=True).start()
        until(done.is_set, "another client is served", seconds=15)
    finally:
        for connection in idle:
            connection.close()
