"""The stage between fork and exec, tried with real processes."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tabard.processes import launch
from tabard.processes.isolation import network_isolation, network_isolation_available

LAUNCH = [sys.executable, "-I", "-S", launch.__file__]
linux = pytest.mark.skipif(sys.platform != "linux", reason="prctl and namespaces are Linux's")
isolated = pytest.mark.skipif(not network_isolation().available, reason=network_isolation().reason)


def run(*arguments: str, pass_fds: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAUNCH, *arguments], capture_output=True, text=True, check=False, pass_fds=pass_fds, timeout=20
    )


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--", "/nowhere/to/be/found"], 127, "the command is not found"),
        (["--", "/etc/passwd"], 126, "cannot execute the command: Permission denied"),
        (["--"], 126, "no command after --"),
        ([], 126, "no command after --"),
        (["--frobnicate", "--", "true"], 126, "unknown option --frobnicate"),
        (["--uid", "nobody", "--", "true"], 126, "--uid needs a value of its kind"),
        (["--umask"], 126, "--umask needs a value of its kind"),
        (["--private-tmp", "--", "true"], 126, "--private-tmp needs --isolate-network"),
        (["--parent-pid", "1", "--", "true"], 126, "the parent 1 ended before the child could start"),
    ],
)
def test_a_failed_start_gives_the_reason_in_one_sentence(
    arguments: list[str], status: int, sentence: str
) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (status, f"tabard launch: {sentence}\n")


def test_the_command_gets_its_arguments_its_umask_and_its_exit_status() -> None:
    done = run("--umask", "027", "--", "/bin/sh", "-c", 'umask; echo "$0|$1"; exit 7', "a b", "c'd")
    assert (done.returncode, done.stdout) == (7, "0027\na b|c'd\n")


@linux
def test_only_declared_descriptors_reach_the_command() -> None:
    left, right = socket.socketpair()
    with left, right:
        listing = ("/bin/sh", "-c", "ls /proc/$$/fd")
        inherited = (left.fileno(), right.fileno())
        done = run("--keep-fd", str(left.fileno()), "--", *listing, pass_fds=inherited)
        open_there = {int(number) for number in done.stdout.split()}
        assert left.fileno() in open_there
        assert right.fileno() not in open_there


def ignored_signals(status: str) -> set[int]:
    """Of the signals 1 to 31: the two above them are the C library's own."""
    mask = int(status.partition("SigIgn:\t")[2].split()[0], 16)
    return {number for number in range(1, 32) if mask & 1 << (number - 1)}


@linux
def test_the_command_starts_with_default_signals_and_without_new_privileges() -> None:
    status = run("--", "/bin/cat", "/proc/self/status").stdout
    assert "NoNewPrivs:\t1" in status
    ignored = ignored_signals(status)
    # What was ignored before Tabard came (nohup) is the caller's wish; what the interpreter ignores is not.
    assert {signal.SIGPIPE, signal.SIGXFSZ}.isdisjoint(ignored)
    assert ignored <= ignored_signals(Path("/proc/self/status").read_text())
    assert "NoNewPrivs:\t0" in run("--allow-new-privileges", "--", "/bin/cat", "/proc/self/status").stdout


@isolated
def test_an_isolated_command_has_only_lo_and_no_capability() -> None:
    script = "cat /proc/net/dev /proc/self/status; echo; ls -A /tmp"
    done = run("--isolate-network", "--private-tmp", "--", "/bin/sh", "-c", script)
    devices, _, _ = done.stdout.partition("Name:")
    interfaces = [line.split(":")[0].strip() for line in devices.splitlines()[2:]]
    assert interfaces == ["lo"]
    assert "CapEff:\t0000000000000000" in done.stdout
    assert "CapBnd:\t0000000000000000" in done.stdout
    assert done.stdout.endswith("\n\n")  # its /tmp is empty


@isolated
def test_lo_is_up_and_the_hosts_ports_are_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = (
            "import socket as s\n"
            "a = s.create_server(('127.0.0.1', 0)); b = s.create_connection(a.getsockname()); print('own')\n"
            f"try: s.create_connection(('127.0.0.1', {port}))\n"
            "except ConnectionRefusedError: print('refused')\n"
        )
        done = run("--isolate-network", "--", sys.executable, "-I", "-S", "-c", script)
    assert done.stdout.split() == ["own", "refused"]


@isolated
def test_kept_folders_stay_visible_under_a_private_tmp(tmp_path: Path) -> None:
    if not str(tmp_path.resolve()).startswith("/tmp/"):
        pytest.skip("the tests' folder is not under /tmp")
    (tmp_path / "there").write_text("before")
    script = f"cat {tmp_path}/there; echo after > {tmp_path}/there; echo x > /tmp/private"
    done = run(
        "--isolate-network", "--private-tmp", "--keep-folder", str(tmp_path), "--", "/bin/sh", "-c", script
    )
    assert (done.returncode, done.stdout) == (0, "before")
    assert (tmp_path / "there").read_text() == "after\n"
    assert not Path("/tmp/private").exists()


@isolated
def test_tmp_itself_cannot_be_kept() -> None:
    done = run("--isolate-network", "--private-tmp", "--keep-folder", "/tmp", "--", "true")
    assert done.returncode == 126
    assert "cannot stay visible" in done.stderr


@pytest.mark.root("becomes another user")
@pytest.mark.parametrize(
    "isolation", [[], pytest.param(["--isolate-network", "--private-tmp"], marks=isolated)]
)
def test_another_uid_has_neither_our_groups_nor_a_capability(isolation: list[str]) -> None:
    done = run(
        "--uid",
        "65534",
        "--gid",
        "65534",
        *isolation,
        "--",
        "/bin/sh",
        "-c",
        "id -u; id -G; cat /proc/self/status",
    )
    assert done.stdout.splitlines()[:2] == ["65534", "65534"]
    assert "CapEff:\t0000000000000000" in done.stdout


@linux
@pytest.mark.parametrize(
    "isolation", [[], pytest.param(["--isolate-network", "--private-tmp"], marks=isolated)]
)
@pytest.mark.parametrize(
    "uid",
    [[], pytest.param(["--uid", "65534", "--gid", "65534"], marks=pytest.mark.root("becomes another user"))],
)
def test_the_command_ends_when_its_parent_is_killed(isolation: list[str], uid: list[str]) -> None:
    script = (
        "import os, subprocess, sys\n"
        "launch = [sys.executable, '-I', '-S', *sys.argv[1:], '--parent-pid', str(os.getpid())]\n"
        "child = subprocess.Popen([*launch, '--', '/bin/sh', '-c', 'echo $$; exec sleep 60'])\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, launch.__file__, *isolation, *uid], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pidfd = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            assert -parent.wait() == signal.SIGKILL
            # The pipe is at its end only when the child, which has it too, is gone.
            assert parent.stdout.read() == b""
        finally:
            os.close(pidfd)


def test_the_probe_gives_the_reason_for_a_failure() -> None:
    found = network_isolation()
    assert network_isolation_available() is found.available
    assert found.available or found.reason
