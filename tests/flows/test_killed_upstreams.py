"""An upstream that stands still or is killed is 503 in the caller's protocol, and comes back by itself."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.process_tree import child_named
from tests.support.raw_http import Reply, Request, admin_key, connect, read_reply, send, signed, unsigned
from tests.support.refusal import refusal
from tests.support.running_system import RunningSystem, fresh, tabard_up, until
from tests.support.valid_requests import form, put_object, target, valid

pytestmark = pytest.mark.flow

MIB = 1024 * 1024
SILENCE_SECONDS = 1
AWAY = ("ServiceUnavailable", 503)

Asked = Callable[[RunningSystem, str], Request]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of this file's own, impatient with its upstreams."""
    folder = tmp_path_factory.mktemp("upstreams") / "data"
    with tabard_up(folder, TABARD_UPSTREAM_TIMEOUT_SECONDS=str(SILENCE_SECONDS)) as running:
        yield running


@pytest.fixture(scope="module")
def bucket(own: RunningSystem) -> str:
    name = fresh("away")
    s3 = own.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="kept", Body=b"kept")
    s3.put_object(Bucket=name, Key="large", Body=bytes(64 * MIB))
    return name


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def at(method: str, path: str) -> Asked:
    return lambda system, bucket: unsigned(system, method, path.format(bucket=bucket))


S3_REQUESTS: dict[str, Asked] = {
    "get": at("GET", "/{bucket}/kept"),
    "put": lambda system, bucket: put_object(system, bucket, "new", b"n" * 100_000),
    "list": at("GET", "/{bucket}?list-type=2"),
    "buckets": at("GET", "/"),
    "location": at("GET", "/{bucket}?location"),
    "delete many": lambda system, bucket: unsigned(
        system, "POST", f"/{bucket}?delete", body=b"<Delete><Object><Key>none</Key></Object></Delete>"
    ),
}
QUEUES: dict[str, Asked] = {
    "dynamodb": lambda system, _: target(system, "DynamoDB_20120810.ListTables"),
    "dynamodb by key": lambda system, _: target(
        system, "DynamoDB_20120810.GetItem", b'{"TableName":"none","Key":{"id":{"S":"a"}}}'
    ),
    "sqs": lambda system, _: target(system, "AmazonSQS.ListQueues"),
    "sqs query": lambda system, _: form(system, b"Action=ListQueues&Version=2012-11-05"),
}


def ask(system: RunningSystem, service: str, request: Request) -> Reply:
    return send(system, signed(request, admin_key(system), service))


def test_a_standing_s3_is_503_and_nothing_else_waits_for_it(own: RunningSystem, bucket: str) -> None:
    with standing_still(child_named(own, "seaweedfs")):
        for name, made in S3_REQUESTS.items():
            began = time.monotonic()
            reply = ask(own, "s3", made(own, bucket))
            assert reply.refusal == AWAY, name
            assert reply.headers["content-type"] == "application/xml"
            assert time.monotonic() - began < 3 * SILENCE_SECONDS + 2
        head = ask(own, "s3", at("HEAD", "/{bucket}/kept")(own, bucket))
        assert (head.status, head.body) == (503, b"")
        # Who may not is told so, whether the upstream is there or not.
        assert send(own, S3_REQUESTS["get"](own, bucket)).refusal == ("AccessDenied", 403)
        for service in ("iam", "sts", "ec2", "dynamodb", "sqs"):
            assert ask(own, service, valid(own, service)).status == 200
    until(lambda: ask(own, "s3", S3_REQUESTS["get"](own, bucket)).status == 200, "S3 is back")
    assert own.client("s3").get_object(Bucket=bucket, Key="kept")["Body"].read() == b"kept"


