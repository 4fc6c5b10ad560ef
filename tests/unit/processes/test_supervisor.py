"""Children that start, fail, come back and end."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tabard.processes.child import launch_argv
from tabard.processes.isolation import network_isolation
from tabard.processes.log_file import LOG_LIMIT_BYTES, bound_log, last_lines, open_log
from tabard.processes.spec import Backoff, ChildEvent, ChildFailed, ChildSpec
from tabard.processes.supervisor import LOG_NOT_BOUNDED, Supervisor
from tests.support.waiting import until

NO_WAIT = Backoff(first_seconds=0.0, longest_seconds=0.0)
OWN_NETWORK = str(Path("/proc/self/ns/net").readlink()) if network_isolation().available else ""
MakeSpec = Callable[..., ChildSpec]


@pytest.fixture
def make_spec(tmp_path: Path) -> MakeSpec:
    def make(script: str, *, name: str = "child", **changes: object) -> ChildSpec:
        facts: dict[str, object] = {
            "name": name,
            "argv": ("/bin/sh", "-c", script),
            "env": {"PATH": os.defpath},
            "cwd": tmp_path,
            "log_path": tmp_path / f"{name}.log",
            "stop_grace_seconds": 5.0,
        }
        return ChildSpec(**{**facts, **changes})

    return make


def exists(path: Path) -> Callable[[], object]:
    async def probe() -> bool:
        return is_there(path)

    return probe


def is_there(path: Path | str) -> bool:
    return Path(path).exists()


async def next_event(events: "asyncio.Queue[ChildEvent]", name: str) -> ChildEvent:
    async with asyncio.timeout(20):
        event = await events.get()
        while event.event != name:
            event = await events.get()
        return event


async def test_start_returns_when_the_child_is_ready_and_reports_the_wait(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    waits: list[tuple[str, float]] = []
    spec = make_spec("sleep 0.2; touch up; exec sleep 60", ready=exists(tmp_path / "up"))
    async with Supervisor(on_progress=lambda name, seconds: waits.append((name, seconds))) as supervisor:
        await supervisor.start(spec)
        assert (tmp_path / "up").exists()
        (status,) = supervisor.statuses()
        assert (status.name, status.state, status.restarts) == ("child", "running", 0)
    assert waits[0][0] == "child"
    assert [seconds for _, seconds in waits] == sorted(seconds for _, seconds in waits)


async def test_a_child_that_ends_before_it_is_ready_fails_with_its_last_log_lines(
    make_spec: MakeSpec,
) -> None:
    async def never() -> bool:
        return False

    async with Supervisor() as supervisor:
        with pytest.raises(ChildFailed, match="ended before it was ready: status 3") as caught:
            await supervisor.start(make_spec("echo cannot open; exit 3", ready=never))
        assert caught.value.last_log_lines == ("cannot open",)
        assert supervisor.statuses()[0].state == "stopped"


async def test_a_child_that_is_not_ready_in_time_is_ended(make_spec: MakeSpec) -> None:
    async def refused() -> bool:
        raise ConnectionRefusedError

    events: list[ChildEvent] = []
    async with Supervisor(on_event=events.append) as supervisor:
        with pytest.raises(ChildFailed, match=r"was not ready within 0\.1 seconds"):
            await supervisor.start(make_spec("exec sleep 60", ready=refused, ready_timeout_seconds=0.1))
        assert [(event.event, event.exit_status) for event in events] == [("child_exited", -signal.SIGKILL)]


async def test_a_missing_program_fails_at_once(make_spec: MakeSpec) -> None:
    async def never() -> bool:
        return False

    async with Supervisor() as supervisor:
        with pytest.raises(ChildFailed, match="status 127"):
            await supervisor.start(make_spec("", argv=("/nowhere",), ready=never))


async def test_a_killed_child_is_started_again(make_spec: MakeSpec) -> None:
    events: asyncio.Queue[ChildEvent] = asyncio.Queue()
    async with Supervisor(on_event=events.put_nowait, backoff=NO_WAIT) as supervisor:
        await supervisor.start(make_spec("exec sleep 60"))
        for restarts in (1, 2):
            (before,) = supervisor.statuses()
            assert before.pid is not None
            os.kill(before.pid, signal.SIGKILL)
            exited = await next_event(events, "child_exited")
            assert (exited.exit_status, exited.expected, exited.pid) == (-signal.SIGKILL, False, before.pid)
            restarted = await next_event(events, "child_restarted")
            assert restarted.restarts == restarts
            assert restarted.pid != before.pid


async def test_a_child_without_restart_stays_ended(make_spec: MakeSpec) -> None:
    events: asyncio.Queue[ChildEvent] = asyncio.Queue()
    async with Supervisor(on_event=events.put_nowait, backoff=NO_WAIT) as supervisor:
        await supervisor.start(make_spec("exit 4", restart=False))
        exited = await next_event(events, "child_exited")
        assert (exited.exit_status, exited.expected) == (4, False)
        assert supervisor.statuses()[0].state == "stopped"


async def test_stop_ends_the_last_started_first_and_leaves_no_zombie(make_spec: MakeSpec) -> None:
    events: list[ChildEvent] = []
    supervisor = Supervisor(on_event=events.append)
    for name in ("store", "edge", "agent"):
        await supervisor.start(make_spec("exec sleep 60", name=name))
    pids = [status.pid for status in supervisor.statuses()]
    await supervisor.stop()
    ended = [
        (event.child, event.exit_status, event.expected) for event in events if event.event == "child_exited"
    ]
    assert ended == [(name, -signal.SIGTERM, True) for name in ("agent", "edge", "store")]
    assert not any(is_there(f"/proc/{pid}") for pid in pids)
    await supervisor.stop()


async def test_a_child_beside_another_gets_its_sigterm_together_with_it(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    """Each of the two ends only once the other has been asked as well."""
    script = "trap 'touch {0}; while [ ! -e {1} ]; do sleep 0.01; done; exit 0' TERM; touch up-{0}; {2}"
    idle = "while :; do sleep 0.01; done"
    specs = [
        make_spec(script.format(one, other, idle), name=one, ready=exists(tmp_path / f"up-{one}"))
        for one, other in (("a", "b"), ("b", "a"))
    ]
    events: asyncio.Queue[ChildEvent] = asyncio.Queue()
    supervisor = Supervisor(on_event=events.put_nowait)
    await supervisor.start(make_spec("exec sleep 60", name="store"), specs[0])
    supervisor.start_later(specs[1], beside="a", after_seconds=0)
    while (await next_event(events, "child_started")).child != "b":
        pass
    await supervisor.stop()
    ended = [events.get_nowait() for _ in range(3)]
    assert sorted((event.child, event.exit_status) for event in ended[:2]) == [("a", 0), ("b", 0)]
    assert (ended[2].child, ended[2].exit_status) == ("store", -signal.SIGTERM)


async def test_a_child_is_started_later_and_ends_with_the_one_beside_it(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    events: asyncio.Queue[ChildEvent] = asyncio.Queue()
    supervisor = Supervisor(on_event=events.put_nowait, backoff=NO_WAIT)
    await supervisor.start(make_spec("exec sleep 60", name="works"))
    stand_by = make_spec("exec sleep 60", name="stands by")
    supervisor.start_later(stand_by, beside="works", after_seconds=0.01)
    assert [status.state for status in supervisor.statuses()] == ["running", "starting"]
    with pytest.raises(ValueError, match="is there already"):
        supervisor.start_later(stand_by, beside="works", after_seconds=0)
    await supervisor.start(make_spec("exec sleep 60", name="last"))
    started = await next_event(events, "child_started")
    while started.child != "stands by":
        started = await next_event(events, "child_started")
    os.kill(started.pid, signal.SIGKILL)
    assert (await next_event(events, "child_restarted")).child == "stands by"
    await supervisor.stop()
    ended = [events.get_nowait() for _ in range(events.qsize())]
    assert ended[0].child == "last"
    assert {event.child for event in ended[1:]} == {"works", "stands by"}


async def test_a_child_that_was_to_start_later_is_never_started_after_a_stop(make_spec: MakeSpec) -> None:
    events: list[ChildEvent] = []
    supervisor = Supervisor(on_event=events.append)
    await supervisor.start(make_spec("exec sleep 60", name="works"))
    supervisor.start_later(make_spec("exec sleep 60", name="stands by"), beside="works", after_seconds=60)
    await supervisor.stop()
    assert [status.state for status in supervisor.statuses()] == ["stopped", "stopped"]
    assert {event.child for event in events} == {"works"}


async def test_a_late_child_that_fails_is_tried_again(make_spec: MakeSpec, tmp_path: Path) -> None:
    events: asyncio.Queue[ChildEvent] = asyncio.Queue()
    async with Supervisor(on_event=events.put_nowait, backoff=NO_WAIT) as supervisor:
        await supervisor.start(make_spec("exec sleep 60", name="works"))
        script = "[ -e tried ] || { touch tried; exit 3; }; touch up; exec sleep 60"
        stand_by = make_spec(script, name="stands by", ready=exists(tmp_path / "up"))
        supervisor.start_later(stand_by, beside="works", after_seconds=0)
        assert (await next_event(events, "child_exited")).exit_status == 3
        assert (await next_event(events, "child_restarted")).child == "stands by"


async def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    events: list[ChildEvent] = []
    spec = make_spec(
        "trap '' TERM; touch up; while :; do sleep 1; done",
        ready=exists(tmp_path / "up"),
        stop_grace_seconds=0.1,
    )
    async with Supervisor(on_event=events.append) as supervisor:
        await supervisor.start(spec)
    assert events[-1].exit_status == -signal.SIGKILL


async def test_stop_does_not_wait_for_a_restart_under_way(make_spec: MakeSpec) -> None:
    events: asyncio.Queue[ChildEvent] = asyncio.Queue()
    backoff = Backoff(first_seconds=3600, longest_seconds=3600)
    supervisor = Supervisor(on_event=events.put_nowait, backoff=backoff)
    await supervisor.start(make_spec("exec sleep 60"))
    pid = supervisor.statuses()[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await next_event(events, "child_exited")
    assert supervisor.statuses()[0].state == "restarting"
    async with asyncio.timeout(5):
        await supervisor.stop()
    assert supervisor.statuses()[0].state == "stopped"


async def test_replace_calls_its_function_while_the_child_does_not_run(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    async with Supervisor() as supervisor:
        await supervisor.start(make_spec("exec sleep 60"))
        (before,) = supervisor.statuses()
        seen: list[bool] = []
        await supervisor.replace("child", between=lambda: seen.append(Path(f"/proc/{before.pid}").exists()))
        (after,) = supervisor.statuses()
        assert seen == [False]
        assert after.state == "running"
        assert after.pid != before.pid


async def test_the_secret_arrives_on_stdin_and_nowhere_else(make_spec: MakeSpec, tmp_path: Path) -> None:
    spec = make_spec(
        "cat > got; touch up; exec sleep 60", stdin_secret=b"hush", ready=exists(tmp_path / "up")
    )
    async with Supervisor() as supervisor:
        await supervisor.start(spec)
        assert (tmp_path / "got").read_bytes() == b"hush"
    assert "hush" not in repr(spec)
    assert not any("hush" in word for word in launch_argv(spec))


async def test_a_child_inherits_neither_our_environment_nor_our_descriptors(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    with (tmp_path / "open").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        spec = make_spec(
            "env; ls /proc/$$/fd | wc -l; touch up; exec sleep 60", ready=exists(tmp_path / "up")
        )
        async with Supervisor() as supervisor:
            await supervisor.start(spec)
            lines = supervisor.last_log_lines("child")
    assert not any("EXAMPLEKEY" in line for line in lines)
    assert int(lines[-1]) <= 4  # stdin, stdout, stderr, and perhaps the shell's own


async def test_two_children_of_one_name_are_refused(make_spec: MakeSpec) -> None:
    async with Supervisor() as supervisor:
        await supervisor.start(make_spec("exec sleep 60"))
        with pytest.raises(ValueError, match="a child named child is there already"):
            await supervisor.start(make_spec("exec sleep 60"))


async def test_children_start_only_in_the_main_thread(make_spec: MakeSpec) -> None:
    """PR_SET_PDEATHSIG would end them with the thread that started them."""
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            asyncio.run(Supervisor().start(make_spec("exec sleep 60")))
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert "main thread" in str(caught[0])


@pytest.mark.skipif(not network_isolation().available, reason=network_isolation().reason)
async def test_an_isolated_child_runs_in_another_network(make_spec: MakeSpec, tmp_path: Path) -> None:
    spec = make_spec(
        "readlink /proc/self/ns/net > ns; touch up; exec sleep 60",
        isolate_network=True,
        ready=exists(tmp_path / "up"),
    )
    async with Supervisor() as supervisor:
        await supervisor.start(spec)
    assert (tmp_path / "ns").read_text().strip() != OWN_NETWORK


def test_the_wait_before_a_restart_doubles_up_to_its_bound() -> None:
    backoff = Backoff(first_seconds=0.5, longest_seconds=3.0)
    assert [backoff.delay_seconds(failures) for failures in (1, 2, 3, 4, 1000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_spec_without_a_command_or_with_an_endless_secret_is_refused(make_spec: MakeSpec) -> None:
    with pytest.raises(ValueError, match="no command"):
        make_spec("", argv=())
    with pytest.raises(ValueError, match="longer than 4096 bytes"):
        make_spec("", stdin_secret=b"x" * 4097)


def test_a_log_is_private_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "child.log"
    path.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    path.chmod(0o644)
    descriptor = open_log(path)
    os.write(descriptor, b"one\ntwo\nthree\n")
    os.close(descriptor)
    assert path.stat().st_mode & 0o777 == 0o600
    assert last_lines(path, count=2) == ("two", "three")
    assert (tmp_path / "child.log.1").stat().st_size == LOG_LIMIT_BYTES + 1
    assert last_lines(tmp_path / "nowhere.log") == ()


def test_a_log_that_grows_past_its_limit_is_moved_while_its_child_writes_on(tmp_path: Path) -> None:
    path, former = tmp_path / "child.log", tmp_path / "child.log.1"
    assert bound_log(path, 10) is False
    descriptor = open_log(path)
    os.write(descriptor, b"0123456789")
    assert bound_log(path, 10) is False
    os.write(descriptor, b"abcde")
    assert bound_log(path, 10) is True
    os.write(descriptor, b"next\n")
    os.close(descriptor)
    assert (former.read_bytes(), path.read_bytes()) == (b"56789abcde", b"next\n")
    assert (former.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o600, 0o600)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["child.log", "child.log.1"]


async def test_no_log_outgrows_its_limit_while_its_child_runs(make_spec: MakeSpec, tmp_path: Path) -> None:
    """The child says how much it wrote; both files together never hold all of it."""
    limit, written = 20_000, 400_000
    half = f"yes 0123456789abcdef | head -c {written // 2}"
    script = f"{half}; read line < go; {half}"
    os.mkfifo(tmp_path / "go")
    spec = make_spec(f"{script}; touch done; exec sleep 60")
    log, former = tmp_path / "child.log", tmp_path / "child.log.1"
    async with Supervisor(log_limit_bytes=limit, log_look_seconds=0.001) as supervisor:
        await supervisor.start(spec)
        await until(former.exists)
        await until(lambda: log.stat().st_size <= limit)
        await asyncio.to_thread((tmp_path / "go").write_text, "\n")
        await until((tmp_path / "done").exists)
        await until(lambda: log.stat().st_size <= limit)
        assert former.stat().st_size <= 2 * limit
        (status,) = supervisor.statuses()
        assert (status.state, status.restarts) == ("running", 0)


async def test_a_log_that_cannot_be_bounded_stops_nothing(make_spec: MakeSpec, tmp_path: Path) -> None:
    spec = make_spec("yes | head -c 50; exec sleep 60")
    with capture_logs() as logs:
        async with Supervisor(log_limit_bytes=10, log_look_seconds=0.001) as supervisor:
            (tmp_path / "child.log.1").mkdir()
            await supervisor.start(spec)
            await until(lambda: any(each["event"] == LOG_NOT_BOUNDED for each in logs))
            (status,) = supervisor.statuses()
            assert status.state == "running"


def test_no_process_is_left_behind() -> None:
    children = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "comm="], capture_output=True, text=True, check=False
    )
    assert "sleep" not in children.stdout
