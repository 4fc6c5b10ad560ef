"""A 1 KiB GET through the edge process, beside nginx and beside moto's server; metadata beside nginx.

Edge and nginx ask the same fake S3 over a UNIX socket with kept connections: what is left is the proxy's own
cost. moto answers from its own memory. CPU time is that of the serving process, all its threads.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path

from bench import processes
from bench.authorizing import signed_gets
from bench.client import Client
from bench.fake_s3 import CONTENT
from bench.figures import Measurement, Row, compare
from bench.house import BUCKET, House, on_the_wire

GETS = 1600
MOTO_GETS = 160
SETTLE_SECONDS = 0.7
"""What a server does after its answers (the audit's next flush) belongs to its round."""

GET_THROUGH_EDGE = "1 KiB GET, edge"
BESIDE_AIOHTTP = "the same edge on aiohttp's server"
NO_NGINX = "nginx is not installed"
AT_MOST_NGINX = 8.0
AT_MOST_MOTO = 0.2


def get_rows(house: House, folder: Path) -> list[Row]:
    """The edge beside nginx's `proxy_pass` and beside moto."""
    requests = [on_the_wire(request) for request in signed_gets(house, GETS)]
    name = GET_THROUGH_EDGE
    skipped: list[Row] = []
    others: list[tuple[str, Measurement, float | None]] = []
    with ExitStack() as stack:
        s3_socket = stack.enter_context(processes.fake_s3(folder))
        edge = stack.enter_context(processes.edge(folder, house.data_dir, s3_socket))
        beside_nginx = "nginx proxy_pass, no authorization"
        if processes.nginx_program() is None:
            skipped.append(Row(name=name, beside=beside_nginx, skipped_because=NO_NGINX))
        else:
            nginx = stack.enter_context(processes.nginx(folder / "proxy", _PROXY, _upstream(s3_socket)))
            others.append((beside_nginx, measure_server(stack, nginx, requests), AT_MOST_NGINX))
        if find_spec("aiohttp") is None:
            skipped.append(Row(name=name, beside=BESIDE_AIOHTTP, skipped_because="aiohttp is not installed"))
        else:
            aiohttp_edge = stack.enter_context(
                processes.edge(folder / "aiohttp", house.data_dir, s3_socket, module=("bench.aiohttp_edge",))
            )
            others.append((BESIDE_AIOHTTP, measure_server(stack, aiohttp_edge, requests), None))
        moto = stack.enter_context(processes.moto(folder))
        _fill_moto(moto[1], requests[:MOTO_GETS])
        others.append(("moto's server", measure_server(stack, moto, requests[:MOTO_GETS]), AT_MOST_MOTO))
        return [*compare(name, measure_server(stack, edge, requests), *others, is_gate=True), *skipped]


_PROXY = 'proxy_pass http://s3; proxy_http_version 1.1; proxy_set_header Connection "";'


def _upstream(s3_socket: Path) -> str:
    return f"upstream s3 {{ server unix:{s3_socket}; keepalive 16; keepalive_requests 100000000; }}"


def measure_server(stack: ExitStack, server: tuple[int, int], requests: Sequence[bytes]) -> Measurement:
    """CPU of the server for each of these requests, and for what it does after them."""
    pid, port = server
    client = stack.enter_context(closing(Client(port)))

    def measure() -> float:
        begun = processes.cpu_seconds(pid)
        client.replay(requests)
        time.sleep(SETTLE_SECONDS)
        return (processes.cpu_seconds(pid) - begun) / len(requests)

    return measure


def _fill_moto(port: int, gets: Sequence[bytes]) -> None:
    """moto checks no signature: the same heads, turned into PUTs, make the bucket and its objects."""
    framing = b"\r\ncontent-length: %d\r\n\r\n"
    puts = [
        get.replace(b"GET ", b"PUT ", 1).removesuffix(b"\r\n\r\n") + framing % len(CONTENT) + CONTENT
        for get in gets
    ]
    target = puts[0].split(b" ", 2)[1]
    bucket = puts[0].replace(target, b"/" + BUCKET.encode(), 1).removesuffix(CONTENT)
    with closing(Client(port, connections=1)) as client:
        client.replay([bucket.replace(b"content-length: 1024", b"content-length: 0"), *puts])
