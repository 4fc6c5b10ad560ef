"""The console log of an instance: the output of its processes, in files of bounded size."""

import asyncio
import os
from pathlib import Path

CONSOLE_BYTES = 1024 * 1024
"""The size limit of console.log, and of the former console.log.1."""

CONSOLE_LOG = "console.log"
FORMER_CONSOLE_LOG = "console.log.1"

_READ_BYTES = 64 * 1024


class ConsoleLog:
    """Appends to console.log (mode 0600), and starts a new file when it is full."""

    def __init__(self, path: Path, *, limit_bytes: int = CONSOLE_BYTES) -> None:
        self._path = path
        self._former = path.with_name(f"{path.name}.1")
        self._limit_bytes = limit_bytes

    async def copy(self, output: int) -> None:
        """Copy from the read end of a pipe until the pipe ends, and close it.

        Output that cannot be written (a full disk) is lost. Reading continues, so that no writer blocks.
        """
        stream = asyncio.StreamReader(limit=_READ_BYTES)
        pipe = os.fdopen(output, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        descriptor = self._open()
        written = os.fstat(descriptor).st_size
        try:
            while chunk := await stream.read(_READ_BYTES):
                if written + len(chunk) > self._limit_bytes:
                    os.close(descriptor)
                    self._path.replace(self._former)
                    descriptor, written = self._open(), 0
                written += self._write(descriptor, chunk)
        finally:
            os.close(descriptor)
            transport.close()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    @staticmethod
    def _write(descriptor: int, chunk: bytes) -> int:
        try:
            return os.write(descriptor, chunk)
        except OSError:
            return 0
