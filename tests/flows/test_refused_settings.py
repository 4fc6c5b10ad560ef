"""Settings that cannot be safe are refused with a sentence, before anything is started."""

import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from tabard.cli.main import app
from tabard.clock import SystemClock
from tabard.services.ec2.placement import PROCESS_DRIVER_REFUSED
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.bootstrap import bootstrap
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import master_key_for
from tabard.wiring.settings import Settings
from tests.support.running_system import TABARD, RunningSystem, bare_environment

pytestmark = pytest.mark.flow


def up(data_dir: Path, *options: str) -> tuple[int, str]:
    """The status and the words of a `tabard up` that is expected to end by itself."""
    done = subprocess.run(
        [*TABARD, "up", "--data-dir", str(data_dir), "--port", "0", "--health-port", "0", *options],
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--address", "0.0.0.0"), "is not a loopback address"),
        (("--launch-uid", "65534"), "set together"),
    ],
)
def test_up_says_why_it_does_not_start(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    done = CliRunner().invoke(app, ["up", "--data-dir", str(tmp_path / "data"), *options])
    assert done.exit_code == 2
    assert sentence in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"address": "192.0.2.1"}, "is not a loopback address"),
        ({"address": "::"}, "is not a loopback address"),
        # Names may come to mean anything, most of all one that looks like a loopback address.
        ({"address": "127.0.0.1.example.test"}, "is not a loopback address"),
        ({"address": "localhost"}, "is not a loopback address"),
        ({"launch_gid": 65534}, "set together"),
        ({"launch_uid": 0, "launch_gid": 0}, "greater than or equal to 1"),
        ({"account_id": "1"}, "twelve digits"),
        ({"session_lifetime_seconds": 60}, "greater than or equal to 1200"),
        ({"upstream_timeout_seconds": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_safe(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Settings(**given)


def test_two_systems_never_share_a_data_directory(system: RunningSystem) -> None:
    status, said = up(system.data_dir)
    assert (status, "is in use by another tabard" in said) == (1, True)
    assert (system.data_dir / "running.json").exists()  # the first is still found


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("/dev/null", "/dev/null: File exists"),
        ("/dev/null/data", "/dev/null/data: Not a directory"),
        ("/proc/data", "/proc/"),
    ],
)
def test_a_data_directory_that_cannot_be_is_one_sentence(folder: str, sentence: str) -> None:
    status, said = up(Path(folder))
    assert (status, sentence in said) == (1, True), said
    assert "Traceback" not in said


def test_an_ephemeral_system_that_cannot_start_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: RunningSystem
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    port = system.endpoint.rpartition(":")[2]
    assert up(tmp_path / "data", "--ephemeral", "--port", port)[0] == 1
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("launch_uid", "own_uid", "refused"),
    [(None, 1000, False), (1000, 1000, False), (1000, 0, False), (1001, 1000, True)],
)
def test_only_root_launches_instances_as_another_user(
    launch_uid: int | None, own_uid: int, refused: bool
) -> None:
    settings = Settings(launch_uid=launch_uid, launch_gid=launch_uid)
    assert bool(settings.launch_uid_refused(own_uid=own_uid)) is refused


BEYOND = {"address": "192.0.2.1", "insecure_http": True}


@pytest.mark.parametrize(
    ("given", "launches"),
    [
        ({}, True),
        ({"address": "::1"}, True),
        ({"address": "127.9.9.9"}, True),
        (BEYOND, False),
        ({**BEYOND, "launch_uid": 65534, "launch_gid": 65534}, True),
    ],
)
def test_an_edge_beyond_loopback_launches_no_processes_as_the_servers_user(
    tmp_path: Path, given: dict[str, object], launches: bool
) -> None:
    """RunInstances would run a stranger's code as the server's own user."""
    data_dir = DataDir(tmp_path / "data")
    data_dir.prepare()
    settings = Settings(data_dir=data_dir.path, **given)
    store = open_sqlite_store(data_dir.database, vault=master_key_for(data_dir))
    try:
        bootstrap(store, data_dir, settings, now=SystemClock().now())
        with store.transaction() as tx:
            reason = tx.installation.get(PROCESS_DRIVER_REFUSED)
        assert (reason == "") is launches
        # The next start, on loopback again, launches again.
        bootstrap(store, data_dir, Settings(data_dir=data_dir.path), now=SystemClock().now())
        with store.transaction() as tx:
            assert tx.installation.get(PROCESS_DRIVER_REFUSED) == ""
    finally:
        store.close()


def test_the_same_holds_for_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABARD_ADDRESS", "0.0.0.0")
    with pytest.raises(ValidationError, match="not a loopback address"):
        Settings()
