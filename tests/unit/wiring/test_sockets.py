"""The sockets of a system: what lies in their place, whom they are open to, and who else knocks."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabard.clock import SystemClock
from tabard.edge.body import Body
from tabard.edge.network_path_listener import NetworkPathListener
from tabard.edge.server import edge_server
from tabard.http1.answer import Answer
from tabard.model.network_path import NetworkPath, to_preamble
from tabard.wire.request import RawRequest
from tabard.wiring.control import ControlServer
from tabard.wiring.listeners import unix_listener

NOBODY = 65534
KNOCK = """
import os, socket, sys
os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
knocking = socket.socket(socket.AF_UNIX)
knocking.settimeout(10)
knocking.connect(sys.argv[1])
try:
    knocking.sendall(sys.stdin.buffer.read())
    said = b""
    while piece := knocking.recv(4096):
        said += piece
except ConnectionError:
    said = b""
sys.stdout.buffer.write(said)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "tabard.sock"


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Where others get to: not where a socket of ours ever is, so that what it asks itself is tried."""
    if sys.platform != "linux":
        pytest.skip("Linux alone tells whose a connection is")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "tabard.sock"


async def knock(path: Path, message: bytes, *, uid: int) -> bytes:
    os.chmod(path, 0o666)  # noqa: PTH101 - a moment
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-I", "-S", "-c", KNOCK, str(path), str(uid)],
        input=message,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return bytes(done.stdout)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_socket_is_its_owners_alone_from_its_first_moment(place: Path, umask: int) -> None:
    """It is bound so, and not closed later: there is no moment in which somebody else gets in."""
    before = os.umask(umask)
    try:
        unix_listener(place).close()
    finally:
        assert os.umask(before) == umask
    status = place.lstat()
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600


def test_a_link_in_its_place_is_taken_away_and_not_followed(place: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    place.symlink_to(precious)
    unix_listener(place).close()
    assert stat.S_ISSOCK(place.lstat().st_mode)
    assert precious.read_text() == "as it was"
    place.unlink()
    place.symlink_to(tmp_path / "nowhere")
    unix_listener(place).close()
    assert stat.S_ISSOCK(place.lstat().st_mode)
    assert not (tmp_path / "nowhere").exists()


def test_anothers_listener_in_its_place_gets_no_connection_any_more(place: Path) -> None:
    """Who listened there before keeps a socket that no path leads to."""
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(place))
        theirs.listen()
        theirs.setblocking(False)
        with unix_listener(place) as ours, socket.socket(socket.AF_UNIX) as client:
            client.connect(str(place))
            ours.accept()[0].close()
            with pytest.raises(BlockingIOError):
                theirs.accept()


def test_a_folder_in_its_place_is_left_and_said(place: Path) -> None:
    place.mkdir()
    with pytest.raises(OSError, match=place.name):
        unix_listener(place)
    assert place.is_dir()


@pytest.mark.root("becomes another user")
async def test_the_control_socket_obeys_its_own_user_alone(open_place: Path) -> None:
    done: list[str] = []

    async def reset() -> None:
        done.append("reset")

    control = ControlServer(open_place, {"reset": reset})
    await control.start()
    asked = json.dumps({"command": "reset"}).encode() + b"\n"
    refused = await knock(open_place, asked, uid=NOBODY)
    # What was sent is not even read, so that its sender may hear of a reset before he hears why.
    assert (refused in (b"", b'{"error": "this socket is another user\'s"}\n'), done) == (True, [])
    assert (json.loads(await knock(open_place, asked, uid=0)), done) == ({"done": "reset"}, ["reset"])
    await control.stop()


@pytest.mark.root("becomes another user")
async def test_another_user_vouches_for_nothing(open_place: Path) -> None:
    """Even one who gets to the socket: the kernel says whose the connection is."""
    heard: list[NetworkPath | None] = []

    async def hear(raw: RawRequest, body: Body) -> Answer:
        heard.append(raw.network_path)
        return Answer(status=200, headers=(), body=b"heard")

    edge = edge_server(hear, clock=SystemClock())
    listener = unix_listener(open_place)
    server = await asyncio.get_running_loop().create_unix_server(NetworkPathListener(edge), sock=listener)
    claimed = NetworkPath(vpc_id="vpc-0123456789abcdef0", private_ip_address="172.31.1.2")
    message = to_preamble(claimed) + b"GET / HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"
    assert (await knock(open_place, message, uid=NOBODY), heard) == (b"", [])
    assert (await knock(open_place, message, uid=0)).endswith(b"heard")
    assert heard == [claimed]
    server.close()
    await edge.shutdown(1)
