"""The partition keys of tables, asked once and forgotten when they may have changed."""

import json
from datetime import timedelta
from pathlib import Path
from typing import cast

from tabard.edge.forward_json import JsonUpstream
from tabard.edge.table_keys import KEPT_SECONDS, TableKeys
from tabard.processes.shared_mark import SharedMark
from tests.support.edge_in_memory import EdgeInMemory

NOTES = {
    "Table": {
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [
            {"IndexName": "by-owner", "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}]}
        ],
        "LocalSecondaryIndexes": [
            {"IndexName": "by-day", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
        ],
    }
}
OWNED = {"Table": {"KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}]}}
REGION = "us-east-1"


async def test_a_table_and_its_indexes_are_known_after_one_question(edge: EdgeInMemory) -> None:
    keys = edge.pipeline.performer.table_keys
    edge.json.say(200, json.dumps(NOTES).encode())
    asked = frozenset({("notes", None), ("notes", "by-owner"), ("notes", "by-day"), ("notes", "no-index")})
    assert await keys.of(asked, region=REGION) == {
        ("notes", None): "pk",
        ("notes", "by-owner"): "owner",
        ("notes", "by-day"): "pk",
    }
    assert len(edge.json.heads) == 1
    await keys.of(asked, region="eu-west-1")
    assert len(edge.json.heads) == 2


async def test_it_is_asked_again_when_it_may_have_changed(edge: EdgeInMemory) -> None:
    keys = edge.pipeline.performer.table_keys
    edge.json.say(200, json.dumps(NOTES).encode())
    table = frozenset({("notes", None)})
    for asked, step in ((1, 0.0), (1, KEPT_SECONDS - 1), (2, 2.0), (2, 0.0)):
        edge.clock.advance(timedelta(seconds=step))
        await keys.of(table, region=REGION)
        assert len(edge.json.heads) == asked
    keys.forget()
    await keys.of(table, region=REGION)
    assert len(edge.json.heads) == 3


async def test_an_absent_table_has_no_keys(edge: EdgeInMemory) -> None:
    keys = edge.pipeline.performer.table_keys
    error = {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "absent"}
    edge.json.say(400, json.dumps(error).encode())
    assert await keys.of(frozenset({("notes", None)}), region=REGION) == {}
    edge.json.answers.clear()
    edge.json.say(200, b'{"Table":null}')
    assert await keys.of(frozenset({("notes", None)}), region=REGION) == {}


async def test_a_table_made_anew_through_another_edge_is_asked_for_again(
    edge: EdgeInMemory, tmp_path: Path
) -> None:
    """Both edges know the old key; one of them deletes the table and creates it with another key."""
    upstream = edge.pipeline.performer.upstreams["dynamodb"]
    assert isinstance(upstream, JsonUpstream)
    one, other = (TableKeys(upstream, edge.clock, SharedMark.at(tmp_path / "changes")) for _ in range(2))
    table = frozenset({("notes", None)})
    edge.json.say(200, json.dumps(NOTES).encode())
    for keys in (one, other):
        assert await keys.of(table, region=REGION) == {("notes", None): "pk"}
    edge.json.answers.clear()
    edge.json.say(200, json.dumps(OWNED).encode())
    one.forget()
    for keys in (one, other):
        assert await keys.of(table, region=REGION) == {("notes", None): "owner"}


async def test_an_answer_older_than_a_change_is_not_remembered(edge: EdgeInMemory) -> None:
    """The table changes while the upstream is being asked for it."""
    changes = SharedMark.private()

    class Changing:
        asked = 0

        async def ask(self, *_: object, **__: object) -> dict[str, object]:
            self.asked += 1
            if self.asked == 1:
                changes.change()
            return NOTES if self.asked == 1 else OWNED

    upstream = Changing()
    keys = TableKeys(cast(JsonUpstream, upstream), edge.clock, changes)
    table = frozenset({("notes", None)})
    await keys.of(table, region=REGION)
    assert await keys.of(table, region=REGION) == {("notes", None): "owner"}
    await keys.of(table, region=REGION)
    assert upstream.asked == 2
