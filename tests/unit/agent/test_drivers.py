"""Starting and stopping processes."""

import asyncio
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tabard.agent.drivers.console import ConsoleLog
from tabard.agent.drivers.driver import ExitStatus, Running
from tabard.agent.drivers.foreground import ForegroundDriver, as_process
from tabard.agent.drivers.process.driver import Owner, ProcessDriver
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts
from tests.support.described_instance import DESIRED
from tests.support.waiting import turns

GRACE = timedelta(seconds=5)
PORTS = LoopbackPorts(uid=os.getuid())
NETWORK = InstanceNetwork(metadata=())


def make_reachable(folder: Path) -> Path:
    folder.chmod(0o711)
    (folder / "instance").mkdir()
    (folder / "instance").chmod(0o711)
    return folder / "instance"


async def start(tmp_path: Path, script: str, **environment: str) -> Running:
    driver = ProcessDriver(PORTS, base_environment=os.environ)
    desired = msgspec.structs.replace(DESIRED, user_data=script.encode())
    return await driver.start(desired, NETWORK, {**driver.base_environment, **environment}, tmp_path)


def foreground(command: list[str]) -> ForegroundDriver:
    return ForegroundDriver(
        as_process(command, hidden=()), PORTS, base_environment={"PATH": os.environ["PATH"]}
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def last_line(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def has_a_line(path: Path) -> bool:
    return path.exists() and path.read_text().endswith("\n")


def is_over(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - a file and a process tell nobody when they change
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("status", "shell", "text"),
    [
        (ExitStatus.of(0), 0, "exit status 0"),
        (ExitStatus.of(3), 3, "exit status 3"),
        (ExitStatus.of(-15), 143, "signal SIGTERM"),
        (ExitStatus(), 0, "exit status 0"),
    ],
)
def test_how_a_process_ended(status: ExitStatus, shell: int, text: str) -> None:
    assert (status.shell_code, str(status)) == (shell, text)


async def test_user_data_runs_in_its_own_folder_with_the_given_environment_alone(tmp_path: Path) -> None:
    running = await start(
        tmp_path, "#!/bin/sh\npwd; echo $HOME; echo $GIVEN; echo oops >&2; exit 3\n", GIVEN="g"
    )
    assert await running.wait() == ExitStatus(code=3)
    console, program = tmp_path / "console.log", tmp_path / "home" / "user-data"
    assert console.read_text() == f"{tmp_path}/home\n{tmp_path}/home\ng\noops\n"
    assert [mode(path) for path in (console, program, program.parent)] == [0o600, 0o700, 0o700]


async def test_user_data_without_a_shebang_runs_no_process(tmp_path: Path) -> None:
    running = await start(tmp_path, "#cloud-config\n")
    waiting = asyncio.create_task(running.wait())
    await turns()
    assert not waiting.done()
    await running.stop(GRACE)
    assert await waiting == ExitStatus()
    assert names(tmp_path) == []


async def test_stopping_sends_sigterm_first(tmp_path: Path) -> None:
    running = await start(
        tmp_path, "#!/bin/sh\ntrap 'echo bye; exit 7' TERM\necho ready\nwhile :; do sleep 0.05; done\n"
    )
    await eventually(lambda: has_a_line(tmp_path / "console.log"))
    await running.stop(GRACE)
    assert await running.wait() == ExitStatus(code=7)
    assert (tmp_path / "console.log").read_text().endswith("bye\n")


async def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    running = await start(tmp_path, "#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 0.05; done\n")
    await eventually(lambda: has_a_line(tmp_path / "console.log"))
    await running.stop(timedelta(seconds=0.1))
    assert await running.wait() == ExitStatus(signal_number=signal.SIGKILL)


async def test_leftover_children_end_with_the_main_process(tmp_path: Path) -> None:
    running = await start(tmp_path, "#!/bin/sh\nsleep 60 &\necho $!\n")
    assert await running.wait() == ExitStatus(code=0)
    left = int((tmp_path / "console.log").read_text())
    await eventually(lambda: is_over(left))


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux's")
async def test_the_main_process_dies_with_its_agent(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, os\n"
        "from pathlib import Path\n"
        "from types import SimpleNamespace\n"
        "from tabard.agent.drivers.foreground import ForegroundDriver, as_process\n"
        "from tabard.agent.networks.network import InstanceNetwork\n"
        "async def main():\n"
        "    command = ['sh', '-c', 'echo $$; exec sleep 60']\n"
        "    driver = ForegroundDriver(as_process(command, hidden=()), None, base_environment=os.environ)\n"
        "    network = InstanceNetwork(metadata=())\n"
        "    await driver.start(SimpleNamespace(instance_id='i'), network, dict(os.environ), Path('.'))\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert agent.stdout is not None
    pid = int(await asyncio.wait_for(agent.stdout.readline(), 20))
    agent.kill()
    await agent.wait()
    await eventually(lambda: is_over(pid))


@pytest.mark.root("becomes another user")
async def test_a_launch_uid_owns_the_process_and_its_files() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = make_reachable(Path(name))
        driver = ProcessDriver(PORTS, base_environment=os.environ, owner_of=lambda _: Owner(12345, 12345))
        desired = msgspec.structs.replace(DESIRED, user_data=b"#!/bin/sh\nid -u; id -g; id -G\n")
        running = await driver.start(desired, NETWORK, driver.base_environment, directory)
        assert await running.wait() == ExitStatus(code=0)
        assert (directory / "console.log").read_text() == "12345\n12345\n12345\n"
        owners = [(directory / name).stat().st_uid for name in ("home", "home/user-data", "console.log")]
        assert owners == [12345, 12345, 0]


async def test_only_the_home_changes_its_owner_by_path_and_it_is_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of the home could replace the program before its owner changes."""
    given: list[tuple[str, list[str]]] = []
    chown = os.chown

    def recorded(path: Path, uid: int, gid: int, *, follow_symlinks: bool) -> None:
        given.append((path.name, names(path)))
        chown(path, uid, gid, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "chown", recorded)
    running = await start(tmp_path, "#!/bin/sh\nexit 0\n")
    await running.wait()
    assert given == [("home", ["user-data"])]


async def test_the_foreground_command_reports_its_exit_status(tmp_path: Path) -> None:
    driver = foreground(["sh", "-c", "exit 5"])
    running = await driver.start(DESIRED, NETWORK, driver.base_environment, tmp_path)
    assert (await running.wait()).shell_code == 5
    assert (await driver.ended).shell_code == 5


async def test_the_foreground_command_can_be_stopped(tmp_path: Path) -> None:
    driver = foreground(["sleep", "60"])
    running = await driver.start(DESIRED, NETWORK, os.environ, tmp_path)
    waiting = asyncio.create_task(running.wait())
    await running.stop(GRACE)
    assert (await waiting).signal_number == signal.SIGTERM
    await running.stop(GRACE)


async def test_a_command_that_is_not_started_ends_with_126() -> None:
    driver = foreground(["true"])
    driver.not_started("i-0123456789abcdef0", "no metadata")
    assert (await driver.ended, driver.reason) == (ExitStatus(code=126), "no metadata")


async def test_the_console_log_is_bounded(tmp_path: Path) -> None:
    output, of_process = os.pipe()
    log = ConsoleLog(tmp_path / "console.log", limit_bytes=10)
    copying = asyncio.create_task(log.copy(output))
    for line in (b"first\n", b"second\n", b"third\n"):
        os.write(of_process, line)
        await eventually(lambda line=line: last_line(tmp_path / "console.log") == line)
    os.close(of_process)
    await copying
    assert last_line(tmp_path / "console.log") == b"third\n"
    assert last_line(tmp_path / "console.log.1") == b"second\n"
