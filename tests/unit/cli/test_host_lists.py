"""`tabard host list` and `host tokens`: as a table, and as one JSON document."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from tabard.cli.main import app
from tabard.model.message_json import encode_message
from tabard.model.messages import (
    DescribeHostsResult,
    DescribeJoinTokensResult,
    HostDescription,
    JoinTokenDescription,
)
from tests.support.fake_system import FakeSystem, fake_system

SEEN = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
HOST_ID = "h-0123456789abcdef0"
INSTANCE_IDS = ("i-0123456789abcdef0", "i-0123456789abcdef1")
HOST = HostDescription(
    host_id=HOST_ID,
    arn=f"arn:aws:hosts:us-east-1:111122223333:host/{HOST_ID}",
    name="web",
    region="us-east-1",
    registered_at=SEEN,
    last_seen_at=SEEN,
    ephemeral=False,
    enrolled=True,
    key_fingerprint="a" * 64,
    instance_ids=INSTANCE_IDS,
)
TOKEN_ID = "jt-0123456789abcdef0"
TOKEN = JoinTokenDescription(
    join_token_id=TOKEN_ID,
    arn=f"arn:aws:hosts:us-east-1:111122223333:join-token/{TOKEN_ID}",
    host_name="web",
    created_at=SEEN,
    created_by="arn:aws:iam::111122223333:user/ops",
    expiration=datetime.now(UTC).replace(microsecond=0) + timedelta(days=1),
    host_id="",
)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystem]:
    """A system with one host and one join token, which the shell names."""
    with fake_system() as made:
        made.answers["DescribeHosts"] = encode_message(DescribeHostsResult(hosts=(HOST,))).decode()
        tokens = DescribeJoinTokensResult(join_tokens=(TOKEN,))
        made.answers["DescribeJoinTokens"] = encode_message(tokens).decode()
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        yield made


def host(*arguments: str) -> Result:
    ended = CliRunner().invoke(app, ["host", *arguments])
    assert ended.exit_code == 0, ended.output
    return ended


def test_the_hosts_are_one_json_document_and_stderr_is_empty(system: FakeSystem) -> None:
    ended = host("list", "--json")
    (shown,) = json.loads(ended.stdout)["hosts"]
    assert (shown["host_id"], shown["name"], shown["kind"]) == (HOST_ID, "web", "enrolled")
    assert shown["instance_ids"] == list(INSTANCE_IDS)
    assert shown["last_seen_at"] == "2026-01-31T08:00:00Z"
    assert ended.stderr == ""


def test_the_table_of_hosts_has_every_id_whole(system: FakeSystem) -> None:
    head, shown = host("list").stdout.splitlines()
    assert head.split() == ["HOST", "NAME", "KIND", "LAST", "SEEN", "INSTANCES"]
    assert shown.split() == [HOST_ID, "web", "enrolled", "2026-01-31T08:00:00Z", *INSTANCE_IDS]


def test_the_join_tokens_are_one_json_document_without_secrets(system: FakeSystem) -> None:
    ended = host("tokens", "--json")
    (shown,) = json.loads(ended.stdout)["join_tokens"]
    assert (shown["join_token_id"], shown["host_name"], shown["host_id"]) == (TOKEN_ID, "web", "")
    assert ended.stderr == ""
    assert not [name for name in shown if "secret" in name]
    assert TOKEN_ID in host("tokens").stdout


def test_no_hosts_are_an_empty_list(system: FakeSystem) -> None:
    del system.answers["DescribeHosts"]
    assert json.loads(host("list", "--json").stdout) == {"hosts": []}
