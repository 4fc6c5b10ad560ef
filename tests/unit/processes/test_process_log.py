"""Every line of a log is one event, whoever writes it: Tabard, a library, or the interpreter."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, logging, sys, threading, warnings
import structlog
from tabard.processes.process_log import configure_log, log_what_ends_the_process

configure_log(sys.argv[1])
log_what_ends_the_process()
log = structlog.get_logger("ours")
log.debug("too_quiet")
log.info("session_minted", role_arn="arn:aws:iam::111122223333:role/web", text="two\\nlines")
logging.getLogger("library").warning("a library says %s", "so\\nand so")
logging.getLogger("library").info("too quiet")
warnings.warn("deprecated")
def fail(): raise ValueError("in a thread\\nwith two lines")
thread = threading.Thread(target=fail, name="worker"); thread.start(); thread.join()
async def forgotten():
    asyncio.create_task(broken())
    await asyncio.sleep(0)
async def broken(): raise ValueError("never retrieved")
asyncio.run(forgotten())
class Unraisable:
    def __del__(self): raise ValueError("in a finalizer")
Unraisable()
try:
    raise OSError("away")
except OSError:
    log.exception("request_failed", request_id="1")
raise RuntimeError("the end\\nof it")
"""


def lines_of(log_format: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()


def test_each_line_is_json_with_event_level_and_time() -> None:
    events = [json.loads(line) for line in lines_of("json")]
    assert all({"event", "level", "timestamp"} <= event.keys() for event in events)
    told = [(event["event"], event["level"]) for event in events]
    assert told[0] == ("session_minted", "info")
    assert told[1] == ("a library says so\nand so", "warning")
    assert "deprecated" in told[2][0]
    assert told[3] == ("thread_failed", "error")
    assert told[4][0].startswith("Task exception was never retrieved")
    assert told[5:] == [
        ("cleanup_failed", "error"),
        ("request_failed", "error"),
        ("process_failed", "critical"),
    ]
    assert "RuntimeError: the end\nof it" in events[-1]["exception"]
    assert "ValueError: in a thread" in events[3]["exception"]


def test_text_is_for_people() -> None:
    lines = lines_of("text")
    assert any("[info" in line and "session_minted" in line for line in lines)
    assert any("a library says so" in line for line in lines)
    assert "RuntimeError: the end" in lines
    assert not any(line.startswith("{") for line in lines)
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_events_below_the_level_are_omitted(log_format: str) -> None:
    assert not any("too_quiet" in line or "too quiet" in line for line in lines_of(log_format))
