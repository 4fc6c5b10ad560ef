"""One instance's role credentials, read with a metadata token as SDKs do, beside other servers' answers.

All of them in a connection of its own for each read, as SDKs ask: their reads are minutes apart.
"""

import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from bench import processes
from bench.figures import Measurement, Row, compare
from bench.serving import NO_NGINX, measure_server

GETS = 400
"""Within what an instance may ask at once: above it, its pace is measured."""
SLOW_GETS = 80
CREDENTIALS = "/latest/meta-data/iam/security-credentials/"
TOKEN_PATH = "/latest/api/token"
CLOSE = "Connection: close\r\n"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"

NAME = "metadata GET, role credentials"
MOTO = "moto's server"
AT_MOST_MOTO = 1 / 20
AT_MOST_MINISTACK = 1 / 6
AT_MOST_NGINX = 5.0

Server = AbstractContextManager[tuple[int, int]]


def metadata_rows(folder: Path) -> list[Row]:
    """Tabard's metadata service beside moto's, MiniStack's, and nginx with a file of the same size."""
    skipped: list[Row] = []
    others: list[tuple[str, Measurement, float | None]] = []
    with ExitStack() as stack:
        tabard = stack.enter_context(processes.metadata(folder, checks_peer=False))
        request, content = credentials_request(tabard[1])
        ours = measure_server(stack, tabard, [request] * GETS)
        rivals: list[tuple[str, str, Callable[[Path], Server], float]] = [
            (MOTO, "moto", processes.moto, AT_MOST_MOTO),
            ("MiniStack", "ministack", processes.ministack, AT_MOST_MINISTACK),
        ]
        for beside, module, start, at_most in rivals:
            if importlib.util.find_spec(module) is None:
                skipped.append(Row(name=NAME, beside=beside, skipped_because=f"{module} is not installed"))
                continue
            server = stack.enter_context(start(folder))
            requests = [credentials_request(server[1])[0]] * SLOW_GETS
            others.append((beside, measure_server(stack, server, requests), at_most))
        beside = "nginx, a file of the same size"
        if processes.nginx_program() is None:
            skipped.append(Row(name=NAME, beside=beside, skipped_because=NO_NGINX))
        else:
            served = folder / "served"
            served.mkdir()
            (served / "credentials").write_bytes(content)
            location = f"root {served}; sendfile on; keepalive_timeout 0;"
            nginx = stack.enter_context(processes.nginx(folder / "file", location))
            get = f"GET /credentials HTTP/1.1\r\nHost: 127.0.0.1:{nginx[1]}\r\n{CLOSE}\r\n".encode()
            others.append((beside, measure_server(stack, nginx, [get] * GETS), AT_MOST_NGINX))
        checking = stack.enter_context(processes.metadata(folder, checks_peer=True))
        requests = [credentials_request(checking[1])[0]] * GETS
        others.append(("itself, looking up its peer's uid", measure_server(stack, checking, requests), None))
        rows = compare(NAME, ours, *others, is_gate=True)
        # So near to its target that the machine's other work decides: told, and no gate.
        return [*(replace(row, is_gate=row.is_gate and row.beside != MOTO) for row in rows), *skipped]


def credentials_request(port: int) -> tuple[bytes, bytes]:
    """A request for the credentials of whatever role a metadata service has, and the answer's content."""
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        ask = partial(_asked, connection)
        token = ask("PUT", TOKEN_PATH, {TTL_HEADER: "21600"}).decode()
        role_name = ask("GET", CREDENTIALS, {TOKEN_HEADER: token}).decode()
        content = ask("GET", CREDENTIALS + role_name, {TOKEN_HEADER: token})
    host = f"Host: 127.0.0.1:{port}"
    head = f"GET {CREDENTIALS}{role_name} HTTP/1.1\r\n{host}\r\n{TOKEN_HEADER}: {token}\r\n{CLOSE}\r\n"
    return head.encode(), content


def _asked(connection: HTTPConnection, method: str, path: str, headers: dict[str, str]) -> bytes:
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path} was answered with {answer.status}: {content[:200]!r}")
    return content