def test_standing_tables_and_queues_are_503_and_nothing_else_waits_for_them(
    own: RunningSystem, bucket: str
) -> None:
    with standing_still(child_named(own, "moto")):
        for name, made in QUEUES.items():
            reply = ask(own, name.split()[0], made(own, bucket))
            assert reply.status == 503, name
            assert reply.code.startswith("ServiceUnavailable"), name
            expected = "text/xml" if "query" in name else "application/x-amz-json-1.0"
            assert reply.headers["content-type"] == expected
        for service in ("iam", "sts", "ec2"):
            assert ask(own, service, valid(own, service)).status == 200
        assert ask(own, "s3", S3_REQUESTS["get"](own, bucket)).body == b"kept"
    for name in ("dynamodb", "sqs"):
        until(lambda name=name: ask(own, name, QUEUES[name](own, bucket)).status == 200, f"{name} is back")


@pytest.mark.parametrize(("child", "service"), [("seaweedfs", "s3"), ("moto", "dynamodb"), ("moto", "sqs")])
def test_a_killed_upstream_is_503_until_it_is_back(
    own: RunningSystem, bucket: str, child: str, service: str
) -> None:
    made = S3_REQUESTS["list"] if service == "s3" else QUEUES[service]
    before = child_named(own, child)
    os.kill(before, signal.SIGKILL)
    seen = set()

    def back() -> bool:
        reply = ask(own, service, made(own, bucket))
        seen.add(reply.status)
        return reply.status == 200 and child_named(own, child) != before

    until(back, f"{child} is back", seconds=40)
    assert seen <= {200, 503}
    # A store that lists may not yet know where its objects lie: reading them is 503 until it does.
    kept = S3_REQUESTS["get"]
    until(lambda: ask(own, "s3", kept(own, bucket)).body == b"kept", "what was kept is read", seconds=40)


def test_an_answer_that_breaks_off_is_not_taken_for_whole(own: RunningSystem, bucket: str) -> None:
    request = signed(unsigned(own, "GET", f"/{bucket}/large"), admin_key(own), "s3")
    with connect(own) as connection:
        connection.sendall(request.to_bytes())
        received = len(connection.recv(65536))
        os.kill(child_named(own, "seaweedfs"), signal.SIGKILL)
        try:
            while piece := connection.recv(MIB):
                received += len(piece)
        except ConnectionError:
            pass
    assert received < 64 * MIB
    until(lambda: ask(own, "s3", S3_REQUESTS["get"](own, bucket)).status == 200, "S3 is back", seconds=40)
    assert len(own.client("s3").get_object(Bucket=bucket, Key="large")["Body"].read()) == 64 * MIB


def test_an_upload_that_breaks_off_leaves_the_old_object(own: RunningSystem, bucket: str) -> None:
    s3 = own.client("s3")
    s3.put_object(Bucket=bucket, Key="broken", Body=b"old")
    request = signed(
        put_object(own, bucket, "broken", bytes(8 * MIB)),
        admin_key(own),
        "s3",
        payload_hash="UNSIGNED-PAYLOAD",
    )
    with connect(own) as connection:
        connection.sendall(request.to_bytes()[: 4 * MIB])
        os.kill(child_named(own, "seaweedfs"), signal.SIGKILL)
        connection.sendall(request.to_bytes()[4 * MIB :])
        assert read_reply(connection).refusal == AWAY
    until(lambda: ask(own, "s3", S3_REQUESTS["get"](own, bucket)).status == 200, "S3 is back", seconds=40)
    assert s3.get_object(Bucket=bucket, Key="broken")["Body"].read() == b"old"


def test_health_answers_all_the_while(own: RunningSystem, bucket: str) -> None:
    from urllib.request import urlopen

    with standing_still(child_named(own, "seaweedfs")), urlopen(f"{own.health}/health") as answer:
        assert answer.status == 200
    until(lambda: ask(own, "s3", S3_REQUESTS["get"](own, bucket)).status == 200, "S3 is back")
    assert refusal(own.client("s3").head_object, Bucket=bucket, Key="absent") == ("404", 404)
