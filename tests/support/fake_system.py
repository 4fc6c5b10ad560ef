"""An endpoint on loopback that notes who asks for what, and answers as STS and the `hosts` service do."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
ARN = "arn:aws:iam::111122223333:user/caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: the key it was signed with, and the scope of its signature."""

    operation: str
    access_key_id: str
    region: str
    service: str


@dataclass
class FakeSystem:
    """The requests that came, and the answers.

    refusals: code and message by operation. answers: bodies of our own services by operation.
    """

    endpoint: str = ""
    asked: list[Asked] = field(default_factory=list)
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def operations(self) -> list[str]:
        return [each.operation for each in self.asked]


@contextmanager
def fake_system() -> Iterator[FakeSystem]:
    """Serve until the block ends."""
    system = FakeSystem()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            target = self.headers.get("x-amz-target", "")
            operation = target.partition(".")[2] or dict(parse_qsl(body.decode()))["Action"]
            signed = _CREDENTIAL.search(self.headers.get("authorization", ""))
            assert signed is not None
            key_id, region, service = signed.groups()
            system.asked.append(
                Asked(operation=operation, access_key_id=key_id, region=region, service=service)
            )
            status, text = _answer(system, operation, is_json=bool(target))
            content = text.encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    system.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield system
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(system: FakeSystem, operation: str, *, is_json: bool) -> tuple[int, str]:
    if operation in system.refusals:
        code, message = system.refusals[operation]
        if is_json:
            return 400, json.dumps({"__type": f"tabard#{code}", "message": message})
        return 403, (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            "<RequestId>1</RequestId></ErrorResponse>"
        )
    if operation == "AssumeRole":
        return 200, (
            "<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult>"
            "<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
            "<SessionToken>token</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>"
            "</AssumeRoleResult></AssumeRoleResponse>"
        )
    if operation == "GetCallerIdentity":
        return 200, (
            "<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'>"
            f"<GetCallerIdentityResult><Arn>{ARN}</Arn><UserId>AIDAEXAMPLE</UserId>"
            "<Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
    return 200, system.answers.get(operation, json.dumps({"Hosts": []}))
