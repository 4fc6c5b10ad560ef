"""The audit's record of decisions: the condition values and the policies that they considered."""

import json

import pytest

from tabard.access.authorize import Denied, authorize
from tabard.access.check import Check
from tabard.access.decision_record import considered_policies, decision_records
from tabard.model.organization import ControlPolicy, ControlType
from tabard.policy import Layer
from tests.support.aggregates import organization
from tests.support.installation import ACCOUNT_ID, Installation

READ = Check(action="s3:GetObject", resource="arn:aws:s3:::b/k")
WRITE = Check(action="s3:PutObject", resource="arn:aws:s3:::b/k")


def policy(action: str, **more: object) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_request_without_a_decision_considered_no_policy() -> None:
    assert considered_policies(()) == ()


def test_a_decision_names_the_policies_of_its_caller(here: Installation) -> None:
    here.allow(policy("s3:*"))
    caller = here.caller(here.signed("sts", here.session_of(here.web)))
    one = authorize(caller, (READ,), here.facts(), here.snapshot)
    two = authorize(caller, (READ, WRITE), here.facts(), here.snapshot)
    (considered,) = considered_policies(two.decided)
    assert considered.layer is Layer.IDENTITY
    assert considered_policies(one.decided) == (considered,)


def test_a_decision_records_the_values_that_statements_about_its_action_use(here: Installation) -> None:
    ip = {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}
    here.allow(
        policy("s3:GetObject", Condition=ip),
        policy("sqs:*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
    )
    caller = here.caller(here.signed("sts", here.session_of(here.web)))
    (record,) = decision_records(authorize(caller, (READ,), here.facts(), here.snapshot).decided)
    assert list(record.context) == ["aws:sourceip"]


def test_a_control_policy_that_allows_nothing_leaves_the_organization_changeable(
    here: Installation,
) -> None:
    here.allow(policy("tabard:*"))
    caller = here.caller(here.signed("sts", here.session_of(here.web)))
    scp = ControlPolicy(name="scp", control_type=ControlType.SERVICE, document=policy("s3:*"))
    with here.store.transaction() as tx:
        tx.organizations.put(
            organization(scp, service_control=("scp",), resource_control=(), account_id=ACCOUNT_ID)
        )
    check = Check(action="tabard:PutOrganization", resource="*", governs_organization=True)
    assert authorize(caller, (check,), here.facts("tabard"), here.snapshot).decided
    with pytest.raises(Denied):
        authorize(
            caller,
            (Check(action="tabard:PutOrganization", resource="*"),),
            here.facts("tabard"),
            here.snapshot,
        )
