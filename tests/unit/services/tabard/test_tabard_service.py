"""The `tabard` service: the audit, the organization and what a simulation needs, for who may."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

import msgspec
import pytest

from tabard.access.caller import Caller
from tabard.errors import AwsError
from tabard.model.audit_event import AuditEvent, ConsideredPolicies, Outcome
from tabard.model.organization_tree import as_tree, organization_of
from tabard.model.tabard_service import TABARD
from tabard.model.tag import Tag
from tabard.policy import Layer
from tabard.services.tabard import errors
from tabard.services.tabard.operations import OPERATIONS
from tabard.wire.request import ServiceName
from tabard.wire.service_model import service_model
from tests.support import aggregates
from tests.support.aggregates import HOUR, NOW
from tests.support.one_account import ACCOUNT_ID, REGION, Account, allow

TREE = as_tree(
    organization_of(
        {
            "id": "o-exampleorg1",
            "management_account": "999988887777",
            "root": {"id": "r-root", "accounts": [{"id": ACCOUNT_ID}]},
        }
    )
)


def audit_event(n: int = 1, *, outcome: Outcome = "allowed", at: datetime = NOW) -> AuditEvent:
    """An event of this account."""
    event = aggregates.audit_event(n, outcome=outcome, at=at)
    return msgspec.structs.replace(event, account_id=ACCOUNT_ID)


def ask(account: Account, name: str, caller: Caller | None = None, **members: object) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = account.call("tabard", name, members, as_=caller)
    return answer


def refused(account: Account, name: str, caller: Caller | None = None, **members: object) -> AwsError:
    with pytest.raises(AwsError) as raised:
        ask(account, name, caller, **members)
    return raised.value


def test_model_and_table_have_the_same_operations_and_errors() -> None:
    model = service_model("tabard")
    assert model.signing_name == model.endpoint_prefix == "tabard"
    assert model.metadata["targetPrefix"] == TABARD.target_prefix == "Tabard_20261101"
    assert set(model.operation_names) == {operation.name for operation in OPERATIONS}
    raised = {each for each in vars(errors).values() if isinstance(each, type) and each is not AwsError}
    assert {error.code: error.status for error in raised} == dict(TABARD.errors)  # type: ignore[attr-defined]
    assert "tabard" in get_args(ServiceName)


OPERATIONS_WITH_MEMBERS: list[tuple[str, dict[str, object], str]] = [
    ("LookupEvents", {}, f"arn:aws:tabard:{REGION}:{ACCOUNT_ID}:audit"),
    ("ExplainEvent", {"RequestId": "1"}, f"arn:aws:tabard:{REGION}:{ACCOUNT_ID}:audit"),
    ("FlushEvents", {}, f"arn:aws:tabard:{REGION}:{ACCOUNT_ID}:audit"),
    ("GetOrganization", {}, f"arn:aws:tabard:{REGION}:{ACCOUNT_ID}:organization"),
    ("PutOrganization", {"Organization": "{}"}, f"arn:aws:tabard:{REGION}:{ACCOUNT_ID}:organization"),
    ("DeleteOrganization", {}, f"arn:aws:tabard:{REGION}:{ACCOUNT_ID}:organization"),
    ("GetPrincipalPolicies", {"Principal": "user/admin"}, f"arn:aws:iam::{ACCOUNT_ID}:user/admin"),
    ("GetIdentityCertificate", {}, f"arn:aws:tabard:{REGION}:{ACCOUNT_ID}:identity-certificate"),
]


ANSWERED = {
    "ExplainEvent": "EventNotFound",
    "GetOrganization": "OrganizationNotFound",
    "PutOrganization": "InvalidOrganization",
    "DeleteOrganization": "OrganizationNotFound",
}
"""What comes of them in an account without events and organization."""


@pytest.mark.parametrize(("name", "members", "resource"), OPERATIONS_WITH_MEMBERS)
def test_only_who_is_granted_an_operation_may_call_it(
    account: Account, name: str, members: dict[str, object], resource: str
) -> None:
    granted = account.add_user("granted", allow(f"tabard:{name}", resource=resource))
    others = [each for each, _, _ in OPERATIONS_WITH_MEMBERS if each != name]
    another = account.add_user("another", *(allow(f"tabard:{each}", resource="*") for each in others))
    assert refused(account, name, another, **members).error_code == "AccessDenied"
    assert (
        f"is not authorized to perform: tabard:{name} on"
        in refused(account, name, another, **members).message
    )
    # Granted, the operation itself answers: what it was asked for, or that this is not there.
    if name in ANSWERED:
        assert refused(account, name, granted, **members).error_code == ANSWERED[name]
    else:
        assert ask(account, name, granted, **members) is not None


def test_a_host_calls_none_of_it(account: Account) -> None:
    for name, members, _ in OPERATIONS_WITH_MEMBERS:
        assert refused(account, name, account.host, **members).error_code == "AccessDenied"


def test_the_audit_is_answered_in_pages(account: Account) -> None:
    events = [
        msgspec.structs.replace(audit_event(n), outcome="denied" if n == 2 else "allowed")
        for n in range(1, 6)
    ]
    with account.store.transaction() as tx:
        tx.audit.append(events)
    page = ask(account, "LookupEvents", AfterNumber=1, Limit=2)
    assert [each["Number"] for each in page["Events"]] == [2, 3]
    assert page["LastNumber"] == 5
    read = [msgspec.json.decode(each["Event"], type=AuditEvent) for each in page["Events"]]
    assert read == events[1:3]
    denied = ask(account, "LookupEvents", DeniedOnly=True)
    assert [each["Number"] for each in denied["Events"]] == [2]
    assert ask(account, "LookupEvents", AfterNumber=2**53, Limit=1) == {"LastNumber": 5}


def test_an_event_is_explained_with_what_was_changed_since(account: Account) -> None:
    admin_arn = f"arn:aws:iam::{ACCOUNT_ID}:user/admin"
    admin = account.snapshot.user_named("admin")
    assert admin is not None
    sources = account.snapshot.identity_policies(admin.user_id).sources
    event = msgspec.structs.replace(
        audit_event(1),
        principal_arn=admin_arn,
        principal_id=admin.user_id,
        policies=(ConsideredPolicies(Layer.IDENTITY, sources),),
    )
    with account.store.transaction() as tx:
        tx.audit.append([event])
    found = ask(account, "ExplainEvent", RequestId=event.request_id)
    assert msgspec.json.decode(found["Event"], type=AuditEvent) == event
    assert "Changes" not in found
    account.call("iam", "TagUser", {"UserName": "admin", "Tags": [{"Key": "team", "Value": "blue"}]})
    assert "Changes" not in ask(account, "ExplainEvent", RequestId=event.request_id)
    later = {"UserName": "admin", "PolicyName": "later", "PolicyDocument": allow("s3:*")}
    account.call("iam", "PutUserPolicy", later)
    assert ask(account, "ExplainEvent", RequestId=event.request_id)["Changes"] == (
        {"Change": "added", "Kind": "inline policy", "Name": "later", "Holder": admin_arn},
    )
    unknown = refused(account, "ExplainEvent", RequestId="nonsense")
    assert (unknown.error_code, unknown.message) == (
        "EventNotFound",
        "The audit knows no request 'nonsense'.",
    )


def test_an_organization_is_put_answered_and_deleted(account: Account) -> None:
    assert refused(account, "GetOrganization").error_code == "OrganizationNotFound"
    assert refused(account, "DeleteOrganization").error_code == "OrganizationNotFound"
    ask(account, "PutOrganization", Organization=json.dumps(TREE))
    version = account.snapshot.version
    ask(account, "PutOrganization", Organization=json.dumps(TREE))
    assert account.snapshot.version == version  # it was in force already
    assert json.loads(ask(account, "GetOrganization")["Organization"]) == TREE
    assert ask(account, "DeleteOrganization") == {"OrganizationId": TREE["id"]}
    assert refused(account, "GetOrganization").error_code == "OrganizationNotFound"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no json", "Expecting value"),
        ("[]", "Expected `object`"),
        ("{}", "missing required field"),
        ("[" * 100_000, ""),
        (json.dumps({**TREE, "management_account": "1"}), ""),
        (
            json.dumps({**TREE, "root": {"id": "r-root"}, "management_account": "444455556666"}),
            f"account {ACCOUNT_ID}, which this installation is, is not in",
        ),
    ],
    ids=["no-json", "list", "empty", "deep", "no-account", "another-account"],
)
def test_what_is_no_organization_of_this_account_is_refused_and_changes_nothing(
    account: Account, text: str, sentence: str
) -> None:
    version = account.snapshot.version
    error = refused(account, "PutOrganization", Organization=text)
    assert (error.error_code, error.http_status) == ("InvalidOrganization", 400)
    assert sentence in error.message
    assert account.snapshot.version == version


def test_a_principal_is_answered_with_all_that_a_simulation_needs(account: Account) -> None:
    account.add_user(
        "alice", allow("s3:GetObject", resource="*"), path="/staff/", tags=(Tag(key="team", value="blue"),)
    )
    ask(account, "PutOrganization", Organization=json.dumps(TREE))
    found = ask(account, "GetPrincipalPolicies", Principal="user/alice")
    arn = f"arn:aws:iam::{ACCOUNT_ID}:user/staff/alice"
    assert (found["PrincipalArn"], found["AccountId"]) == (arn, ACCOUNT_ID)
    (inline,) = found["IdentityPolicies"]
    assert inline["Document"] == allow("s3:GetObject", resource="*")
    assert (inline["SourceType"], inline["Holder"]) == ("user", "alice")
    keys = {each["Key"]: each["Values"] for each in found["CallerKeys"]}
    assert keys["aws:principaltag/team"] == ("blue",)
    assert keys["aws:principalarn"] == (arn,)
    assert json.loads(found["Organization"]) == TREE
    assert ask(account, "GetPrincipalPolicies", Principal=arn) == found


def test_the_caller_of_a_simulation_is_told_about_only_to_who_may_see_it_too(account: Account) -> None:
    account.add_user("alice")
    alice, admin = (f"arn:aws:iam::{ACCOUNT_ID}:user/{name}" for name in ("alice", "admin"))
    one = account.add_user("one", allow("tabard:GetPrincipalPolicies", resource=alice))
    assert ask(account, "GetPrincipalPolicies", one, Principal="user/alice")["PrincipalArn"] == alice
    denied = refused(account, "GetPrincipalPolicies", one, Principal="user/alice", CallerArn=admin)
    assert denied.error_code == "AccessDenied"
    assert admin in denied.message


@pytest.mark.parametrize("principal", ["role/nobody", "user/nobody", "group/nobody"])
def test_a_principal_that_is_not_there_is_told_only_to_who_may_ask(account: Account, principal: str) -> None:
    kind, _, name = principal.partition("/")
    missing = refused(account, "GetPrincipalPolicies", Principal=principal)
    assert (missing.error_code, missing.message) == (
        "PrincipalNotFound",
        f"In this account there is no {kind} {name}.",
    )
    stranger = account.add_user(
        "stranger", allow("tabard:GetPrincipalPolicies", resource="arn:aws:iam::*:user/alice")
    )
    denied = refused(account, "GetPrincipalPolicies", stranger, Principal=principal)
    assert denied.error_code == "AccessDenied"


def with_control_policy(document: str) -> str:
    return json.dumps(
        {
            "id": "o-exampleorg1",
            "management_account": "999988887777",
            "policies": [{"name": "control", "type": "service-control", "document": document}],
            "root": {
                "id": "r-root",
                "service_control": ["control"],
                "accounts": [{"id": ACCOUNT_ID}],
            },
        }
    )


def test_a_control_policy_that_is_too_narrow_can_still_be_widened(account: Account) -> None:
    """It does limit who reads the audit."""
    ask(account, "PutOrganization", Organization=with_control_policy(allow("s3:*")))
    denied = refused(account, "LookupEvents")
    assert "no service control policy allows the tabard:LookupEvents action" in denied.message
    ask(account, "PutOrganization", Organization=json.dumps(TREE))
    assert ask(account, "LookupEvents") is not None


def test_a_control_policy_that_denies_it_keeps_everybody_from_changing_it(
    account: Account,
) -> None:
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "tabard:*Organization", "Resource": "*"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    ask(account, "PutOrganization", Organization=with_control_policy(document))
    for name in ("PutOrganization", "DeleteOrganization"):
        denied = refused(account, name, Organization=json.dumps(TREE))
        assert "with an explicit deny in a service control policy" in denied.message
        by_root = refused(account, name, account.root, Organization=json.dumps(TREE))
        assert by_root.error_code == "AccessDenied"


def test_an_identity_policy_is_still_needed_to_govern(account: Account) -> None:
    ask(account, "PutOrganization", Organization=with_control_policy(allow("s3:*")))
    stranger = account.add_user("stranger", allow("s3:*"))
    denied = refused(account, "DeleteOrganization", stranger)
    assert "no identity-based policy allows the tabard:DeleteOrganization action" in denied.message


def test_the_newest_events_are_answered_page_by_page(account: Account) -> None:
    events = [audit_event(n, outcome="denied" if n % 2 else "allowed") for n in range(1, 6)]
    with account.store.transaction() as tx:
        tx.audit.append(events)
    first = ask(account, "LookupEvents", Newest=True, Limit=2)
    assert [each["Number"] for each in first["Events"]] == [4, 5]
    second = ask(account, "LookupEvents", Newest=True, NextToken=first["NextToken"], DeniedOnly=True)
    assert [each["Number"] for each in second["Events"]] == [1, 3]
    assert "NextToken" not in second


@pytest.mark.parametrize(
    ("members", "numbers"),
    [
        ({"Action": "s3:Get*", "InstanceId": "i-00000000000000001"}, [1, 2, 3]),
        ({"Action": "sqs:SendMessage"}, []),
        ({"Principal": "role/web", "Decisions": ["denied", "failed"]}, [2]),
        ({"Since": NOW + HOUR, "Until": NOW + 2 * HOUR}, [1]),
    ],
)
def test_events_are_found_by_what_a_caller_wants(
    account: Account, members: dict[str, object], numbers: list[int]
) -> None:
    with account.store.transaction() as tx:
        tx.audit.append(
            [
                audit_event(n, outcome="denied" if n == 2 else "allowed", at=NOW + n * HOUR)
                for n in range(1, 4)
            ]
        )
    assert [each["Number"] for each in ask(account, "LookupEvents", **members).get("Events", ())] == numbers
    assert [
        each["Number"] for each in ask(account, "LookupEvents", Newest=True, **members).get("Events", ())
    ] == numbers
