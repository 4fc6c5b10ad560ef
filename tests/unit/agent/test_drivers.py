"""Starting and stopping processes."""

import asyncio
import os
import signal
import stat
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from described_instance import FACTS

from tabard.agent.drivers.console import ConsoleLog
from tabard.agent.drivers.driver import ExitStatus, Running
from tabard.agent.drivers.foreground import ForegroundDriver
from tabard.agent.drivers.process import ProcessDriver

GRACE = timedelta(seconds=5)


async def start(tmp_path: Path, script: str, **environment: str) -> Running:
    driver = ProcessDriver(base_environment=os.environ)
    desired = msgspec.structs.replace(FACTS, user_data=script.encode())
    return await driver.start(desired, {**driver.base_environment, **environment}, tmp_path)


async def eventually(path: Path) -> str:
    for _ in range(500):
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        await asyncio.sleep(0.01)
    raise AssertionError(f"{path.name} was never written")


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
    assert (tmp_path / "console.log").read_text() == f"{tmp_path}\n{tmp_path}\ng\noops\n"
    for name, mode in (("console.log", 0o600), ("user-data", 0o700)):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


async def test_user_data_that_is_no_script_runs_nothing_until_stopped(tmp_path: Path) -> None:
    running = await start(tmp_path, "#cloud-config\n")
    waiting = asyncio.create_task(running.wait())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await running.stop(GRACE)
    assert await waiting == ExitStatus()
    assert list(tmp_path.iterdir()) == []


async def test_stopping_asks_first(tmp_path: Path) -> None:
    running = await start(
        tmp_path, "#!/bin/sh\ntrap 'echo bye; exit 7' TERM\necho ready\nwhile :; do sleep 0.05; done\n"
    )
    await eventually(tmp_path / "console.log")
    await running.stop(GRACE)
    assert await running.wait() == ExitStatus(code=7)
    assert (tmp_path / "console.log").read_text() == "ready\nbye\n"


async def test_what_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    running = await start(tmp_path, "#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 0.05; done\n")
    await eventually(tmp_path / "console.log")
    await running.stop(timedelta(seconds=0.1))
    assert await running.wait() == ExitStatus(signal_number=signal.SIGKILL)


async def test_what_the_main_process_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    running = await start(tmp_path, "#!/bin/sh\nsleep 60 &\necho $!\n")
    assert await running.wait() == ExitStatus(code=0)
    left = int((tmp_path / "console.log").read_text())
    for _ in range(100):
        if not Path(f"/proc/{left}").exists() or "Z" in Path(f"/proc/{left}/stat").read_text().split()[2]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the leftover still runs")


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux's")
async def test_the_main_process_dies_with_its_agent(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, os\n"
        "from pathlib import Path\n"
        "from tabard.agent.drivers.foreground import ForegroundDriver\n"
        "async def main():\n"
        "    driver = ForegroundDriver(['sh', '-c', 'echo $$; sleep 60'], base_environment=os.environ)\n"
        "    await driver.start(None, dict(os.environ), Path('.'))\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert agent.stdout is not None
    pid = int(await asyncio.wait_for(agent.stdout.readline(), 20))
    agent.kill()
    await agent.wait()
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the instance outlived its agent")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
async def test_a_launch_uid_owns_the_process_and_its_files() -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o711)
        directory = Path(name) / "instance"
        directory.mkdir(mode=0o700)
        driver = ProcessDriver(base_environment=os.environ, uid=12345, gid=12345)
        driver.claim(directory)
        assert driver.uid == 12345
        desired = msgspec.structs.replace(FACTS, user_data=b"#!/bin/sh\nid -u; id -g; id -G\n")
        running = await driver.start(desired, driver.base_environment, directory)
        assert await running.wait() == ExitStatus(code=0)
        assert (directory / "console.log").read_text() == "12345\n12345\n12345\n"


async def test_the_foreground_command_reports_its_exit_status(tmp_path: Path) -> None:
    driver = ForegroundDriver(["sh", "-c", "exit 5"], base_environment={"PATH": os.environ["PATH"]})
    running = await driver.start(FACTS, driver.base_environment, tmp_path)
    assert (await running.wait()).shell_code == 5
    assert (await driver.ended).shell_code == 5
    assert driver.uid == os.getuid()


async def test_the_foreground_command_can_be_stopped(tmp_path: Path) -> None:
    driver = ForegroundDriver(["sleep", "60"], base_environment=os.environ)
    running = await driver.start(FACTS, os.environ, tmp_path)
    waiting = asyncio.create_task(running.wait())
    await running.stop(GRACE)
    assert (await waiting).signal_number == signal.SIGTERM
    await running.stop(GRACE)


async def test_a_command_that_is_not_started_ends_with_126() -> None:
    driver = ForegroundDriver(["true"], base_environment={})
    driver.not_started("i-0123456789abcdef0", "no metadata")
    assert (await driver.ended, driver.reason) == (ExitStatus(code=126), "no metadata")


async def test_the_console_log_is_bounded(tmp_path: Path) -> None:
    stream = asyncio.StreamReader()
    log = ConsoleLog(tmp_path / "console.log", limit_bytes=10)
    copying = asyncio.create_task(log.copy(stream))
    for chunk in (b"first\n", b"second\n", b"third\n"):
        stream.feed_data(chunk)
        await asyncio.sleep(0)
    stream.feed_eof()
    await copying
    assert (tmp_path / "console.log").read_bytes() == b"third\n"
    assert (tmp_path / "console.log.1").read_bytes() == b"second\n"
