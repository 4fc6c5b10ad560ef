"""The owner of a data directory reads the store of a stopped system, without its master key."""

import json
import os
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from tabard.cli.main import app
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import master_key_for
from tabard.wiring.settings import Settings
from tabard.wiring.start_store import start_store
from tests.support.aggregates import audit_event

ACCOUNT = "111122223333"
EVENT = msgspec.structs.replace(audit_event(7), outcome="denied", error_code="AccessDenied")
TREE = {
    "id": "o-exampleorg1",
    "management_account": "999988887777",
    "root": {"id": "r-root", "accounts": [{"id": ACCOUNT}]},
}


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    """A data directory whose master key is kept elsewhere, as SECURITY.md advises."""
    made = DataDir(tmp_path / "data")
    made.prepare()
    start_store(made, Settings(data_dir=made.path, account_id=ACCOUNT))
    store = open_sqlite_store(made.database, vault=master_key_for(made))
    with store.transaction() as tx:
        tx.audit.append([EVENT])
    store.close()
    made.master_key.rename(tmp_path / "master.key")
    return made


def run(data_dir: DataDir, *command: str) -> Result:
    return CliRunner().invoke(app, [*command, "--data-dir", str(data_dir.path)])


def said_who(ended: Result, data_dir: DataDir) -> bool:
    owner = f"uid {os.geteuid()}, its owner"
    return ended.stderr.startswith(f"tabard: system {data_dir.path}, which is stopped, principal {owner}\n")


def test_the_audit_is_shown(data_dir: DataDir) -> None:
    assert said_who(run(data_dir, "audit"), data_dir)
    ended = run(data_dir, "audit", "--json")
    assert ended.exit_code == 0, ended.output
    assert ended.stderr == ""  # a machine may read both
    (event,) = json.loads(ended.stdout)["events"]
    assert (event["request_id"], event["outcome"]) == (EVENT.request_id, "denied")


def test_a_request_is_explained(data_dir: DataDir) -> None:
    assert said_who(run(data_dir, "explain", EVENT.request_id), data_dir)
    ended = run(data_dir, "explain", EVENT.request_id, "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["error_code"] == "AccessDenied"


def test_an_organization_is_applied_shown_and_removed(data_dir: DataDir, tmp_path: Path) -> None:
    file = tmp_path / "organization.json"
    file.write_text(json.dumps(TREE))
    for command in (("apply", str(file)), ("show",), ("remove",)):
        ended = run(data_dir, "organization", *command)
        assert ended.exit_code == 0, ended.output
        assert said_who(ended, data_dir)
        assert "o-exampleorg1" in ended.stdout


def test_a_principal_is_simulated(data_dir: DataDir) -> None:
    ended = run(data_dir, "policy", "simulate", "--principal", "user/admin", "--action", "s3:GetObject")
    assert ended.exit_code == 0, ended.output
    assert said_who(ended, data_dir)
    assert ended.stdout.startswith("s3:GetObject on *: allowed")


def test_no_command_makes_another_master_key(data_dir: DataDir) -> None:
    run(data_dir, "audit")
    assert not data_dir.master_key.exists()
