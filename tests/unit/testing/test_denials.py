"""`denials()` names the IAM action that a policy must allow."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from tabard.model.audit_event import AuditEvent, DecidedCheck, Outcome
from tabard.model.audit_query import DENIED, EventFilter
from tabard.policy import Effect, Layer
from tabard.testing.instance import System, TabardInstance

BUCKET = "arn:aws:s3:::reports"
LISTING = DecidedCheck("s3:ListBucket", BUCKET, Effect.IMPLICIT_DENY, Layer.IDENTITY)
TAGGING = DecidedCheck("iam:TagRole", "*", Effect.EXPLICIT_DENY, Layer.IDENTITY)
CREATING = DecidedCheck("iam:CreateRole", "*", Effect.ALLOW, Layer.IDENTITY)


class OneEvent:
    """A system whose audit has one event of the instance."""

    def __init__(self, operation: str, outcome: Outcome, decisions: tuple[DecidedCheck, ...]) -> None:
        service, name = operation.split(":")
        self.event = AuditEvent(
            request_id="r",
            at=datetime(2026, 1, 31, tzinfo=UTC),
            service=service,
            operation=name,
            principal_arn="arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0",
            access_key_id="ASIAIOSFODNN7EXAMPLE",
            source_ip="192.0.2.1",
            user_agent="",
            region="us-east-1",
            resources=(BUCKET,),
            outcome=outcome,
            error_code="AccessDenied",
            reason="no identity-based policy allows it",
            http_status=403,
            snapshot_version=1,
            decisions=decisions,
        )

    def audit(self, wanted: EventFilter) -> Sequence[AuditEvent]:
        assert wanted == EventFilter(outcomes=DENIED, instance_id="i-0123456789abcdef0")
        return (self.event,)


@pytest.mark.parametrize(
    ("operation", "outcome", "decisions", "action"),
    [
        ("s3:ListObjectsV2", "denied", (LISTING,), "s3:ListBucket"),
        ("iam:CreateRole", "denied", (CREATING, TAGGING), "iam:TagRole"),
        ("s3:GetBucketAcl", "not_offered", (), "s3:GetBucketAcl"),
    ],
    ids=["another name", "the denied one of several", "not offered"],
)
def test_a_denial_names_the_action_that_was_denied(
    operation: str, outcome: Outcome, decisions: tuple[DecidedCheck, ...], action: str
) -> None:
    instance = TabardInstance(
        instance_id="i-0123456789abcdef0",
        instance_profile="web",
        said_environment={},
        system=cast(System, OneEvent(operation, outcome, decisions)),
    )
    (denial,) = instance.denials()
    assert denial.action == action
