"""A client that replays requests over kept connections; what it costs is not measured."""

import socket
from collections.abc import Sequence

CONNECTIONS = 8


class Client:
    """Sends one request on each of eight connections, then reads the eight answers, and again."""

    def __init__(self, port: int, *, connections: int = CONNECTIONS) -> None:
        self._port = port
        self._sockets = [self._connect() for _ in range(connections)]

    def close(self) -> None:
        for connection in self._sockets:
            connection.close()

    def replay(self, requests: Sequence[bytes]) -> None:
        """Every request once; each must be answered with 200 and its whole body."""
        for begin in range(0, len(requests), len(self._sockets)):
            wave = requests[begin : begin + len(self._sockets)]
            for connection, request in zip(self._sockets, wave, strict=False):
                connection.sendall(request)
            for place in range(len(wave)):
                if self._closes_after_answer(self._sockets[place]):
                    self._sockets[place].close()
                    self._sockets[place] = self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    @staticmethod
    def _closes_after_answer(connection: socket.socket) -> bool:
        received = b""
        while b"\r\n\r\n" not in received:
            received += _more(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").lower().split("\r\n")
        if status.split()[1] != "200":
            raise RuntimeError(f"answered {status}: {received[:2000]!r}")
        headers = dict(line.split(": ", 1) for line in lines)
        missing = int(headers["content-length"]) - len(body)
        while missing > 0:
            missing -= len(_more(connection))
        return headers.get("connection") == "close" or status.startswith("http/1.0")


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise RuntimeError("the server closed the connection before its answer was complete")
    return received
