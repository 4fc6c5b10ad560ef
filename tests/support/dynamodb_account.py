"""One account whose tables are known, and a caller who is held to the items of their own."""

import json
from collections.abc import Mapping, Sequence

import msgspec

from tabard.access.authorize import Denied, Permit
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.services.dynamodb.checks import tables_in
from tabard.services.dynamodb.operations import OPERATIONS
from tabard.services.operation import Facts, Forward, actions_of
from tabard.wire.parse import parse_input
from tabard.wire.request import RawRequest, Value
from tabard.wire.service_model import service_model
from tests.support.one_account import ACCOUNT_ID, NOW, REGION, Account

TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/notes"
INDEX = f"{TABLE}/index/by-owner"
PARTITION_KEYS = {
    ("notes", None): "pk",
    ("notes", "by-owner"): "owner",
    ("counts", None): "number",
    ("blobs", None): "raw",
}
_BY_NAME: Mapping[str, Forward] = {operation.name: operation for operation in OPERATIONS}


def typed(operation: str, request: Mapping[str, object]) -> Mapping[str, Value]:
    """The request as the wire reads it."""
    raw = RawRequest(
        method="POST",
        raw_path="/",
        raw_query="",
        headers=(),
        peer_ip="127.0.0.1",
        secure=False,
        request_id="",
        received_at=NOW,
    )
    return parse_input(service_model("dynamodb"), operation, raw, msgspec.json.encode(request), {})


def accept(operation: str, request: Mapping[str, object]) -> None:
    """Raises MemberNotOffered where the upstream would ignore a member."""
    _BY_NAME[operation].members.check("dynamodb", operation, typed(operation, request))


class Tables:
    """Resolves as the edge does: the partition keys of the tables that exist are looked up first."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def facts(self, arguments: Mapping[str, Value]) -> Facts:
        facts = self.account.facts()
        wanted = tables_in(arguments, facts)
        keys = {table: PARTITION_KEYS[table] for table in wanted if table in PARTITION_KEYS}
        return msgspec.structs.replace(facts, partition_keys=keys)

    def checks(self, operation: str, request: Mapping[str, object]) -> Sequence[Check]:
        arguments = typed(operation, request)
        checks = _BY_NAME[operation].checks(arguments, self.facts(arguments))
        assert {check.action for check in checks} <= set(actions_of("dynamodb", _BY_NAME[operation]))
        return checks

    def contexts(
        self, operation: str, request: Mapping[str, object]
    ) -> Sequence[Mapping[str, tuple[str, ...]]]:
        return [check.context for check in self.checks(operation, request)]

    def permit(self, caller: Caller, operation: str, request: Mapping[str, object]) -> Permit:
        """Raises Denied."""
        return self.account.permit(caller, *self.checks(operation, request), service="dynamodb")

    def is_allowed(self, caller: Caller, operation: str, request: Mapping[str, object]) -> bool:
        try:
            self.permit(caller, operation, request)
        except Denied:
            return False
        return True


def statement(effect: str, condition: Mapping[str, object], *, resource: object = "*") -> str:
    """A policy of one statement on DynamoDB."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": effect, "Action": "dynamodb:*", "Resource": resource, "Condition": condition}
            ],
        }
    )


ONLY_MINE = statement("Allow", {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}})
"""AWS's own example of fine-grained access: a user sees the items of their own alone."""

ONLY_TITLES = statement(
    "Allow",
    {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "title"]},
        "StringEqualsIfExists": {
            "dynamodb:Select": "SPECIFIC_ATTRIBUTES",
            "dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"],
        },
    },
)
"""AWS's own example of access to certain attributes."""
