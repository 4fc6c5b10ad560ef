"""A backup of a running system, restored into an empty data directory, is that system again."""

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.running_system import TABARD, RunningSystem, allow, bare_environment, tabard_up

pytestmark = pytest.mark.flow


def tabard(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TABARD, *arguments], env=bare_environment(), capture_output=True, text=True, timeout=60, check=False
    )


def write_users(system: RunningSystem, acknowledged: list[str], enough: threading.Event) -> None:
    """Create users until the test has seen enough; each is noted once the system has acknowledged it."""
    iam = system.client("iam")
    while not enough.is_set():
        name = f"user-{len(acknowledged)}"
        iam.create_user(UserName=name)
        acknowledged.append(name)


def test_every_acknowledged_write_is_in_the_backup_and_works_after_the_restore(tmp_path: Path) -> None:
    backup, enough = tmp_path / "today.backup", threading.Event()
    acknowledged: list[str] = []
    with tabard_up(tmp_path / "data") as system:
        profile = system.instance_profile_of(allow("s3:ListAllMyBuckets"))
        key = system.client("iam").create_access_key(UserName="admin")["AccessKey"]
        writer = threading.Thread(target=write_users, args=(system, acknowledged, enough))
        writer.start()
        try:
            while len(acknowledged) < 30:
                enough.wait(0.01)
            before = list(acknowledged)
            made = tabard("backup", "--data-dir", str(system.data_dir), str(backup))
        finally:
            enough.set()
            writer.join()
        assert made.returncode == 0, made.stderr
        assert len(acknowledged) > len(before)  # it blocked no write
        running = tabard("restore", "--data-dir", str(system.data_dir), str(backup))
        assert (running.returncode, "is in use by another tabard" in running.stderr) == (2, True)
    shutil.copy(tmp_path / "data" / "master.key", tmp_path / "master.key")
    shutil.rmtree(tmp_path / "data")
    restored = tabard(
        "restore",
        "--data-dir",
        str(tmp_path / "data"),
        "--master-key",
        str(tmp_path / "master.key"),
        str(backup),
    )
    assert restored.returncode == 0, restored.stderr
    with tabard_up(tmp_path / "data") as system:
        # A long-term key of before signs, and its secret opens.
        iam = system.client(
            "iam",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )
        pages = iam.get_paginator("list_users").paginate()
        found = {user["UserName"] for page in pages for user in page["Users"]}
        assert found >= {"admin", *before}
        roles = iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
        assert [role["RoleName"] for role in roles] == [profile]
