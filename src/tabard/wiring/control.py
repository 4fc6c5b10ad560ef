"""The control socket of `tabard up`, for requests of its own user that are not AWS's."""

import asyncio
import json
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from tabard.wiring.listeners import unix_listener

_LINE_BYTES = 4096

Command = Callable[[], Awaitable[None]]


class ControlServer:
    """Answers each line with a JSON object, over a UNIX socket (0600) for the same uid only."""

    def __init__(self, path: Path, commands: dict[str, Command]) -> None:
        self._path = path
        self._commands = commands
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Start to listen."""
        self._server = await asyncio.start_unix_server(
            self._serve, sock=unix_listener(self._path), limit=_LINE_BYTES
        )

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(reader, writer)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, str]:
        if _peer_uid(writer.get_extra_info("socket")) != os.geteuid():
            return {"error": "this socket is another user's"}
        try:
            asked = json.loads(await reader.readline())
            command = self._commands[asked["command"]]
        except (ValueError, KeyError, TypeError):
            return {"error": f"the commands are: {', '.join(sorted(self._commands))}"}
        try:
            await command()
        except Exception as error:  # noqa: BLE001 - whatever it was, the one who asked is told
            return {"error": str(error)}
        return {"done": asked["command"]}


def _peer_uid(connection: socket.socket) -> int:
    if sys.platform != "linux":
        # Only the modes of the folder (0700) and the socket (0600) protect it here.
        return os.geteuid()
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])
