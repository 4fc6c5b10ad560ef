"""`tabard organization`, over a data directory that nobody runs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tabard.cli.main import app
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.bootstrap import bootstrap
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import master_key_for
from tabard.wiring.settings import Settings

ACCOUNT = "111122223333"
TREE = {
    "id": "o-exampleorg1",
    "management_account": "999988887777",
    "root": {
        "id": "r-root",
        "units": [{"id": "ou-root-workload1", "name": "Work\nloads", "accounts": [{"id": ACCOUNT}]}],
    },
}


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    made.prepare()
    store = open_sqlite_store(made.database, vault=master_key_for(made))
    bootstrap(store, made, Settings(data_dir=made.path, account_id=ACCOUNT), now=datetime.now(UTC))
    store.close()
    return made


def said(data_dir: DataDir, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["organization", *arguments, "--data-dir", str(data_dir.path)])


def test_an_organization_is_applied_shown_and_removed(data_dir: DataDir, tmp_path: Path) -> None:
    path = tmp_path / "organization.json"
    path.write_text(json.dumps(TREE))
    applied = said(data_dir, "apply", str(path))
    assert (applied.exit_code, applied.stdout) == (0, "in force: o-exampleorg1, 0 control policies\n")
    assert said(data_dir, "show").stdout.splitlines() == [
        "o-exampleorg1, managed by account 999988887777",
        "  root r-root: FullAWSAccess",
        "    unit ou-root-workload1 Work\\nloads: FullAWSAccess",
        f"      account {ACCOUNT}: FullAWSAccess",
    ]
    shown = json.loads(said(data_dir, "show", "--json").stdout)
    assert shown["root"]["units"][0]["accounts"][0]["id"] == ACCOUNT
    removed = said(data_dir, "remove")
    assert (removed.exit_code, removed.stdout) == (0, "removed: o-exampleorg1\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show",), "the account is in no organization"),
        (("remove",), "the account is in no organization"),
        (("apply", "none.json"), "none.json cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    data_dir: DataDir, arguments: tuple[str, ...], sentence: str
) -> None:
    result = said(data_dir, *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_without_a_store_there_is_nothing_to_apply_to(tmp_path: Path) -> None:
    result = said(DataDir(tmp_path / "nowhere"), "show")
    assert result.exit_code == 2
    assert "there is no store in" in result.stderr
