"""A damaged file of the data directory is one sentence that names it and says what to do."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tabard.agent.host_keys import HostDirectory, NotEnrolled
from tabard.cli.main import app
from tabard.cli.up import CANNOT_START
from tabard.credentials.master_key import create_master_key
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.bootstrap import bootstrap
from tabard.wiring.data_dir import DataDir, write_secret_file
from tabard.wiring.key_files import master_key_for
from tabard.wiring.settings import Settings
from tabard.wiring.system import System

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
Damage = Callable[[Path], None]


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def _wrong_json(file: Path) -> None:
    file.write_text("[]")


def _half_json(file: Path) -> None:
    file.write_text('{"access_key_id": "AKIAIOSFODNN7EXAMPLE"}')


def _no_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00" * 40)


def _a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def _a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def _another_users(file: Path) -> None:
    os.chown(file, 4711, -1)


def _unreadable(file: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    file.chmod(0)


GIVEN_AWAY = pytest.param(_another_users, marks=pytest.mark.root("gives files away"))
DAMAGES = (
    _empty,
    _truncated,
    _wrong_json,
    _half_json,
    _no_text,
    _a_folder,
    _a_pipe,
    _a_link,
    GIVEN_AWAY,
    _unreadable,
)
damages = pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    """A data directory after a first start, which nobody runs."""
    made = DataDir(tmp_path / "data")
    made.prepare()
    store = open_sqlite_store(made.database, vault=master_key_for(made))
    bootstrap(store, made, _settings(made), now=NOW)
    store.close()
    return made


@pytest.fixture
def running(data_dir: DataDir) -> Iterator[DataDir]:
    """The same, as a running system leaves it: locked and announced."""
    lock = data_dir.lock()
    members = dict.fromkeys(("control_socket", "edge_socket", "instances"), "/nowhere")
    write_secret_file(
        data_dir.running,
        {
            "endpoint": "http://127.0.0.1:9",
            "health": "http://127.0.0.1:9",
            "region": "us-east-1",
            "ephemeral": True,
            **members,
        },
    )
    yield data_dir
    os.close(lock)


def _settings(data_dir: DataDir) -> Settings:
    return Settings(data_dir=data_dir.path, port=0, health_port=0, root_access_key=True)


async def refusal_to_start(data_dir: DataDir) -> str:
    """The sentence with which `tabard up` ends."""
    system = System(_settings(data_dir))
    try:
        await system.start()
    except CANNOT_START as error:
        return str(error)
    finally:
        await system.stop()
    raise AssertionError("the system started")


@damages
@pytest.mark.parametrize("name", ["admin.json", "host.json", "root.json"])
async def test_up_names_the_damaged_file_of_a_key_and_leaves_it_as_it_is(
    data_dir: DataDir, name: str, damage: Damage
) -> None:
    damage(data_dir.path / name)
    before = sorted((each.name, each.lstat().st_ino) for each in data_dir.path.glob("*.json"))
    said = await refusal_to_start(data_dir)
    assert str(data_dir.path / name) in said
    assert "remove it" in said or "move it away" in said
    assert sorted((each.name, each.lstat().st_ino) for each in data_dir.path.glob("*.json")) == before


@damages
async def test_up_names_a_damaged_master_key(data_dir: DataDir, damage: Damage) -> None:
    damage(data_dir.master_key)
    said = await refusal_to_start(data_dir)
    assert str(data_dir.master_key) in said
    assert "put the installation's own key back" in said or "move it away" in said or "remove it" in said


async def test_up_refuses_the_whole_master_key_of_another_installation(data_dir: DataDir) -> None:
    data_dir.master_key.unlink()
    create_master_key(data_dir.master_key)
    said = await refusal_to_start(data_dir)
    assert f"the master key does not open the store {data_dir.database}" in said
    assert "put the installation's own key back" in said


@pytest.mark.parametrize(
    "damage",
    [_no_text, _a_folder, _a_pipe, _a_link, GIVEN_AWAY],
    ids=lambda each: each.__name__.strip("_"),
)
async def test_up_names_a_damaged_store(data_dir: DataDir, damage: Damage) -> None:
    for log in data_dir.path.glob("tabard.sqlite3-*"):
        log.unlink()
    damage(data_dir.database)
    said = await refusal_to_start(data_dir)
    assert str(data_dir.database) in said
    assert any(advice in said for advice in ("restore a backup", "move it away", "remove it"))


async def test_up_names_a_store_that_is_cut_in_half(data_dir: DataDir) -> None:
    content = data_dir.database.read_bytes()
    data_dir.database.write_bytes(content[: len(content) // 2])
    said = await refusal_to_start(data_dir)
    assert str(data_dir.database) in said
    assert "restore a backup" in said


@pytest.mark.parametrize("name", ["ca-certificate.pem", "identity-certificate.pem", "running.json", "lock"])
async def test_up_names_a_folder_in_the_place_of_a_file(data_dir: DataDir, name: str) -> None:
    (data_dir.path / name).unlink(missing_ok=True)
    (data_dir.path / name).mkdir()
    assert await refusal_to_start(data_dir) == f"{data_dir.path / name} is a folder; move it away"


@pytest.mark.parametrize("name", ["seaweedfs", "instances", "logs"])
async def test_up_names_a_file_in_the_place_of_a_folder(data_dir: DataDir, name: str) -> None:
    (data_dir.path / name).rmdir()
    (data_dir.path / name).write_text("")
    assert await refusal_to_start(data_dir) == f"{data_dir.path / name} is not a folder; move it away"


async def test_up_names_a_file_in_the_place_of_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "/data: File exists; move it away" in await refusal_to_start(DataDir(tmp_path / "data"))


@damages
@pytest.mark.parametrize("name", ["admin.json", "running.json"])
@pytest.mark.parametrize("command", [("env",), ("host", "list"), ("reset",)], ids=" ".join)
def test_a_command_names_the_damaged_file_of_the_running_system(
    running: DataDir, name: str, damage: Damage, command: tuple[str, ...]
) -> None:
    damage(running.path / name)
    ended = CliRunner().invoke(app, [*command, "--data-dir", str(running.path)])
    assert ended.exit_code == 2, ended.output
    assert isinstance(ended.exception, SystemExit)
    assert ended.output.startswith(f"tabard: {running.path / name} ")
    assert ended.output.count("\n") == 1
    assert "; " in ended.output


@damages
def test_a_command_names_a_damaged_pointer_to_the_ephemeral_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Damage
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    pointer = tmp_path / "tabard-ephemeral.json"
    pointer.write_text(json.dumps({"data_dir": "/nowhere"}))
    damage(pointer)
    ended = CliRunner().invoke(app, ["env"])
    assert (ended.exit_code, ended.output.count("\n")) == (2, 1)
    assert ended.output.startswith(f"tabard: {pointer} ")
    assert ended.output.endswith("remove it\n")


@damages
def test_the_identity_certificate_is_printed_whole_or_not_at_all(data_dir: DataDir, damage: Damage) -> None:
    damage(data_dir.identity_certificate)
    ended = CliRunner().invoke(app, ["identity-certificate", "--data-dir", str(data_dir.path)])
    assert (ended.exit_code, ended.output.count("\n")) == (2, 1)
    assert ended.output.startswith(f"tabard: {data_dir.identity_certificate} ")


def _without_store(data_dir: DataDir) -> None:
    for file in data_dir.path.glob("tabard.sqlite3*"):
        file.unlink()


async def test_a_lost_store_beside_keys_starts_no_new_account(data_dir: DataDir) -> None:
    _without_store(data_dir)
    said = await refusal_to_start(data_dir)
    assert f"the store {data_dir.database} is missing, but {data_dir.admin_credentials} is there" in said
    assert "restore a backup (tabard restore FILE)" in said
    assert "move the whole folder away" in said
    assert not data_dir.database.exists()


async def test_a_store_that_was_emptied_starts_no_new_account(data_dir: DataDir) -> None:
    _without_store(data_dir)
    data_dir.database.write_bytes(b"")
    assert f"the store {data_dir.database} is empty, but" in await refusal_to_start(data_dir)


async def test_a_lost_store_beside_buckets_starts_no_new_account(data_dir: DataDir) -> None:
    _without_store(data_dir)
    for file in data_dir.path.glob("*.*"):
        file.unlink()
    (data_dir.seaweedfs / "reports.dat").write_text("objects")
    assert f"is missing, but {data_dir.seaweedfs} is there" in await refusal_to_start(data_dir)


async def test_a_store_without_an_account_beside_buckets_starts_no_new_account(data_dir: DataDir) -> None:
    """This is the store's file alone, copied without its write-ahead log."""
    _without_store(data_dir)
    open_sqlite_store(data_dir.database, vault=master_key_for(data_dir)).close()
    (data_dir.seaweedfs / "reports.dat").write_text("objects")
    said = await refusal_to_start(data_dir)
    assert f"the store {data_dir.database} has no account, but {data_dir.seaweedfs} is in use" in said


