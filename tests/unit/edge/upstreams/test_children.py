"""How the upstream children are defined, without starting them."""

import json
from pathlib import Path

import pytest

from tabard.edge.upstreams.embedded_stores import weed_program
from tabard.edge.upstreams.moto_child import moto_child
from tabard.edge.upstreams.runtime_folder import RuntimeFolderUnsafe
from tabard.edge.upstreams.seaweedfs import SeaweedfsChild, seaweedfs_child
from tabard.processes.child import launch_argv


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def seaweedfs(folder: Path, *, isolated: bool = True) -> SeaweedfsChild:
    return seaweedfs_child(
        data_folder=folder / "data", runtime_folder=folder, log_folder=folder, isolated=isolated
    )


def flags(child: SeaweedfsChild) -> dict[str, str]:
    return dict(word.removeprefix("-").partition("=")[::2] for word in child.spec.argv[1:] if "=" in word)


def test_the_program_comes_with_the_package() -> None:
    assert weed_program().name == "weed"


def test_no_secret_is_in_a_command_line(folder: Path) -> None:
    s3, moto = (
        seaweedfs(folder),
        moto_child(account_id="111122223333", runtime_folder=folder, log_folder=folder, isolated=True),
    )
    for spec, secret in ((s3.spec, s3.secret_access_key), (moto.spec, moto.secret_header[1])):
        assert not any(secret in word for word in launch_argv(spec))
        assert secret not in repr((s3, moto))
        assert secret not in spec.env.values()


def test_the_keys_are_in_a_private_file_and_new_each_time(folder: Path) -> None:
    first, second = seaweedfs(folder), seaweedfs(folder)
    identities = folder / "s3.json"
    assert identities.stat().st_mode & 0o777 == 0o600
    (identity,) = json.loads(identities.read_text())["identities"]
    assert identity["credentials"] == [
        {"accessKey": second.access_key_id, "secretKey": second.secret_access_key}
    ]
    assert first.secret_access_key != second.secret_access_key


def test_every_port_is_set_telemetry_is_off_and_all_is_on_loopback(folder: Path) -> None:
    for isolated in (True, False):
        given = flags(seaweedfs(folder, isolated=isolated))
        ports = [
            value
            for name, value in given.items()
            if ".port" in name and not name.endswith(("iceberg", "lance"))
        ]
        assert len(ports) == len(set(ports)) == 10
        assert (given["ip"], given["ip.bind"]) == ("127.0.0.1", "127.0.0.1")
        assert given["master.telemetry"] == given["admin.ui"] == given["webdav"] == given["s3.iam"] == "false"


def test_the_filer_that_asks_for_nothing_is_in_the_childs_own_tmp(folder: Path) -> None:
    assert flags(seaweedfs(folder))["filer.localSocket"] == "/tmp/filer.sock"
    assert "--private-tmp" in launch_argv(seaweedfs(folder).spec)


def test_the_store_is_emptied_but_its_folder_stays(folder: Path) -> None:
    child = seaweedfs(folder)
    (child.data_folder / "filerldb2").mkdir()
    (child.data_folder / "1.dat").write_bytes(b"x")
    child.empty()
    assert list(child.data_folder.iterdir()) == []


def test_a_runtime_folder_open_to_others_is_refused(folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(RuntimeFolderUnsafe):
        seaweedfs(folder)
