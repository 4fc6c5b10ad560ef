"""A fake S3 on a UNIX socket: one 1 KiB object for every GET, with the headers SeaweedFS sends.

Run as `python -m bench.fake_s3 SOCKET`. What it costs is nobody's: edge and nginx ask the same one, and only
their own CPU time is read.
"""

import asyncio
import sys
from typing import cast

CONTENT = b"x" * 1024
ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"Accept-Ranges: bytes\r\n"
    b'Content-Disposition: inline; filename="object"\r\n'
    b"Content-Length: 1024\r\n"
    b"Content-Type: binary/octet-stream\r\n"
    b'ETag: "c1ad3ef07bd27c7b2e0b8d2b0e4f2a3e"\r\n'
    b"Last-Modified: Sat, 31 Jan 2026 12:00:00 GMT\r\n"
    b"Server: SeaweedFS 30GB 4.48\r\n"
    b"X-Amz-Request-Id: 17A5E0C1B2D3F4A5C1ad3ef0\r\n"
    b"Date: Sat, 31 Jan 2026 12:00:01 GMT\r\n"
    b"\r\n"
) + CONTENT


class _Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._received = b""

    def data_received(self, data: bytes) -> None:
        received = self._received + data
        whole, _, self._received = received.rpartition(b"\r\n\r\n")
        if whole:
            self._transport.write(ANSWER * (whole.count(b"\r\n\r\n") + 1))


async def _serve(path: str) -> None:
    server = await asyncio.get_running_loop().create_unix_server(_Upstream, path)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