def test_a_first_start_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    """What a start leaves before its account is committed is no trace of a lost store."""
    from tabard.wiring.former_start import require_former_account, require_store_file

    made = DataDir(tmp_path / "data")
    made.prepare()
    master_key = master_key_for(made)
    require_store_file(made)
    made.database.touch()
    require_store_file(made)
    open_sqlite_store(made.database, vault=master_key).close()
    write_secret_file(made.admin_credentials, {"access_key_id": "x", "secret_access_key": "y"})
    require_store_file(made)
    require_former_account(made)


def test_a_command_makes_no_store_where_one_was_lost(data_dir: DataDir) -> None:
    _without_store(data_dir)
    data_dir.database.touch()
    ended = CliRunner().invoke(app, ["audit", "--data-dir", str(data_dir.path)])
    assert ended.exit_code == 2
    assert f"the store {data_dir.database} is empty" in ended.output
    assert data_dir.database.stat().st_size == 0


def test_a_command_names_a_damaged_store(data_dir: DataDir) -> None:
    connection = sqlite3.connect(data_dir.database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(data_dir.database.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    data_dir.database.write_bytes(content)
    ended = CliRunner().invoke(app, ["audit", "--data-dir", str(data_dir.path)])
    assert ended.exit_code == 2
    assert [line.startswith("tabard: ") for line in ended.output.splitlines()] == [True, True]
    assert f"the store {data_dir.database} is damaged" in ended.output
    assert "restore a backup: tabard restore FILE" in ended.output


@pytest.mark.parametrize("name", ["enrollment.json", "host.pem", "ca-certificate.pem"])
@pytest.mark.parametrize("damage", [_empty, _no_text, _a_folder], ids=lambda each: each.__name__.strip("_"))
def test_a_machines_damaged_enrollment_is_one_sentence(tmp_path: Path, name: str, damage: Damage) -> None:
    folder = tmp_path / "host"
    folder.mkdir(mode=0o700)
    file = folder / name
    file.write_text("x")
    damage(file)
    directory = HostDirectory(folder)
    read = {
        "enrollment.json": directory.enrollment,
        "host.pem": directory.host_context,
        "ca-certificate.pem": directory.authority_context,
    }[name]
    if name == "host.pem":
        (folder / "ca-certificate.pem").write_text(_certificate(tmp_path))
    with pytest.raises(NotEnrolled) as refused:
        read()
    assert str(file) in str(refused.value)
    assert f"remove {folder}, and enroll with a new join token" in str(refused.value)


@pytest.mark.parametrize("damage", [_empty, _no_text, _a_folder], ids=lambda each: each.__name__.strip("_"))
def test_a_machines_damaged_first_key_is_one_sentence(tmp_path: Path, damage: Damage) -> None:
    file = tmp_path / "first-key.pem"
    file.write_text("x")
    damage(file)
    with pytest.raises(NotEnrolled, match=r"first-key\.pem cannot be used"):
        HostDirectory(tmp_path).first_key("web")


def _certificate(folder: Path) -> str:
    made = DataDir(folder / "authority")
    made.prepare()
    store = open_sqlite_store(made.database, vault=master_key_for(made))
    bootstrap(store, made, _settings(made), now=NOW)
    store.close()
    return made.ca_certificate.read_text()
