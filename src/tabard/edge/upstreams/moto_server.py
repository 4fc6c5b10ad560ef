"""Serve moto's DynamoDB and SQS on a UNIX socket, to clients with a secret.

Run as `python -m tabard.edge.upstreams.moto_server SOCKET json|text`, with the secret on stdin; the last
argument is the log format. It replaces moto's own server, which closes every connection, accepts any client,
offers every service and an API to change its state, and answers in threads without a lock.

A request is `POST /` with the secret, `Host: SERVICE.REGION.amazonaws.com` and `X-Amz-Target`; moto sees a
new request, built from these. `POST /reset` empties everything.
"""

import hmac
import io
import json
import re
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol

import structlog

from tabard.clock import Clock, SystemClock
from tabard.edge.upstreams.moto_comparisons import compare_as_dynamodb_does
from tabard.edge.upstreams.moto_tokens import OPERATION, TransactionTokens
from tabard.processes.process_log import configure_log, log_what_ends_the_process

SECRET_HEADER = "X-Tabard-Upstream-Secret"  # noqa: S105 - the header's name
RESET_PATH = "/reset"
BODY_LIMIT_BYTES = 32 * 1024 * 1024
IDLE_SECONDS = 120
CALL_FAILED = "upstream_call_failed"
CONNECTION_FAILED = "upstream_connection_failed"

_log = structlog.get_logger(__name__)

TARGETS = {"dynamodb": "DynamoDB_20120810.", "sqs": "AmazonSQS."}
_HOST = re.compile(r"(dynamodb|sqs)\.([a-z0-9-]{1,40})\.amazonaws\.com")
_TARGET = re.compile(r"[A-Za-z0-9_]+\.[A-Za-z]+")
_NOT_RELAYED = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
_REFUSED = {403: "Forbidden", 404: "Not Found", 411: "Length Required", 413: "Content Too Large"}
_FAILED = json.dumps({"__type": "InternalFailure", "message": "The upstream failed."}).encode()
# moto raises KeyError, ValueError and the like over what DynamoDB calls a ValidationException: an expression
# that ends too early, a value that is not defined, a start key that is none.
_NOT_EVALUATED = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ValidationException",
        "message": "The request could not be evaluated: an expression or a key in it is malformed.",
    }
).encode()

Environ = dict[str, Any]  # the types of WSGI: PEP 3333
WsgiApplication = Callable[[Environ, Callable[..., object]], Iterable[bytes]]


