"""Whose connection it is."""

import os
import socket
import subprocess
import sys

import pytest

from tabard.imds.peer import peer_check_works, uid_of_peer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NETLINK_SOCK_DIAG is Linux's")

CONNECT_AS = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
connection = socket.socket()
connection.connect(("127.0.0.1", int(sys.argv[1])))
connection.recv(1)
"""


def test_this_machine_can_tell() -> None:
    assert peer_check_works()


def test_our_own_connection_is_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = listener.getsockname()
        with socket.create_connection(own) as client:
            assert uid_of_peer(peer=client.getsockname(), own=own) == os.getuid()


@pytest.mark.root("becomes another user")
def test_a_connection_of_another_user_is_that_users() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = listener.getsockname()
        listener.settimeout(10)
        child = subprocess.Popen([sys.executable, "-c", CONNECT_AS, str(own[1]), "12345"])
        try:
            accepted, peer = listener.accept()
            with accepted:
                assert uid_of_peer(peer=peer, own=own) == 12345
        finally:
            child.wait(10)


def test_a_connection_that_is_closed_is_nobodys() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = listener.getsockname()
        client = socket.create_connection(own)
        peer = client.getsockname()
        accepted, _ = listener.accept()
        with accepted:
            client.close()
            assert uid_of_peer(peer=peer, own=own) is None


def test_a_connection_that_does_not_exist_is_nobodys() -> None:
    assert uid_of_peer(peer=("127.0.0.1", 1), own=("127.0.0.1", 2)) is None
