"""What the server in front of moto lets through, with a backend that only writes down what it is asked."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabard.edge.upstreams.moto_server import SECRET_HEADER, Environ, UpstreamServer

SECRET = "0123456789abcdef0123456789abcdef"  # a test's
DYNAMODB = {"Host": "dynamodb.eu-west-1.amazonaws.com", "X-Amz-Target": "DynamoDB_20120810.GetItem"}


class WritingBackend:
    def __init__(self) -> None:
        self.asked: list[Environ] = []
        self.resets = 0

    def call(self, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
        self.asked.append(environ)
        body = environ["wsgi.input"].read()
        if body == b"fail":
            raise KeyError("a traceback that stays inside")
        return (
            "200 OK",
            [("Content-Type", "application/x-amz-json-1.0"), ("Connection", "close")],
            b"echo " + body,
        )

    def reset(self) -> None:
        self.resets += 1


class Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("unused", timeout=5)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))

    def ask(self, path: str = "/", body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
        given = {
            SECRET_HEADER: SECRET,
            **DYNAMODB,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        with contextlib.suppress(BrokenPipeError):  # it may have been refused before its body went out
            self.request("POST", path, body, {name: value for name, value in given.items() if value})
        answer = self.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def backend() -> WritingBackend:
    return WritingBackend()


@pytest.fixture
def connection(backend: WritingBackend, tmp_path: Path) -> Iterator[Connection]:
    path = tmp_path / "m.sock"
    path.write_bytes(b"")  # what a killed one left behind
    path.unlink()
    with UpstreamServer(path, secret=SECRET.encode(), backend=backend) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        connection = Connection(path)
        try:
            yield connection
        finally:
            connection.close()
            server.shutdown()
            thread.join()


def test_a_connection_serves_one_request_after_another(
    connection: Connection, backend: WritingBackend
) -> None:
    assert connection.ask(body=b"1") == (200, b"echo 1")
    first = connection.sock
    assert connection.ask(body=b"2") == (200, b"echo 2")
    assert connection.sock is first
    assert len(backend.asked) == 2


def test_the_backend_sees_a_request_built_anew(connection: Connection, backend: WritingBackend) -> None:
    """A User-Agent can carry a region that moto would prefer, and an Authorization another service."""
    connection.ask(
        User_Agent="Boto3/1 region/us-gov-1",
        Authorization="AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20000101/us-east-2/s3/aws4_request",
        X_Moto_Account_Id="999999999999",
        X_Forwarded_Host="s3.amazonaws.com",
        X_Amzn_Query_Mode="true",
    )
    (environ,) = backend.asked
    assert {name for name in environ if name.startswith("HTTP_")} == {
        "HTTP_HOST", "HTTP_X_AMZ_TARGET", "HTTP_AUTHORIZATION", "HTTP_X_AMZN_QUERY_MODE",
    }  # fmt: skip
    assert "/eu-west-1/dynamodb/" in environ["HTTP_AUTHORIZATION"]
    assert SECRET not in repr(environ)


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], SECRET + "0", "ÿ" * 32])
def test_without_the_secret_nothing_is_asked(
    connection: Connection, backend: WritingBackend, secret: str
) -> None:
    assert connection.ask(**{SECRET_HEADER: secret}) == (403, b"")
    assert backend.asked == []


@pytest.mark.parametrize(
    "host", ["", "s3.us-east-1.amazonaws.com", "dynamodb.x.amazonaws.com.evil", "moto_api"]
)
def test_another_service_is_not_found(connection: Connection, backend: WritingBackend, host: str) -> None:
    assert connection.ask(Host=host or "-")[0] == 404
    assert backend.asked == []


@pytest.mark.parametrize(
    "target", ["", "AmazonSQS.ListQueues", "DynamoDB_20120810.", "DynamoDB_20111205.GetItem", "x"]
)
def test_another_target_is_not_found(connection: Connection, backend: WritingBackend, target: str) -> None:
    assert connection.ask(X_Amz_Target=target)[0] == 404
    assert backend.asked == []


@pytest.mark.parametrize("path", ["/moto-api/reset", "/111122223333/queue", "/latest/meta-data/"])
def test_another_path_is_not_found(connection: Connection, backend: WritingBackend, path: str) -> None:
    assert connection.ask(path)[0] == 404
    assert backend.asked == []


def test_a_body_of_unknown_or_excessive_length_is_refused(
    connection: Connection, backend: WritingBackend
) -> None:
    assert connection.ask(Content_Length="9" * 12)[0] == 413
    connection.close()
    assert connection.ask(Transfer_Encoding="chunked", body=b"0\r\n\r\n")[0] == 411
    assert backend.asked == []


def test_what_goes_wrong_inside_stays_inside(
    connection: Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    status, body = connection.ask(
        body=b"fail", Host="sqs.eu-west-1.amazonaws.com", X_Amz_Target="AmazonSQS.SendMessage"
    )
    assert (status, b"traceback" in body) == (500, False)
    logged = capfd.readouterr()  # without a configuration structlog writes to stdout
    assert "KeyError" in logged.out + logged.err
    assert connection.ask(body=b"again")[0] == 200


def test_what_moto_fails_to_read_is_a_request_that_cannot_be_right(
    connection: Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    """moto raises KeyError and the like over an expression that DynamoDB refuses."""
    status, body = connection.ask(body=b"fail")
    assert (status, b"traceback" in body) == (400, False)
    assert json.loads(body)["__type"].endswith("#ValidationException")
    logged = capfd.readouterr()  # without a configuration structlog writes to stdout
    assert "KeyError" in logged.out + logged.err


def test_reset_needs_the_secret_too(connection: Connection, backend: WritingBackend) -> None:
    assert connection.ask("/reset")[0] == 204
    assert connection.ask("/reset", **{SECRET_HEADER: "wrong"})[0] == 403
    assert backend.resets == 1


def test_a_short_secret_is_refused(backend: WritingBackend, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter than 16 bytes"):
        UpstreamServer(tmp_path / "m.sock", secret=b"", backend=backend)
