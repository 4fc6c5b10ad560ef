"""`tabard audit` shows the events that its options describe, in order of time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from tabard.cli.main import app
from tabard.model.audit_event import AuditEvent, Outcome
from tabard.store.sqlite import open_sqlite_store
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import master_key_for
from tabard.wiring.settings import Settings
from tabard.wiring.start_store import start_store
from tests.support.aggregates import ACCOUNT_ID, audit_event

NOW = datetime.now(UTC).replace(microsecond=0)
ALICE = f"arn:aws:iam::{ACCOUNT_ID}:user/ops/alice"


def event(name: str, minutes_ago: int, outcome: Outcome, **fields: object) -> AuditEvent:
    made = audit_event(1, outcome=outcome, at=NOW - timedelta(minutes=minutes_ago))
    return msgspec.structs.replace(made, request_id=name, decisions=(), **fields)


# In the order in which edges wrote them, which is not the order of time.
WRITTEN = (
    event("newest", 1, "denied"),
    event("allowed", 30, "allowed", principal_arn=ALICE, instance_id=""),
    event("oldest", 180, "not_offered", operation="GetBucketAcl", instance_id="i-00000000000000002"),
    event("refused", 10, "refused", operation="PutObject"),
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = DataDir(tmp_path_factory.mktemp("audit") / "data")
    made.prepare()
    start_store(made, Settings(data_dir=made.path, account_id=ACCOUNT_ID))
    store = open_sqlite_store(made.database, vault=master_key_for(made))
    with store.transaction() as tx:
        tx.audit.append(WRITTEN)
    store.close()
    return made.path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["oldest", "allowed", "refused", "newest"]),
        ("--last 2", ["refused", "newest"]),
        ("--since 2h", ["allowed", "refused", "newest"]),
        ("--since TEN-MINUTES-AGO", ["refused", "newest"]),
        ("--instance i-00000000000000002", ["oldest"]),
        ("--action s3:PutObject", ["refused"]),
        ("--action S3:get*", ["oldest", "allowed", "newest"]),
        ("--principal user/alice", ["allowed"]),
        ("--principal role/web", ["oldest", "refused", "newest"]),
        (f"--principal {ALICE}", ["allowed"]),
        ("--decision allowed", ["allowed"]),
        ("--decision not-offered --decision refused", ["oldest", "refused"]),
        ("--denied", ["oldest", "newest"]),
        ("--denied --since 1h --action s3:GetObject", ["newest"]),
    ],
)
def test_each_option_narrows_the_events_and_they_are_in_order_of_time(
    data_dir: Path, options: str, expected: list[str]
) -> None:
    given = options.replace("TEN-MINUTES-AGO", (NOW - timedelta(minutes=10)).isoformat()).split()
    shown = CliRunner().invoke(app, ["audit", "--json", "--data-dir", str(data_dir), *given])
    assert shown.exit_code == 0, shown.output
    assert [each["request_id"] for each in json.loads(shown.stdout)["events"]] == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "soon"), "such as"),
        (("--action", "s3:*Object"), "--action s3:*Object: "),
        (("--instance", "web"), "--instance web: write the id of an instance, such as i-"),
        (("--decision", "perhaps"), "not-offered"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused_with_a_sentence(
    data_dir: Path, options: tuple[str, str], said: str
) -> None:
    shown = CliRunner().invoke(app, ["audit", "--data-dir", str(data_dir), *options])
    assert shown.exit_code == 2
    assert said in shown.stderr
    assert "Traceback" not in shown.output