class Backend(Protocol):
    """The engine behind the server: it answers one call at a time, and can be emptied."""

    def call(self, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status line, headers and body of the answer to one WSGI request."""

    def reset(self) -> None:
        """Forget every table, queue and message."""


class MotoBackend:
    """moto, one call at a time.

    INVARIANT: a call holds the lock, except while ReceiveMessage waits. moto's models are not made for
    threads: deleting a message rewrites the queue's list, and a transaction puts whole tables back when it
    fails; a concurrent call would be lost.
    """

    _lock = threading.Lock()  # one for all backends, because moto's state belongs to the process

    def __init__(self, clock: Clock) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        compare_as_dynamodb_does()
        self._tokens = TransactionTokens(clock)
        self._application: WsgiApplication = DomainDispatcherApplication(create_backend_app)
        self._release_while_waiting()

    def call(self, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            told.append((status, headers))

        def perform() -> tuple[str, list[tuple[str, str]], bytes]:
            body = b"".join(self._application(environ, start_response))
            return *told[-1], body

        with self._lock:
            if environ["HTTP_X_AMZ_TARGET"] != OPERATION:
                return perform()
            content = environ["wsgi.input"].getvalue()
            return self._tokens.once(environ["HTTP_HOST"], content, perform)

    def reset(self) -> None:
        from moto.moto_api._internal.models import moto_api_backend

        with self._lock:
            moto_api_backend.reset()
            self._tokens.forget()

    def load(self) -> None:
        """Import both services now, so that the first caller does not wait for it."""
        for service, operation in (("dynamodb", "ListTables"), ("sqs", "ListQueues")):
            host = f"{service}.us-east-1.amazonaws.com"
            self.call(environ_of(host=host, target=TARGETS[service] + operation, body=b"{}"))

    def _release_while_waiting(self) -> None:
        from moto.sqs.models import Queue

        lock = self._lock
        wait = getattr(Queue.wait_for_messages, "__wrapped__", Queue.wait_for_messages)

        @wraps(wait)
        def wait_unlocked(queue: Queue, timeout: int) -> None:
            lock.release()
            try:
                wait(queue, timeout)
            finally:
                lock.acquire()

        Queue.wait_for_messages = wait_unlocked  # type: ignore[method-assign, assignment]


def environ_of(
    *,
    host: str,
    target: str,
    body: bytes,
    content_type: str = "application/x-amz-json-1.0",
    query_mode: str = "",
) -> Environ:
    """Make the WSGI request for one call, with only the values that moto needs.

    moto takes the region from the host, and the service from the scope of an Authorization it never checks.
    """
    service, region, *_ = host.split(".")
    scope = f"AKIAIOSFODNN7EXAMPLE/20000101/{region}/{service}/aws4_request"
    environ: Environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": host,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": host,
        "HTTP_X_AMZ_TARGET": target,
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if query_mode:
        environ["HTTP_X_AMZN_QUERY_MODE"] = query_mode
    return environ


class UpstreamServer(socketserver.ThreadingUnixStreamServer):
    """A server with a thread for each connection. Connections stay open for the pooled client."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path, *, secret: bytes, backend: Backend) -> None:
        if len(secret) < 16:
            raise ValueError("the secret on stdin is shorter than 16 bytes")
        self.secret = secret
        self.backend = backend
        path.unlink(missing_ok=True)  # of a killed predecessor
        super().__init__(str(path), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base's
        if not isinstance(sys.exception(), ConnectionError):
            _log.exception(CONNECTION_FAILED)


class _Handler(BaseHTTPRequestHandler):
    """One connection. A client without the secret gets 403."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: UpstreamServer

    def do_POST(self) -> None:
        given = self.headers.get(SECRET_HEADER, "").encode("latin-1")
        if not hmac.compare_digest(given, self.server.secret):
            self._refuse(403)
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self._refuse(411)
            return
        if int(length) > BODY_LIMIT_BYTES:
            self._refuse(413)
            return
        body = self.rfile.read(int(length))
        if self.path == RESET_PATH:
            self.server.backend.reset()
            self._answer("204 No Content", [], b"")
            return
        host, target = self.headers.get("Host", ""), self.headers.get("X-Amz-Target", "")
        service = _HOST.fullmatch(host)
        known = service is not None and _TARGET.fullmatch(target) and target.startswith(TARGETS[service[1]])
        if self.path != "/" or not known:
            self._refuse(404)
            return
        self._call(host, target, body)

    def _call(self, host: str, target: str, body: bytes) -> None:
        content_type = self.headers.get("Content-Type", "application/x-amz-json-1.0")
        query_mode = self.headers.get("X-Amzn-Query-Mode", "")
        environ = environ_of(
            host=host, target=target, body=body, content_type=content_type, query_mode=query_mode
        )
        try:
            status, headers, answer = self.server.backend.call(environ)
        except Exception:  # noqa: BLE001 - whatever moto raises, the connection goes on and the log has it
            _log.exception(CALL_FAILED, host=host, target=target)
            headers = [("Content-Type", content_type)]
            status, answer = (
                ("400 Bad Request", _NOT_EVALUATED)
                if host.startswith("dynamodb.")
                else ("500 Internal Server Error", _FAILED)
            )
        self._answer(status, headers, answer)

    def _answer(self, status: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += ["Connection: close"] if self.close_connection else []
        lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _NOT_RELAYED]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._answer(f"{status} {_REFUSED[status]}", [], b"")

    def log_message(self, *_: object) -> None:
        """No-op: the edge records every request."""


def main(argv: list[str]) -> int:
    """Serve until ended by a signal."""
    if len(argv) != 2 or argv[1] not in ("json", "text"):
        print("usage: moto_server SOCKET json|text, with the secret on stdin", file=sys.stderr)
        return 2
    configure_log("text" if argv[1] == "text" else "json")
    log_what_ends_the_process()
    secret = sys.stdin.buffer.read().strip()
    backend = MotoBackend(SystemClock())
    backend.load()
    with UpstreamServer(Path(argv[0]), secret=secret, backend=backend) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
